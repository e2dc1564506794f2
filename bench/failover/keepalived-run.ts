import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../../src/lab/monotonic-clock.ts";
import { cut, type Fault, powerOff } from "../../src/lab/node-power.ts";
import { ACTIVE } from "../replication/contenders.ts";
import type { FailoverRun, FailoverRunOptions } from "./failover-run.ts";
import { stopKeepalived } from "./keepalived.ts";
import { type KeepalivedLab, withKeepalived } from "./keepalived-lab.ts";

const MOVE_LIMIT_MS = 20_000;
const POLL_MS = 100;
// As for tocha (src/lab/scenarios/run-scenario.ts).
const AFTER_MS = 3_000;
const PROGRESS_LIMIT_MS = 20_000;

/**
 * One run of keepalived and conntrackd in a lab of their own.
 *
 * @param inKernel whether conntrackd writes into the standby's kernel; else it commits its cache at the takeover
 */
export async function runKeepalived(inKernel: boolean, options: FailoverRunOptions): Promise<FailoverRun> {
  return await withKeepalived({ ...options, inKernel }, (lab) => fail(lab, options));
}

async function fail(
  { watch, probe, streams, machine, background }: KeepalivedLab,
  { name, scenario, flows, signal }: FailoverRunOptions,
): Promise<FailoverRun> {
  await Promise.all([probe.mark(), streams.mark(), machine.mark()]);
  const fault = await act(name, scenario);
  if (scenario === "power-off") watch.powerFailed(ACTIVE, fault.atMs);
  const moved = await watch.waitForMove(ACTIVE, { fromMs: fault.atMs, limitMs: MOVE_LIMIT_MS, signal });
  const { longestStallMs } = await streams.report();
  await streams.mark();
  await sleep(AFTER_MS, undefined, { signal });
  const endMs = performance.now() + PROGRESS_LIMIT_MS;
  let after = await streams.report();
  while (after.waiting > 0 && performance.now() < endMs) {
    await sleep(POLL_MS, undefined, { signal });
    after = await streams.report();
  }
  const { outageMs, outageLateMs, sendGapMs, sent, answered } = await probe.report();
  return {
    gapMs: outageMs,
    udpLost: sent - answered,
    probeLateMs: sendGapMs,
    outageLateMs,
    machineStallMs: Math.round((await machine.stallMs()) * 10) / 10,
    announcedMs: Number.NaN,
    takeoverMs: moved === undefined ? Number.NaN : Math.round((moved.atMs - fault.atMs) * 10) / 10,
    connections: after.connections,
    connectionsLost: after.lost + after.corrupted,
    backgroundLost: background === undefined ? 0 : flows - (await background.check(signal)),
    longestTcpStallMs: Math.max(longestStallMs, after.longestStallMs),
  };
}

async function act(lab: string, scenario: FailoverRunOptions["scenario"]): Promise<Fault> {
  switch (scenario) {
    case "power-off":
      return await powerOff(lab, ACTIVE);
    case "cut-lan":
      return await cut(lab, `${ACTIVE}-lan`);
    case "cut-wan":
      return await cut(lab, `${ACTIVE}-wan`);
    case "stop": {
      const atMs = monotonicMs();
      stopKeepalived(lab, ACTIVE);
      return { atMs };
    }
    case "switchover":
      throw new Error("keepalived knows no planned switchover");
  }
}
