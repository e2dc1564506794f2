import { runScenario } from "../../src/lab/scenarios/run-scenario.ts";

/** What happens to the active node. */
export const scenarioNames = ["power-off", "switchover", "stop", "cut-lan", "cut-wan"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** What was seen of one of them. Times in milliseconds. */
export interface FailoverRun {
  /** From the last probe before that was answered to the first one after; 0 when none was lost. */
  readonly gapMs: number;
  readonly udpLost: number;
  /** How late the probe itself was, at most: a gap that falls into that cannot be seen. */
  readonly probeLateMs: number;
  /** The same within the gap that was seen: by so much it may be wrong. */
  readonly outageLateMs: number;
  /** How long a processor of the machine stood still at most: whoever worked on it was late by as much. */
  readonly machineStallMs: number;
  /** From the fault until another node held all addresses; NaN when that did not happen. */
  readonly takeoverMs: number;
  /** From the last sign of the old active until all addresses were announced, by the taker's own stamps; NaN where there are none. */
  readonly announcedMs: number;
  readonly connections: number;
  /** Streams with verified bytes that broke, stood still, or carried wrong bytes. */
  readonly connectionsLost: number;
  /** Connections that only stood, asked one by one afterwards: those that were gone. */
  readonly backgroundLost: number;
  readonly longestTcpStallMs: number;
}

export interface FailoverRunOptions {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly flows: number;
  readonly intervalMs: number;
  /** Of tocha's pulses; undefined: `intervalMs`. */
  readonly pulseIntervalMs: number | undefined;
  /** 260 virtual addresses of both families on eight interfaces, instead of two. */
  readonly manyAddresses?: boolean;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

export const STREAMS = 300;
/** A probe that was late by no more says what happened. */
export const PROBE_LATE_MS = 5;
/** What everybody is set to: the shortest that VRRP knows. */
export const INTERVAL_MS = 10;
/** Of the pulses of `tocha-fastest`. */
export const FASTEST_PULSES_MS = 5;

/** Eight interfaces with 16 virtual addresses of each family, beside the four that every lab has. */
const MANY_ADDRESSES = { ipv6: true, moreInterfaces: 6, moreAddresses: 16 } as const;

/** One run of tocha in a lab of its own. */
export async function runTocha(options: FailoverRunOptions): Promise<FailoverRun> {
  const { name, scenario, flows, intervalMs, pulseIntervalMs, signal, log } = options;
  const report = await runScenario(scenario, {
    ...{ name, connections: STREAMS, backgroundFlows: flows, intervalMs, pulseIntervalMs, log },
    // As for the others: Debian's example for conntrackd and keepalived is IPv4 only.
    ...(options.manyAddresses === true ? MANY_ADDRESSES : { ipv6: false }),
    ...(signal === undefined ? {} : { signal }),
  });
  const [phase] = report.phases;
  return {
    gapMs: phase?.udpOutageMs ?? Number.NaN,
    udpLost: phase?.udpLost ?? Number.NaN,
    probeLateMs: phase?.udpSendGapMs ?? Number.NaN,
    outageLateMs: phase?.udpOutageLateMs ?? Number.NaN,
    machineStallMs: phase?.machineStallMs ?? Number.NaN,
    takeoverMs: report.takeoverMs ?? Number.NaN,
    announcedMs: phase?.announcedMs ?? Number.NaN,
    connections: report.connections,
    connectionsLost: report.lost + report.corrupted,
    backgroundLost: report.backgroundFlows - report.backgroundSurvived,
    longestTcpStallMs: report.longestTcpStallMs,
  };
}
