import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { labNames } from "../../src/lab/lab-folder.ts";
import { tryCommand } from "../../src/lab/run-command.ts";

/** On what the figures were measured. */
export interface MachineFacts {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly conntrackd: string;
  readonly revision: string;
  readonly date: string;
  /** Of the last minute, before the bench began: 0 on a quiet machine. */
  readonly loadAverage: number;
  /** Why the figures may be worse than they should be. */
  readonly doubts: readonly string[];
}

const QUIET_LOAD = 0.3;

export async function machineFacts(): Promise<MachineFacts> {
  const [conntrackd, revision] = await Promise.all([
    tryCommand("conntrackd", ["-v"]),
    tryCommand("git", ["describe", "--always", "--dirty"]),
  ]);
  const [loadAverage = 0] = loadavg();
  return {
    processor: cpus()[0]?.model ?? "unknown",
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    conntrackd: /v([0-9.]+[0-9])/.exec(conntrackd.stdout)?.[1] ?? "unknown",
    revision: revision.stdout.trim(),
    date: new Date().toISOString().slice(0, 10),
    loadAverage: Math.round(loadAverage * 100) / 100,
    doubts: doubts(loadAverage),
  };
}

function doubts(loadAverage: number): string[] {
  const others = labNames();
  return [
    ...(loadAverage > QUIET_LOAD
      ? [`other work was running when this began (load average ${loadAverage.toFixed(2)})`]
      : []),
    // nl_table is shared by all namespaces: netlink_has_listeners (net/netlink/af_netlink.c).
    ...(others.length > 0
      ? [
          `other labs are up (${others.join(", ")}): with a listener anywhere, the kernel builds events everywhere`,
        ]
      : []),
  ];
}
