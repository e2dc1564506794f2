import assert from "node:assert/strict";
import { seededRandom } from "../../src/base/prng.ts";
import { Announcements, Movements } from "./election-checkers.ts";
import { VirtualCluster } from "./election-cluster.ts";
import { boot, pulseOptions, runTo } from "./election-history.ts";
import type { VirtualNode } from "./election-node.ts";
import { everyPromise } from "./election-promises.ts";

/** Three healthy nodes on a quiet network, to which one thing will happen. */
export class SingleRun {
  readonly cluster: VirtualCluster;
  readonly #movements = new Movements();
  readonly announcements = new Announcements();
  readonly active: VirtualNode;
  /** The standbys by rank. */
  readonly best: VirtualNode;
  readonly next: VirtualNode;

  constructor(seed: number, intervalMs: number) {
    const checkers = [...everyPromise(), this.#movements, this.announcements];
    this.cluster = new VirtualCluster({
      seed,
      nodes: 3,
      intervalMs,
      ...pulseOptions(seededRandom(seed), intervalMs),
      preempt: false,
      ipv6: seed % 2 === 0,
      attacker: true,
      checkers,
    });
    this.cluster.isCalm = true;
    runTo(this.cluster, boot(this.cluster));
    const active = this.nodes.find((node) => node.election?.role === "active");
    const [best, next] = this.nodes.filter((node) => node !== active);
    assert.ok(active !== undefined && best !== undefined && next !== undefined);
    this.active = active;
    this.best = best;
    this.next = next;
    this.#movements.arm(this.cluster);
  }

  get nodes(): readonly VirtualNode[] {
    return this.cluster.nodes;
  }

  get intervalMs(): number {
    return this.cluster.options.intervalMs;
  }

  get takeovers(): readonly string[] {
    return this.#movements.takeovers;
  }

  get changes(): readonly string[] {
    return this.#movements.changes;
  }

  get vacantMs(): number {
    return this.#movements.vacantMs;
  }

  settle(durationMs = 30 * this.intervalMs + 50): void {
    runTo(this.cluster, this.cluster.nowMs + durationMs);
  }
}

/** Who holds the addresses, by name. */
export function holders({ nodes }: SingleRun): string[] {
  return nodes
    .filter((node) => node.holdsAddresses)
    .map(({ name }) => name)
    .sort();
}
