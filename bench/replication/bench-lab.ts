import { setTimeout as sleep } from "node:timers/promises";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { labDown } from "../../src/lab/lab.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { connectionCount } from "../../src/lab/traffic/background-traffic.ts";
import { ACTIVE, type Contender, conntrackdStatistics, STANDBY } from "./contenders.ts";
import { Generator } from "./traffic/generator.ts";
import { plugInGenerator, routeToGenerator } from "./traffic/generator-links.ts";

/**
 * How long the kernel keeps what is over, in seconds. Short, so that closed connections are gone, and reported as gone, while
 * the load goes on: within a minute a table of the RFCs' timeouts would only grow.
 */
const shortTimeouts = {
  tcp_timeout_close: 2,
  tcp_timeout_fin_wait: 2,
  tcp_timeout_close_wait: 2,
  tcp_timeout_last_ack: 2,
  tcp_timeout_time_wait: 2,
  udp_timeout: 3,
  udp_timeout_stream: 3,
};
const POLL_MS = 50;
const READ_TABLE_MS = 1_500;

/** A lab with one contender and the generator in it. */
export class BenchLab {
  readonly name: string;
  readonly contender: Contender;
  readonly generator: Generator;
  readonly signal: AbortSignal | undefined;

  private constructor(name: string, contender: Contender, signal: AbortSignal | undefined) {
    this.name = name;
    this.contender = contender;
    this.signal = signal;
    this.generator = new Generator(name);
  }

  /** Runs work in a lab of its own, and takes the lab down whatever happens. */
  static async with<T>(
    options: {
      readonly name: string;
      readonly contender: Contender;
      readonly signal?: AbortSignal | undefined;
    },
    work: (lab: BenchLab) => Promise<T>,
  ): Promise<T> {
    const { name, contender, signal } = options;
    let lab: BenchLab | undefined;
    try {
      await contender.up(name, signal);
      await plugInGenerator(name);
      for (const node of [ACTIVE, STANDBY]) await prepareNode(name, node);
      lab = new BenchLab(name, contender, signal);
      await lab.generator.counts();
      return await work(lab);
    } finally {
      await lab?.generator.close();
      await labDown(name);
    }
  }

  /** Entries in a node's kernel. */
  async count(node: string): Promise<number> {
    return await connectionCount(this.name, node);
  }

  /** Connections that the standby holds: in its kernel, or in conntrackd's external cache. */
  async standbyHolds(): Promise<number> {
    if (this.contender.inKernel) return await this.count(STANDBY);
    if (this.contender.name === "none") return 0;
    const text = await conntrackdStatistics(this.name, STANDBY);
    // "cache internal:" and "cache external:", each with "current active connections:".
    const external = text.slice(text.indexOf("cache external:"));
    return Number(/current active connections:\s+([0-9]+)/.exec(external)?.[1] ?? Number.NaN);
  }

  /**
   * Waits until the nodes hold no more than so many, or time is over. @returns whether it came to that
   *
   * The kernel's own garbage collector may take a minute to find entries whose time is over. Reading the table finds
   * them at once, with the same events.
   */
  async drained(
    below: { readonly active: number; readonly standby: number },
    limitMs: number,
  ): Promise<boolean> {
    const endMs = performance.now() + limitMs;
    let readMs = performance.now();
    while (performance.now() < endMs) {
      if (performance.now() - readMs > READ_TABLE_MS) {
        await this.#readTable(ACTIVE);
        readMs = performance.now();
      }
      if ((await this.count(ACTIVE)) <= below.active && (await this.standbyHolds()) <= below.standby)
        return true;
      await this.sleep(POLL_MS);
    }
    return false;
  }

  async #readTable(node: string): Promise<void> {
    const quietly = "conntrack -L >/dev/null 2>&1 || true";
    await runCommand("ip", ["netns", "exec", namespaceOf(this.name, node), "sh", "-c", quietly]);
  }

  /** What went wrong with the replication so far, as the contender itself counts it; empty when nothing did. */
  async troubles(): Promise<Readonly<Record<string, number>>> {
    if (this.contender.name === "none") return {};
    const all =
      this.contender.name === "tocha"
        ? tochaTroubles(await new ControlClient(controlSocket(this.name, ACTIVE)).status())
        : conntrackdTroubles(await conntrackdStatistics(this.name, ACTIVE));
    return Object.fromEntries(Object.entries(all).filter(([, count]) => count !== 0));
  }

  async sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal });
  }
}

/** Copies that no trouble causes. */
const expectedCopies = new Set(["joined", "became-active", "refresh"]);

function tochaTroubles({ nodes, activeNode }: ClusterStatus): Record<string, number> {
  const troubles: Record<string, number> = { takeovers: activeNode === ACTIVE ? 0 : 1 };
  for (const { name, replication } of nodes) {
    troubles[`${name} overruns`] = replication.overruns;
    for (const { direction, resyncs, refused, lagRecords } of replication.streams) {
      const copies = Object.entries(resyncs).filter(([cause]) => !expectedCopies.has(cause));
      for (const [cause, count] of copies) troubles[`${name} ${direction}: copies for ${cause}`] = count;
      for (const [what, count] of Object.entries(refused)) troubles[`${name} refused: ${what}`] = count;
      if (direction === "to") troubles[`${name} lag in records`] = lagRecords;
    }
  }
  return troubles;
}

function conntrackdTroubles(statistics: string): Record<string, number> {
  const of = (pattern: RegExp) => Number(pattern.exec(statistics)?.[1] ?? 0);
  return {
    overruns: of(/netlink overrun:\s+([0-9]+)/),
    "lost messages": of(/Lost msgs:\s+([0-9]+)/),
    "malformed messages": of(/Malformed msgs:\s+([0-9]+)/),
  };
}

/** What a node needs for the bench's traffic beside what it is: again after every boot. */
export async function prepareNode(lab: string, node: string): Promise<void> {
  await routeToGenerator(lab, node);
  await setSysctls(
    namespaceOf(lab, node),
    Object.fromEntries(
      Object.entries(shortTimeouts).map(([name, value]) => [`net.netfilter.nf_conntrack_${name}`, value]),
    ),
  );
}
