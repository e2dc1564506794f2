import { setTimeout as sleep } from "node:timers/promises";
import { labDown } from "../../src/lab/lab.ts";
import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { setSysctls } from "../../src/lab/run-command.ts";
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

  /** Waits until the nodes hold no more than so many, or time is over. @returns whether it came to that */
  async drained(
    below: { readonly active: number; readonly standby: number },
    limitMs: number,
  ): Promise<boolean> {
    const endMs = performance.now() + limitMs;
    while (performance.now() < endMs) {
      if ((await this.count(ACTIVE)) <= below.active && (await this.standbyHolds()) <= below.standby)
        return true;
      await this.sleep(POLL_MS);
    }
    return false;
  }

  async sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal });
  }
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
