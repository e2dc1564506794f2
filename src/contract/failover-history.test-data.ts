import type { HistoryEntry } from "./failover-history.ts";

/** gw2 took over when gw1 fell silent, as the daemon reports it. */
export function takeoverEntry(rest: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    ...{ id: "gw2-17", node: "gw2", group: "gateway", at: "2026-08-01T10:00:00.313Z" },
    ...{ from: "standby", to: "active", kind: "silence", other: "gw1" },
    cause: "gw1 was silent for 313 ms on every path",
    evidence: {
      ...{ priority: 100, effectivePriority: 100, gatewayReady: true, tableComplete: true, lateMs: 0.119 },
      interfaces: [
        { name: "lan", up: true },
        { name: "wan", up: true },
      ],
      peers: [
        {
          ...{ name: "gw1", alive: false, role: "active", priority: 110, tableComplete: true },
          paths: [
            { name: "sync", silentMs: 313.369 },
            { name: "lan", silentMs: 312.619 },
            { name: "wan", silentMs: null },
          ],
        },
      ],
    },
    stamps: [
      { what: "heard", path: "sync", atUs: -313_519 },
      { what: "heard", path: "lan", atUs: -312_769 },
      { what: "due", atUs: -269 },
      { what: "noticed", atUs: -150 },
      { what: "decided", atUs: 0 },
      { what: "pulsed", atUs: 164 },
      { what: "addresses", atUs: 606 },
      { what: "announced", atUs: 1_405 },
      { what: "advertised", atUs: 1_787 },
      { what: "told", atUs: 1_829 },
      { what: "first-packet", path: "wan", atUs: 2_450 },
    ],
    source: { session: 1_795_642_981_456, sequence: 3 },
    ...rest,
  };
}

/** gw1 gave the role away a moment before. */
export function handoverEntry(rest: Partial<HistoryEntry> = {}): HistoryEntry {
  const { evidence } = takeoverEntry();
  return {
    ...{ id: "gw1-9", node: "gw1", group: "gateway", at: "2026-08-01T10:00:00.307Z" },
    ...{ from: "active", to: "standby", kind: "planned", other: "gw2" },
    cause: "it handed over to gw2: kernel update",
    evidence,
    stamps: [
      { what: "drain-asked", atUs: -2_000 },
      { what: "drained", atUs: -100 },
      { what: "noticed", atUs: -90 },
      { what: "decided", atUs: 0 },
      { what: "removed", atUs: 400 },
      { what: "advertised", atUs: 500 },
    ],
    source: { session: 7, sequence: 4 },
    ...rest,
  };
}
