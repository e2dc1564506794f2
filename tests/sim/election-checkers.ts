import type { GroupRole } from "../../src/core/election/election-types.ts";
import type { Checker, VirtualCluster } from "./election-cluster.ts";
import { CLOCK_DRIFT, type NodeEvent, type VirtualNode } from "./election-node.ts";

/** What is promised and was not kept. */
export class BrokenPromise extends Error {}

export function fail(text: string): never {
  throw new BrokenPromise(text);
}

const roleOf = (node: VirtualNode): GroupRole | undefined => node.election?.role;
export const isActive = (node: VirtualNode) => roleOf(node) === "active";

/** The least that a time measured by a node can be in the world's, for its clock may be fast. */
function byAnyClock(durationMs: number): number {
  return durationMs * (1 - CLOCK_DRIFT);
}

/** Remembers since when something has been true. */
export class Since<K> {
  readonly #since = new Map<K, number>();

  /** @returns for how long it has been true: 0 if it is not */
  note(key: K, isTrue: boolean, nowMs: number): number {
    if (!isTrue) {
      this.#since.delete(key);
      return 0;
    }
    const sinceMs = this.#since.get(key) ?? nowMs;
    this.#since.set(key, sinceMs);
    return nowMs - sinceMs;
  }

  /** Everything begins anew. */
  forget(): void {
    this.#since.clear();
  }

  lastedMs(key: K, nowMs: number): number {
    const sinceMs = this.#since.get(key);
    return sinceMs === undefined ? 0 : nowMs - sinceMs;
  }
}

function transition(event: NodeEvent): { from: GroupRole; to: GroupRole } | undefined {
  return event.kind === "effect" && event.effect.do === "transition" ? event.effect : undefined;
}

/** When all faults have ended and everything has settled, exactly one node is active and holds the addresses. */
export class OneActiveAtTheEnd implements Checker {
  finish(cluster: VirtualCluster): void {
    const active = cluster.nodes.filter(isActive).map(({ name }) => name);
    const holders = cluster.nodes.filter((node) => node.holdsAddresses).map(({ name }) => name);
    if (active.length !== 1 || holders.join() !== active.join()) {
      fail(`at the end active: [${active.join(", ")}], holding addresses: [${holders.join(", ")}]`);
    }
    const best = cluster.nodes.find((node) => node.tableComplete);
    const mustBeBest = cluster.options.preempt && cluster.options.intervalMs >= 100;
    if (mustBeBest && active[0] !== best?.name)
      fail(`preemption is on, but ${active[0]} is active at the end`);
  }
}

/** In a quiet network the group is never without an active for longer than a takeover lasts. */
export class NeverLongWithoutActive implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    const { nodes, nowMs, options, isQuiet } = cluster;
    const isOrphaned = isQuiet && !nodes.some((node) => node.isRunning && isActive(node));
    this.#since.note("orphaned", isOrphaned, nowMs);
    for (const node of nodes) {
      const isAble = isOrphaned && node.isRunning && node.election?.view.effectivePriority !== 0;
      const isInTime = node.lateMs === 0;
      const isReady = isAble && isInTime && roleOf(node) === "standby" && node.tableComplete;
      const isEligible = isReady && node.election?.pulse().resigning === false;
      // An active-down time at the lowest priority, and once more for a standby that was late.
      if (this.#since.note(`${node.name} eligible`, isEligible, nowMs) > 8 * options.intervalMs + 25) {
        fail(`${node.name} could take over at once, and did not`);
      }
      // Listening, being patient with others, and a takeover, each a few active-down times long.
      if (this.#since.note(`${node.name} able`, isAble, nowMs) > 40 * options.intervalMs + 50) {
        fail(`${node.name} could be active, and is not`);
      }
    }
  }
}

/** Two nodes that hear each other do not both hold the addresses for longer than it takes to say so. */
export class NoSharedAddresses implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    const { nodes, nowMs, options, network } = cluster;
    // Nearly always; a checker looks after every event.
    if (nodes.filter((node) => node.holdsAddresses).length < 2) {
      this.#since.forget();
      return;
    }
    for (const [i, a] of nodes.entries()) {
      for (const b of nodes.slice(i + 1)) {
        const both = [a, b].every((node) => node.isRunning && node.holdsAddresses);
        const theyHear = network.weather.loss === 0 && cluster.canHear(a, b) && cluster.canHear(b, a);
        const pulsesPass = cluster.isOpenBothWays(a, b);
        // The next advertisement of either, one interval of listening after a sleep, and delays.
        const told = this.#since.note(`${a.name} ${b.name} pulses`, both && theyHear && pulsesPass, nowMs);
        // If one side hears pulses and the other none they may rank each other differently, but not for long.
        const heard = this.#since.note(`${a.name} ${b.name}`, both && theyHear, nowMs);
        if (told > 4 * options.intervalMs || heard > 12 * options.intervalMs) {
          fail(`${a.name} and ${b.name} both hold the addresses`);
        }
      }
    }
  }
}

/** Of two actives the one that hears the other gives way to it if that one hears nothing, whatever their ranks. */
export class NoDeafContest implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    const { nodes, nowMs, options, network } = cluster;
    if (nodes.filter((node) => node.holdsAddresses).length < 2) {
      this.#since.forget();
      return;
    }
    for (const a of nodes) {
      for (const b of nodes) {
        if (a === b) continue;
        const isFair = network.weather.loss === 0;
        const both = isFair && [a, b].every((node) => node.isRunning && node.holdsAddresses);
        const told = both ? a.election?.view.peers.find(({ name }) => name === b.name) : undefined;
        const isDeaf = told?.role === "active" && told.paths.some(({ heardByPeer }) => heardByPeer === false);
        const hearsNothing = isDeaf && told.paths.every(({ heardByPeer }) => heardByPeer === false);
        const lastedMs = this.#since.note(`${a.name} ${b.name}`, hearsNothing, nowMs);
        // Two active-down times of four intervals each, one of listening after a sleep, and delays.
        if (lastedMs > 12 * options.intervalMs)
          fail(`${a.name} stays active beside ${b.name}, which is deaf`);
      }
    }
  }
}

/** Nobody takes over from an active that it heard, unless that one resigned. */
export class NoTakeoverWithoutCause implements Checker {
  readonly #heardActiveMs = new Map<string, number>();
  readonly #heardResignMs = new Map<string, number>();
  readonly #heardPulseMs = new Map<string, number>();

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const { nowMs, options } = cluster;
    if (event.kind === "heard" && event.active) this.#heardActiveMs.set(node.name, nowMs);
    if (event.kind === "heard" && event.what === "pulse") this.#heardPulseMs.set(node.name, nowMs);
    if (event.kind === "heard" && event.resigning) this.#heardResignMs.set(node.name, nowMs);
    const change = transition(event);
    if (change?.to !== "active") return;
    const silentMs = nowMs - (this.#heardActiveMs.get(node.name) ?? Number.NEGATIVE_INFINITY);
    const resignedMs = nowMs - (this.#heardResignMs.get(node.name) ?? Number.NEGATIVE_INFINITY);
    // Where no pulses pass, silence is that of advertisements.
    const noPulseMs = nowMs - (this.#heardPulseMs.get(node.name) ?? Number.NEGATIVE_INFINITY);
    const intervalMs = noPulseMs > 4 * options.intervalMs ? options.intervalMs : options.pulseIntervalMs;
    if (silentMs < byAnyClock(3 * intervalMs) && resignedMs > 4 * options.intervalMs) {
      fail(`${node.name} took over ${silentMs.toFixed(2)} ms after it heard an active`);
    }
  }
}

/** Nobody takes over from an active that has been there, awake and within earshot, all the time. */
export class NoFalseTakeover implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    const { nodes, nowMs, network } = cluster;
    for (const from of nodes) {
      const speaks = from.isRunning && isActive(from) && network.weather.loss === 0;
      for (const to of nodes) {
        if (to !== from)
          this.#since.note(`${from.name} ${to.name}`, speaks && cluster.canHear(to, from), nowMs);
      }
    }
  }

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    if (transition(event)?.to !== "active") return;
    const { nodes, nowMs, options } = cluster;
    for (const other of nodes) {
      if (other === node || !isActive(other)) continue;
      const lastedMs = this.#since.lastedMs(`${other.name} ${node.name}`, nowMs);
      // It may just have woken and listen for an interval; then comes an active-down time.
      if (lastedMs > 5 * options.intervalMs) fail(`${node.name} took over although ${other.name} was active`);
    }
  }
}

/** Skew times keep standbys apart that heard the same active fall silent: in a quiet network the best one is alone. */
export class NoRace implements Checker {
  readonly #heardActiveMs = new Map<string, number>();
  #last: { readonly name: string; readonly atMs: number } | undefined;

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const { nowMs, options, isQuiet, quietSinceMs } = cluster;
    if (event.kind === "heard" && event.active) this.#heardActiveMs.set(node.name, nowMs);
    if (transition(event)?.to !== "active") return;
    const last = this.#last;
    this.#last = { name: node.name, atMs: nowMs };
    const wasQuiet = isQuiet && nowMs - quietSinceMs > 10 * options.intervalMs;
    if (!wasQuiet || last === undefined || last.name === node.name) return;
    const heardOne = [last.name, node.name].every((name) => {
      const silentMs = nowMs - (this.#heardActiveMs.get(name) ?? Number.NEGATIVE_INFINITY);
      return silentMs < 5 * options.intervalMs;
    });
    if (heardOne && nowMs - last.atMs < options.pulseIntervalMs && isActive(cluster.node(last.name))) {
      fail(`${last.name} and ${node.name} took over together`);
    }
  }
}

/** A node without the connections lets one that has them go first, and nobody hands over to it. */
export class NoTakeoverWithIncompleteTable implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    for (const node of cluster.nodes)
      this.#since.note(node.name, this.#isCandidate(cluster, node), cluster.nowMs);
  }

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const change = transition(event);
    const { nodes, nowMs, options } = cluster;
    const others = nodes.filter((other) => other !== node);
    if (change?.from === "active" && change.to === "standby" && node.holdsAddresses) {
      fail(`${node.name} left the active role with the addresses`);
    }
    if (change?.to !== "active" || node.tableComplete) return;
    const better = others.find((other) => this.#since.lastedMs(other.name, nowMs) > 4 * options.intervalMs);
    if (better !== undefined) fail(`${node.name} took over without its table, before ${better.name}`);
  }

  /** Everybody hears its pulses, and has for as long as this is true. */
  #isCandidate(cluster: VirtualCluster, node: VirtualNode): boolean {
    const isReady = node.isRunning && roleOf(node) === "standby" && node.tableComplete;
    // A node that is set aside offers nothing: others go first, with the connections that they have.
    if (node.election?.view.maintenance === true) return false;
    return isReady && cluster.isQuiet && node.election?.pulse().resigning === false;
  }
}

/** Nobody gives up the active role unless it hears another active, cannot serve, or hands over to a ready standby. */
export class NoRetreatWithoutCause implements Checker {
  readonly #heardActiveMs = new Map<string, number>();
  readonly #readyMs = new Map<string, number>();
  readonly #standbyMs = new Map<string, number>();

  observe(cluster: VirtualCluster): void {
    for (const node of cluster.nodes) {
      if (roleOf(node) !== "standby") continue;
      this.#standbyMs.set(node.name, cluster.nowMs);
      if (node.tableComplete) this.#readyMs.set(node.name, cluster.nowMs);
    }
  }

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const { nowMs, options } = cluster;
    if (event.kind === "heard" && event.active) this.#heardActiveMs.set(node.name, nowMs);
    const change = transition(event);
    if (change?.from !== "active" || change.to !== "standby" || this.#heardActiveMs.get(node.name) === nowMs)
      return;
    const isReady = cluster.nodes.some((other) => {
      // Of no use itself, it takes one that lacks connections.
      const since = node.isUseless ? this.#standbyMs : this.#readyMs;
      const readyMs = since.get(other.name) ?? Number.NEGATIVE_INFINITY;
      return other !== node && nowMs - readyMs < 6 * options.intervalMs;
    });
    if (!isReady) fail(`${node.name} handed over, and nobody was ready`);
  }
}

/** An active that was asleep for so long that it may have been replaced listens before it says anything. */
export class NoWordAfterSleep implements Checker {
  readonly #sleptMs = new Map<string, number>();
  readonly #silentUntilMs = new Map<string, number>();

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const { nowMs, options } = cluster;
    if (event.kind === "paused") this.#sleptMs.set(node.name, nowMs);
    if (event.kind === "resumed") {
      const sleptMs = nowMs - (this.#sleptMs.get(node.name) ?? nowMs);
      // Its deadline was an interval later at most: it is late by two, and another one may be active.
      const isLate = byAnyClock(sleptMs) > 3 * options.pulseIntervalMs;
      if (isLate && isActive(node))
        this.#silentUntilMs.set(node.name, nowMs + byAnyClock(options.pulseIntervalMs));
    }
    if (event.kind !== "effect" || !isActive(node)) return;
    const speaks = event.effect.do === "send-advertisement" || event.effect.do === "send-pulses";
    if (speaks && nowMs < (this.#silentUntilMs.get(node.name) ?? 0))
      fail(`${node.name} spoke before it listened`);
  }
}

/** An active that is awake is heard: it never falls silent. */
export class ActiveSpeaks implements Checker {
  readonly #since = new Since<string>();

  observe(cluster: VirtualCluster): void {
    for (const node of cluster.nodes) {
      const shallSpeak = node.isRunning && isActive(node) && node.lateMs === 0;
      const quietMs = this.#since.note(node.name, shallSpeak, cluster.nowMs);
      // An interval, one of listening after a sleep, and delays.
      if (quietMs > 2.5 * cluster.options.intervalMs) fail(`${node.name} is active and says nothing`);
    }
  }

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const speaks = event.kind === "effect" && event.effect.do === "send-advertisement";
    // It listens once more, from then on.
    if (speaks || event.kind === "clock stepped") this.#since.note(node.name, false, cluster.nowMs);
  }
}

/** A node holds the addresses exactly while it is active, and announces and defends nothing else. */
export class AddressesFollowTheRole implements Checker {
  observe(cluster: VirtualCluster): void {
    for (const node of cluster.nodes) {
      if (node.holdsAddresses !== isActive(node)) fail(`${node.name} is ${roleOf(node)}: wrong addresses`);
    }
  }

  happened(_cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    if (event.kind !== "effect") return;
    const { effect } = event;
    const defends = effect.do === "announce" || (effect.do === "send-advertisement" && effect.priority > 0);
    if (defends && !node.holdsAddresses) fail(`${node.name} defends addresses that it does not hold`);
  }
}

/** Who announced the addresses, since when. */
export class Announcements implements Checker {
  readonly #lastMs = new Map<string, number>();

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    if (event.kind === "effect" && event.effect.do === "announce") this.#lastMs.set(node.name, cluster.nowMs);
  }

  announcedSince(node: string, sinceMs: number): boolean {
    return (this.#lastMs.get(node) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  }
}

/** Counts what moves from `arm()` on, and for how long nobody held the addresses. */
export class Movements implements Checker {
  #armedMs = Number.POSITIVE_INFINITY;
  #vacantSinceMs: number | undefined;
  vacantMs = 0;
  /** Names of nodes, in the order in which they took over. */
  readonly takeovers: string[] = [];
  readonly changes: string[] = [];

  arm(cluster: VirtualCluster): void {
    this.#armedMs = cluster.nowMs;
  }

  happened(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void {
    const change = transition(event);
    if (cluster.nowMs < this.#armedMs || change === undefined) return;
    this.changes.push(`${node.name}: ${change.from} -> ${change.to}`);
    if (change.to === "active") this.takeovers.push(node.name);
  }

  observe(cluster: VirtualCluster): void {
    if (cluster.nowMs < this.#armedMs) return;
    const isHeld = cluster.nodes.some((node) => node.holdsAddresses && !node.paused);
    if (!isHeld) this.#vacantSinceMs ??= cluster.nowMs;
    else if (this.#vacantSinceMs !== undefined) {
      this.vacantMs = Math.max(this.vacantMs, cluster.nowMs - this.#vacantSinceMs);
      this.#vacantSinceMs = undefined;
    }
  }
}
