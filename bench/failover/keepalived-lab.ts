import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../src/base/problem.ts";
import { AddressWatch } from "../../src/lab/address-watch.ts";
import { labDown } from "../../src/lab/lab.ts";
import { defaultLabSettings, type LabSettings, labAddresses, namespaceOf } from "../../src/lab/lab-plan.ts";
import { ipBatch } from "../../src/lab/run-command.ts";
import { BackgroundTraffic, connectionCount } from "../../src/lab/traffic/background-traffic.ts";
import { MachineWatch } from "../../src/lab/traffic/machine-watch.ts";
import { ProbeTraffic } from "../../src/lab/traffic/probe-traffic.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { ACTIVE, conntrackdStatistics, contenders, STANDBY } from "../replication/contenders.ts";
import { STREAMS } from "./failover-run.ts";
import { startKeepalived } from "./keepalived.ts";

const ACTIVE_LIMIT_MS = 20_000;
const MIRROR_LIMIT_MS = 120_000;
const POLL_MS = 100;

export interface KeepalivedLabOptions {
  readonly name: string;
  readonly flows: number;
  readonly intervalMs: number;
  /** Whether conntrackd writes into the standby's kernel; else it commits its cache at the takeover. */
  readonly inKernel: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A lab with keepalived and conntrackd, whose standby has every connection. */
export interface KeepalivedLab {
  readonly settings: LabSettings;
  readonly watch: AddressWatch;
  readonly probe: ProbeTraffic;
  readonly streams: StreamTraffic;
  readonly machine: MachineWatch;
  readonly background: BackgroundTraffic | undefined;
}

/** Runs work in a lab of its own, with the same wiring, rules and traffic as tocha's, and takes it down whatever happens. */
export async function withKeepalived<T>(
  options: KeepalivedLabOptions,
  work: (lab: KeepalivedLab) => Promise<T>,
): Promise<T> {
  const { name, intervalMs, inKernel, signal } = options;
  const settings: LabSettings = { ...defaultLabSettings, name, intervalMs, ipv6: false };
  const closers: (() => void | Promise<void>)[] = [];
  try {
    await contenders[inKernel ? "conntrackd-best" : "conntrackd-default"].up(name, signal);
    // The address manager is keepalived here.
    await ipBatch(namespaceOf(name, ACTIVE), [
      `address del ${labAddresses.virtual.lan[0]} dev lan`,
      `address del ${labAddresses.virtual.wan[0]} dev wan`,
    ]);
    const watch = await AddressWatch.start(settings);
    closers.push(() => watch.close());
    startKeepalived({ lab: name, node: ACTIVE, priority: 150, intervalMs, commits: !inKernel });
    await waitFor("keepalived is active", ACTIVE_LIMIT_MS, signal, () => watch.holder === ACTIVE);
    startKeepalived({ lab: name, node: STANDBY, priority: 100, intervalMs, commits: !inKernel });
    const traffic = await startTraffic(settings, options, closers);
    await waitFor("the standby has every connection", MIRROR_LIMIT_MS, signal, async () => {
      return (await standbyHolds(name, inKernel)) >= STREAMS + options.flows;
    });
    if (watch.holder !== ACTIVE) throw failed("the addresses moved before anything was measured");
    return await work({ settings, watch, ...traffic });
  } finally {
    for (const close of closers.reverse()) await close();
    await labDown(name);
  }
}

async function startTraffic(
  settings: LabSettings,
  { flows, signal }: KeepalivedLabOptions,
  closers: (() => void | Promise<void>)[],
): Promise<Pick<KeepalivedLab, "probe" | "streams" | "machine" | "background">> {
  const { name: lab } = settings;
  const keep = <T extends { close(): Promise<void> }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };
  const machine = keep(MachineWatch.start(lab));
  const probe = keep(await ProbeTraffic.start(lab));
  const streams = keep(await StreamTraffic.start(settings, { connections: STREAMS, signal }));
  const background =
    flows === 0 ? undefined : keep(await BackgroundTraffic.start(lab, { flows, through: ACTIVE, signal }));
  await probe.warmUp(signal);
  return { probe, streams, machine, background };
}

/** Connections that the standby holds: in its kernel, or in conntrackd's external cache. */
async function standbyHolds(lab: string, inKernel: boolean): Promise<number> {
  if (inKernel) return await connectionCount(lab, STANDBY);
  const text = await conntrackdStatistics(lab, STANDBY);
  const external = text.slice(text.indexOf("cache external:"));
  return Number(/current active connections:\s+([0-9]+)/.exec(external)?.[1] ?? 0);
}

async function waitFor(
  what: string,
  limitMs: number,
  signal: AbortSignal | undefined,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw failed(`${what}: not within ${limitMs / 1_000} s`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

function failed(message: string): ProblemError {
  return new ProblemError({ code: "lab-command", message, hint: "See the logs in the lab's folder." });
}
