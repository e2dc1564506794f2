import type { StreamReport } from "../traffic/stream-traffic.ts";

/** What one step of a scenario showed. Times in milliseconds, null where nothing was to be measured. */
export interface PhaseReport {
  readonly name: string;
  readonly activeBefore: string;
  readonly activeAfter: string | null;
  /** From the fault until the other node held all virtual addresses. */
  readonly takeoverMs: number | null;
  /** See `announcedAfterMs`. */
  readonly announcedMs: number | null;
  /**
   * From the first address that the old node gave up until the new one held all: what a planned move costs.
   * Null where the old node could not give up anything.
   */
  readonly handoverMs: number | null;
  readonly udpGapMs: number;
  /** The same where probes were lost in between, 0 where none was: without what the probe's own lateness adds. */
  readonly udpOutageMs: number;
  /** Longest time between two sendings of the probe within that: by so much it may be wrong. */
  readonly udpOutageLateMs: number;
  /** Probes without an answer. */
  readonly udpLost: number;
  /** The same anywhere: what this machine's own lateness adds to the gap. */
  readonly udpSendGapMs: number;
  /** How long a processor of this machine stood still at most: a node on it was silent for as long. */
  readonly machineStallMs: number;
  readonly longestTcpStallMs: number;
  /** Longest time that two nodes both answered ARP requests for the LAN's virtual address. */
  readonly answeredByTwoMs: number;
  /** The longest time that one address stood on two nodes with power. */
  readonly duplicateAddressMs: number;
}

/** The verdict of a scenario. The first fields are stable: scripts and benchmarks read them. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly connections: number;
  readonly survived: number;
  readonly lost: number;
  readonly corrupted: number;
  readonly udpGapMs: number;
  readonly longestTcpStallMs: number;
  readonly takeoverMs: number | null;
  readonly backgroundFlows: number;
  readonly activeBefore: string;
  readonly activeAfter: string | null;
  readonly ok: boolean;
  /** Every promise that was not kept, in a sentence. */
  readonly failures: readonly string[];
  readonly ipv6Connections: number;
  /** Connections whose source port the gateway changed: only a mirrored mapping brings their replies back. */
  readonly portsChanged: number;
  readonly verifiedBytes: number;
  /** Background flows that still go through in both directions, asked one by one afterwards. */
  readonly backgroundSurvived: number;
  /** Longest time that two nodes both answered ARP requests for the LAN's virtual address. */
  readonly answeredByTwoMs: number;
  readonly duplicateAddressMs: number;
  readonly intervalMs: number;
  readonly lossReasons: Readonly<Record<string, number>>;
  readonly phases: readonly PhaseReport[];
}

export interface ReportParts {
  readonly scenario: string;
  readonly intervalMs: number;
  readonly ipv6Connections: number;
  readonly backgroundFlows: number;
  readonly backgroundSurvived: number;
  readonly streams: StreamReport;
  readonly phases: readonly [PhaseReport, ...PhaseReport[]];
  readonly failures: readonly string[];
}

/** Puts a report together, and judges what holds for every scenario. */
export function scenarioReport(parts: ReportParts): ScenarioReport {
  const { scenario, streams, phases, backgroundFlows, backgroundSurvived } = parts;
  const failures = [
    ...(streams.lost > 0 ? [`${streams.lost} of ${streams.connections} connections were lost`] : []),
    ...(streams.corrupted > 0 ? [`${streams.corrupted} connections carried wrong bytes`] : []),
    ...(backgroundSurvived < backgroundFlows
      ? [`${backgroundFlows - backgroundSurvived} of ${backgroundFlows} background flows were lost`]
      : []),
    ...parts.failures,
  ];
  const longest = (field: "udpGapMs" | "longestTcpStallMs" | "answeredByTwoMs" | "duplicateAddressMs") =>
    Math.max(...phases.map((phase) => phase[field]));
  return {
    scenario,
    connections: streams.connections,
    survived: streams.survived,
    lost: streams.lost,
    corrupted: streams.corrupted,
    udpGapMs: longest("udpGapMs"),
    longestTcpStallMs: longest("longestTcpStallMs"),
    takeoverMs: phases[0].takeoverMs,
    backgroundFlows,
    activeBefore: phases[0].activeBefore,
    activeAfter: phases.at(-1)?.activeAfter ?? null,
    ok: failures.length === 0,
    failures,
    ipv6Connections: parts.ipv6Connections,
    portsChanged: streams.portsChanged,
    verifiedBytes: streams.verifiedBytes,
    backgroundSurvived,
    answeredByTwoMs: longest("answeredByTwoMs"),
    duplicateAddressMs: longest("duplicateAddressMs"),
    intervalMs: parts.intervalMs,
    lossReasons: streams.reasons,
    phases,
  };
}
