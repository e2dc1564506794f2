import { runScenario } from "../../src/lab/scenarios/run-scenario.ts";
import { untilKernelRests } from "../kernel-rest.ts";

/** One loss of power with so many connections in the table. */
export interface TakeoverRun {
  readonly flows: number;
  readonly udpGapMs: number;
  readonly takeoverMs: number | null;
  readonly connections: number;
  /** Live connections that did not go on, or carried wrong bytes. */
  readonly lost: number;
  /** Connections that only stood, asked one by one afterwards: those that were gone. */
  readonly backgroundLost: number;
}

export interface TakeoverOptions {
  readonly name: string;
  readonly flows: number;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

export const TAKEOVER_INTERVAL_MS = 10;
const CONNECTIONS = 300;

export async function runTakeover({ name, flows, signal, log }: TakeoverOptions): Promise<TakeoverRun> {
  await untilKernelRests(signal);
  const report = await runScenario("power-off", {
    name,
    connections: CONNECTIONS,
    backgroundFlows: flows,
    intervalMs: TAKEOVER_INTERVAL_MS,
    log,
    ...(signal === undefined ? {} : { signal }),
  });
  const result = {
    flows,
    udpGapMs: report.udpGapMs,
    takeoverMs: report.takeoverMs,
    connections: report.connections,
    lost: report.lost + report.corrupted,
    backgroundLost: report.backgroundFlows - report.backgroundSurvived,
  };
  log(JSON.stringify(result));
  return result;
}
