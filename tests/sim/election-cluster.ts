import { seededRandom } from "../../src/base/prng.ts";
import type { ElectionSettings } from "../../src/core/election/election-types.ts";
import { fairWeather, type Path, VirtualNetwork, VirtualTime } from "./election-network.ts";
import { type NodeEvent, type NodeWorld, VirtualNode } from "./election-node.ts";

/** Sees everything, says what is wrong by throwing. */
export interface Checker {
  happened?(cluster: VirtualCluster, node: VirtualNode, event: NodeEvent): void;
  /** After every event. */
  observe?(cluster: VirtualCluster): void;
  /** After all faults have ended and everything had time to settle. */
  finish?(cluster: VirtualCluster): void;
}

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly intervalMs: number;
  readonly pulseIntervalMs: number;
  /** The paths that pulses take. */
  readonly pulsePaths: readonly Path[];
  readonly preempt: boolean;
  /** Whether a face advertises IPv6 as well. */
  readonly ipv6: boolean;
  /** Somebody on the sync link records pulses and sends them again. */
  readonly attacker: boolean;
  readonly checkers: readonly Checker[];
}

/** So many pulses does the attacker keep; it forgets some in between, and so has old ones as well. */
const RECORDINGS_MAX = 300;

/** Far enough apart that skew times differ by more than a frame's delay, even at the shortest interval. */
const PRIORITIES = [200, 150, 100, 60];
/** The order of addresses is not the order of priorities, so that it shows which of them decides. */
const HOST_NUMBERS = [3, 2, 4, 5];

/** Whole nodes on virtual time. The same seed gives the same run. */
export class VirtualCluster implements NodeWorld {
  readonly options: ClusterOptions;
  readonly time = new VirtualTime();
  readonly random: () => number;
  readonly network: VirtualNetwork;
  readonly nodes: readonly VirtualNode[];
  /** Faults that last have ended, and no frame of theirs is on its way. */
  #faults = 0;
  quietSinceMs = 0;
  isCalm = false;
  readonly #recordings: (() => void)[] = [];
  /** How often each kind of fault has happened, by the name of its function. */
  readonly faultsByKind = new Map<string, number>();
  /** What happened, newest last, for the message of a failure. */
  readonly #story: string[] = [];

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    this.network = new VirtualNetwork(this.time, this.random);
    this.nodes = Array.from(
      { length: options.nodes },
      (_, i) => new VirtualNode(settingsOf(options, i), this),
    );
    if (options.attacker) this.#replay();
  }

  get nowMs(): number {
    return this.time.nowMs;
  }

  get isQuiet(): boolean {
    return this.#faults === 0 && this.nowMs >= this.quietSinceMs;
  }

  node(name: string): VirtualNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** To be told of every fault, whatever its kind and however long it lasts. */
  countFault(kind: string): void {
    this.faultsByKind.set(kind, (this.faultsByKind.get(kind) ?? 0) + 1);
  }

  /** Counts a fault that lasts until `end` is called. */
  beginFault(text: string): () => void {
    this.#faults += 1;
    this.tell(`fault: ${text}`);
    return () => {
      this.#faults -= 1;
      // What bad weather delayed arrives within an interval.
      this.quietSinceMs = this.nowMs + this.options.intervalMs;
      this.tell(`mended: ${text}`);
      if (this.#faults === 0) this.network.weather = fairWeather;
    };
  }

  runUntil(endMs: number): void {
    this.time.runUntil(endMs, () => {
      for (const checker of this.options.checkers) checker.observe?.(this);
    });
  }

  finish(): void {
    for (const checker of this.options.checkers) checker.finish?.(this);
  }

  tell(text: string): void {
    this.#story.push(`${this.nowMs.toFixed(2).padStart(9)} ms  ${text}`);
    if (this.#story.length > 60) this.#story.shift();
  }

  get story(): string {
    return this.#story.join("\n");
  }

  /** Whether frames of an active `from` reach `to` on a face. */
  canHear(to: VirtualNode, from: VirtualNode): boolean {
    return (["lan", "wan"] as const).some(
      (path) =>
        from.faceUp.get(path) === true &&
        to.faceUp.get(path) === true &&
        this.network.isOpen(path, from.name, to.name),
    );
  }

  /** Whether pulses pass between them in both directions of one path. */
  isOpenBothWays(a: VirtualNode, b: VirtualNode): boolean {
    return (a.settings.paths as readonly Path[]).some((path) => {
      const areUp = a.faceUp.get(path) !== false && b.faceUp.get(path) !== false;
      return areUp && this.network.isOpen(path, a.name, b.name) && this.network.isOpen(path, b.name, a.name);
    });
  }

  /** What was delivered. Holding back pulses is another attack, which docs/protocol/pulse.md does not promise to stop. */
  #record(deliver: () => void): void {
    const isFull = this.#recordings.length >= RECORDINGS_MAX;
    this.#recordings.splice(isFull ? Math.floor(RECORDINGS_MAX * this.random()) : 0, isFull ? 1 : 0, deliver);
  }

  /** A few recordings per interval, for ever. */
  #replay(): void {
    const recording = this.#recordings[Math.floor(this.#recordings.length * this.random())];
    recording?.();
    this.time.at(this.nowMs + this.options.intervalMs * this.random(), () => this.#replay());
  }

  // ---- NodeWorld ----

  schedule(atMs: number, run: () => void): void {
    this.time.at(atMs, run);
  }

  broadcast(from: VirtualNode, path: Path, bytes: Uint8Array): void {
    if (from.faceUp.get(path) === false) return;
    for (const to of this.nodes) {
      if (to !== from)
        this.network.send(path, from.name, to.name, () => to.receive(path, bytes, "advertisement"));
    }
  }

  sendTo(from: VirtualNode, to: string, path: Path, bytes: Uint8Array): void {
    const node = this.node(to);
    const deliver = () => {
      if (this.network.isOpen(path, from.name, to)) node.receive(path, bytes, "pulse");
    };
    this.network.send(path, from.name, to, () => {
      if (this.options.attacker && node.isRunning) this.#record(deliver);
      deliver();
    });
  }

  happened(node: VirtualNode, event: NodeEvent): void {
    if (event.kind === "effect" && event.effect.do === "transition") {
      this.tell(`${node.name}: ${event.effect.from} -> ${event.effect.to}: ${event.effect.cause}`);
    } else if (event.kind !== "effect" && event.kind !== "heard") {
      this.tell(`${node.name} ${event.kind}`);
    }
    for (const checker of this.options.checkers) checker.happened?.(this, node, event);
  }
}

function settingsOf(options: ClusterOptions, index: number): ElectionSettings {
  const { nodes, intervalMs, pulseIntervalMs, pulsePaths, preempt, ipv6 } = options;
  const host = (i: number) => HOST_NUMBERS[i] ?? 9;
  const v4 = (i: number, network: number) => Uint8Array.of(10, network, 0, host(i));
  const linkLocal = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10 - host(index));
  const all = Array.from({ length: nodes }, (_, i) => i);
  return {
    node: `gw${index + 1}`,
    group: "gateway",
    virtualRouterId: 51,
    priority: PRIORITIES[index] ?? 50,
    intervalMs,
    pulseIntervalMs,
    preempt,
    preemptDelayMs: 5_000,
    faces: [
      { name: "lan", families: ipv6 ? [4, 6] : [4], addresses: [v4(index, 1), linkLocal] },
      { name: "wan", families: [4], addresses: [v4(index, 2)] },
    ],
    peers: all
      .filter((i) => i !== index)
      .map((i) => ({ name: `gw${i + 1}`, priority: PRIORITIES[i] ?? 50, addresses: [v4(i, 1), v4(i, 2)] })),
    paths: pulsePaths,
    revision: "0000000000000001",
  };
}
