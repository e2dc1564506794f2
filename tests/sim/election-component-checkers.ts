import { fail, isActive, Since } from "./election-checkers.ts";
import type { Checker, VirtualCluster } from "./election-cluster.ts";
import type { NodeEvent, VirtualNode } from "./election-node.ts";

// Promises about a cluster that is in parts, about how often it moves, and about what a takeover brings.

/**
 * However the network is cut: among nodes that all hear each other one is active, soon neither more nor, when one of them
 * could be it, less. Time counts from the last change of who runs, who can serve, and who hears whom.
 */
export class OneActivePerComponent implements Checker {
  #picture = "";
  #lookAtMs = 0;
  /** By the names of a component: since when it has not had exactly one active. */
  readonly #wrong = new Since<string>();

  observe(cluster: VirtualCluster): void {
    const { nowMs, options, network } = cluster;
    // The picture costs more than a look at one node, and what is promised takes many intervals.
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + options.pulseIntervalMs / 2;
    const picture = pictureOf(cluster);
    if (picture !== this.#picture || network.weather.loss > 0) this.#wrong.forget();
    this.#picture = picture;
    for (const component of components(cluster)) this.#check(cluster, component);
  }

  #check(cluster: VirtualCluster, component: readonly VirtualNode[]): void {
    const { nowMs, options } = cluster;
    const names = component.map(({ name }) => name).join(", ");
    const active = component.filter(isActive).map(({ name }) => name);
    // As for a pair of nodes: two actives that hear each other only in part settle it by and by.
    if (this.#wrong.note(`${names} many`, active.length > 1, nowMs) > 12 * options.intervalMs)
      fail(`${active.join(" and ")} are active among [${names}], which hear each other`);
    const couldBe = component.some((node) => (node.election?.view.effectivePriority ?? 0) > 0);
    // Listening, being patient with others, and a takeover, each a few active-down times long.
    const isVacant = active.length === 0 && couldBe;
    if (this.#wrong.note(`${names} none`, isVacant, nowMs) > 40 * options.intervalMs + 50)
      fail(`nobody is active among [${names}], one of which could be`);
  }
}

/** Everything that decides what a component may do: who runs, who can serve, who hears whom. */
function pictureOf(cluster: VirtualCluster): string {
  const { nodes } = cluster;
  return nodes
    .map((node) => {
      const heard = nodes.filter((other) => other !== node && hears(cluster, node, other));
      const { election, tableComplete, isRunning } = node;
      const rank = election === undefined ? "" : election.view.effectivePriority;
      return `${isRunning} ${rank} ${tableComplete} ${heard.map(({ name }) => name).join()}`;
    })
    .join("; ");
}

/** Nodes that run and hear each other in both directions, all of them, and nobody else in either. */
function components(cluster: VirtualCluster): VirtualNode[][] {
  const awake = cluster.nodes.filter(({ isRunning }) => isRunning);
  const left = new Set(awake);
  const found: VirtualNode[][] = [];
  for (const node of awake) {
    if (!left.has(node)) continue;
    const mates = awake.filter(
      (other) => other === node || hears(cluster, node, other) || hears(cluster, other, node),
    );
    for (const mate of mates) left.delete(mate);
    const isWhole = mates.every((a) =>
      awake.every((b) => {
        if (a === b) return true;
        const isMate = mates.includes(b);
        return hears(cluster, a, b) === isMate && hears(cluster, b, a) === isMate;
      }),
    );
    if (isWhole) found.push(mates);
  }
  return found;
}

/** On a face, by advertisements; or on any path that pulses take. */
function hears(cluster: VirtualCluster, to: VirtualNode, from: VirtualNode): boolean {
  if (cluster.canHear(to, from)) return true;
  return cluster.options.pulsePaths.some(
    (path) =>
      from.faceUp.get(path) !== false &&
      to.faceUp.get(path) !== false &&
      cluster.network.isOpen(path, from.name, to.name),
  );
}

/**
 * When the last fault has ended the group comes to rest: whoever was without an active gets one, whoever became it at
 * a bad moment hands over, and preemption may move it once more. Nothing goes to and fro.
 */
export class NoFlapping implements Checker {
  readonly #takeovers: string[] = [];

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    if (!cluster.isCalm || event.kind !== "effect") return;
    if (event.effect.do !== "transition" || event.effect.to !== "active") return;
    this.#takeovers.push(node.name);
    const most = 2 + (cluster.options.preempt ? 1 : 0);
    if (this.#takeovers.length > most)
      fail(`it moves on and on after the last fault: ${this.#takeovers.join(", ")}`);
  }
}

/** Who takes over tells the neighbours at once, or they go on sending to the one before; and it has the rules to serve by. */
export class ServesFromTheFirstMoment implements Checker {
  readonly #announcedMs = new Map<string, number>();

  happened({ nowMs }: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    if (event.kind !== "effect") return;
    if (event.effect.do === "announce") this.#announcedMs.set(node.name, nowMs);
    if (event.effect.do !== "transition" || event.effect.to !== "active") return;
    if (this.#announcedMs.get(node.name) !== nowMs) fail(`${node.name} took over and announced nothing`);
    if (!node.rulesReady) fail(`${node.name} took over without the gateway's rules`);
  }
}
