import type { FailoverWhy } from "./failover-why.ts";

/** gw2 took over when gw1 fell silent; gw1 is back, as the daemon explains it. */
export function exampleWhy(): FailoverWhy {
  return {
    ...{ cluster: "campus", asOf: "2026-08-01T10:01:01.000Z" },
    groups: [
      {
        ...{ name: "gateway", activeNode: "gw2", sinceSeconds: 61, historyId: "gw2-17" },
        sentences: [
          "gw2 has been active for 1m 1s: gw1 was silent for 313 ms on every path.",
          "It held every connection.",
        ],
        others: [
          {
            ...{ node: "gw1", reason: "preempt-off", canTakeOver: true },
            sentences: [
              'gw1 ranks higher (priority 110, gw2 has 100), but preempt is off: who comes back stays standby. "tocha switchover --to gw1" makes it active.',
            ],
          },
        ],
        ifActiveDied: {
          ...{ node: "gw1", withinMs: 313, complete: true, connections: 102_334 },
          ...{ notProtected: 0, lagRecords: 0, lagMs: 0 },
          sentences: ["gw1 would take over within 313ms of the active's last sign on any path."],
        },
      },
    ],
  };
}
