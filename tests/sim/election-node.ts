import { ByteWriter } from "../../src/base/bytes.ts";
import { isDecodeError } from "../../src/base/decode-error.ts";
import type { IpAddress, IpFamily } from "../../src/base/ip.ts";
import { Election } from "../../src/core/election/election.ts";
import type { ElectionEffect, ElectionSettings } from "../../src/core/election/election-types.ts";
import type { Readiness } from "../../src/core/election/health.ts";
import { PulseConversation } from "../../src/core/election/pulse-conversation.ts";
import { decodePulse, encodePulse, PULSE_BYTES_MAX } from "../../src/wire/pulse.ts";
import { decodeAdvertisementFrame, encodeAdvertisementFrame } from "../../src/wire/vrrp.ts";
import type { Path } from "./election-network.ts";

/** What a node does to the world around it. */
export interface NodeWorld {
  readonly nowMs: number;
  readonly random: () => number;
  /** Nothing fails any more: what is promised must come about. */
  readonly isCalm: boolean;
  schedule(atMs: number, run: () => void): void;
  broadcast(from: VirtualNode, path: Path, bytes: Uint8Array): void;
  sendTo(from: VirtualNode, to: string, path: Path, bytes: Uint8Array): void;
  happened(node: VirtualNode, event: NodeEvent): void;
}

export type Heard = "pulse" | "advertisement";

/** What checkers see. `heard` is told before the election hears it. */
export type NodeEvent =
  | { readonly kind: "effect"; readonly effect: ElectionEffect }
  | { readonly kind: "heard"; readonly what: Heard; readonly active: boolean; readonly resigning: boolean }
  | { readonly kind: "started" | "ended" | "paused" | "resumed" | "clock stepped" };

/** What sockets hold while their process sleeps; what comes then is lost. What its own machine says comes by pipes, and is not. */
const SOCKET_QUEUE_MAX = 64;

/** Where pulses are written; allocating for each is a sixth of the time that a history takes. */
const pulseBytes = new Uint8Array(PULSE_BYTES_MAX);

/** Clocks of machines have nothing in common, and drift: more than any quartz does, so that it shows. */
const CLOCK_AHEAD_MS_MAX = 1_000_000;
export const CLOCK_DRIFT = 0.001;

/** One node: the production election, sessions and codecs, driven as the failover role drives them. */
export class VirtualNode {
  readonly settings: ElectionSettings;
  readonly #world: NodeWorld;
  #life = 0;
  #conversations = new Map<string, PulseConversation>();
  #frames = new Map<string, Uint8Array>();
  election: Election | undefined;
  paused = false;
  holdsAddresses = false;
  tableComplete = false;
  /** Its kernel has the gateway's rules. */
  rulesReady = false;
  /** Carrier, by face. */
  readonly faceUp = new Map<string, boolean>();
  /** What its control role has told last, and tells again to a process that has just started. */
  #told: Readiness = {};
  #queue: (() => void)[] = [];
  #queueKeeps = true;
  /** That wait in its sockets. */
  #packets = 0;
  /** Each time it is woken so much too late: a machine that is starved all the time. */
  lateMs = 0;
  /** In world time. */
  #timerAtMs = Number.POSITIVE_INFINITY;
  #timer = 0;
  /** Its own monotonic clock began some time before, and runs a little faster or slower than the world's. */
  #clockAheadMs: number;
  readonly #clockRate: number;

  constructor(settings: ElectionSettings, world: NodeWorld) {
    this.settings = settings;
    this.#world = world;
    this.#clockAheadMs = CLOCK_AHEAD_MS_MAX * world.random();
    this.#clockRate = 1 + CLOCK_DRIFT * (2 * world.random() - 1);
    for (const face of settings.faces) this.faceUp.set(face.name, true);
  }

  get name(): string {
    return this.settings.node;
  }

  /** What its own clock shows. */
  get #clockMs(): number {
    return this.#clockAheadMs + this.#world.nowMs * this.#clockRate;
  }

  #worldMs(clockMs: number): number {
    return (clockMs - this.#clockAheadMs) / this.#clockRate;
  }

  /** Its clock jumps ahead, as after a suspension that its timers know nothing of. A monotonic clock never goes back. */
  stepClock(forwardMs: number): void {
    this.#clockAheadMs += forwardMs;
    this.#world.happened(this, { kind: "clock stepped" });
  }

  get isRunning(): boolean {
    return this.election !== undefined && !this.paused;
  }

  /** `slowMs`: so much longer than usual until the gateway's rules are in place. */
  start(slowMs = 0): void {
    if (this.election !== undefined) return;
    const { nowMs } = this.#world;
    this.#life += 1;
    const life = this.#life;
    const { peers, paths, pulseIntervalMs: intervalMs } = this.settings;
    this.#conversations = new Map(
      peers.map(({ name }) => {
        const ownSession = this.#newSession();
        return [name, new PulseConversation({ ownSession, paths, intervalMs })];
      }),
    );
    this.election = new Election(this.settings, this.#clockMs);
    this.tableComplete = false;
    this.rulesReady = false;
    this.#world.happened(this, { kind: "started" });
    for (const [face, up] of this.faceUp)
      if (up) this.input((election, now) => election.faceChanged(now, face, true));
    this.#world.schedule(nowMs + slowMs + 1 + 20 * this.#world.random(), () => {
      if (this.#life !== life) return;
      this.rulesReady = true;
      this.#whenAwake(() =>
        this.input((election, now) => election.readinessChanged(now, { ...this.#told, gatewayReady: true })),
      );
    });
    this.#arm();
  }

  /** Power loss: everything is gone at once. */
  crash(): void {
    if (this.election === undefined) return;
    this.#life += 1;
    this.election = undefined;
    this.paused = false;
    this.#queue = [];
    this.holdsAddresses = false;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#timer += 1;
    this.#world.happened(this, { kind: "ended" });
  }

  /** Sleeps until `resume`. With `keepsPackets` its sockets go on to fill (a stopped process), else not (a stopped VM). */
  pause(keepsPackets: boolean): void {
    if (!this.isRunning) return;
    this.paused = true;
    this.#packets = 0;
    this.#queueKeeps = keepsPackets;
    this.#world.happened(this, { kind: "paused" });
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#world.happened(this, { kind: "resumed" });
    // What has arrived is read first, and time that has passed is noticed last.
    const queue = this.#queue;
    this.#queue = [];
    for (const run of queue) run();
    const told = this.#told;
    if (Object.keys(told).length > 0) this.input((election, now) => election.readinessChanged(now, told));
    this.#wake();
  }

  setFace(face: Path, up: boolean): void {
    if (this.faceUp.get(face) === up) return;
    this.faceUp.set(face, up);
    this.#whenAwake(() => this.input((election, now) => election.faceChanged(now, face, up)));
  }

  setTableComplete(tableComplete: boolean): void {
    this.tableComplete = tableComplete;
    this.#whenAwake(() => this.input((election, now) => election.readinessChanged(now, { tableComplete })));
  }

  /** Checks that fail or are ok again, or that it is set aside. */
  tellReadiness(readiness: Readiness): void {
    this.#told = { ...this.#told, ...readiness };
    // A pipe between processes loses nothing, as sockets do: who sleeps gets it on waking.
    if (!this.paused) this.input((election, now) => election.readinessChanged(now, readiness));
  }

  /** Nothing goes through it, with fewer than two faces, or a check says so (veto). */
  get isUseless(): boolean {
    const faces = this.settings.faces.filter(({ name }) => this.faceUp.get(name as Path) === true);
    return (
      faces.length < 2 || (this.#told.checks ?? []).some(({ veto, state }) => veto && state === "failing")
    );
  }

  requestSwitchover(to?: string): void {
    if (!this.isRunning) return;
    this.input((election, now) => {
      const answer = election.requestSwitchover(now, "asked by the simulation", to);
      return "code" in answer ? [] : answer;
    });
  }

  stop(): void {
    if (!this.isRunning) return;
    this.input((election, now) => election.stop(now));
    this.crash();
  }

  receive(path: Path, bytes: Uint8Array, what: Heard): void {
    if (this.election === undefined) return;
    const life = this.#life;
    if (this.paused) {
      if (!this.#queueKeeps || this.#packets >= SOCKET_QUEUE_MAX) return;
      this.#packets += 1;
    }
    this.#whenAwake(() => {
      if (this.#life !== life) return;
      if (what === "pulse") this.#receivePulse(path, bytes);
      else this.#receiveFrame(path, bytes);
    });
  }

  /** Passes one input to the election and performs what it answers. */
  input(act: (election: Election, nowMs: number) => readonly ElectionEffect[]): void {
    const { election } = this;
    if (election === undefined) return;
    for (const effect of act(election, this.#clockMs)) this.#perform(effect);
    this.#arm();
  }

  #whenAwake(run: () => void): void {
    if (this.paused) this.#queue.push(run);
    else run();
  }

  #receivePulse(path: Path, bytes: Uint8Array): void {
    if (this.faceUp.get(path) === false) return;
    const pulse = decodePulse(bytes);
    if (isDecodeError(pulse)) throw new Error(pulse.reason);
    if (pulse.path !== path) return;
    const hearing = this.#conversations.get(pulse.sender)?.accept(this.#clockMs, path, pulse);
    if (hearing === "overtaken")
      this.input((election, now) => election.receiveOvertaken(now, path, pulse.sender));
    if (hearing !== "fresh") return;
    const { role, resigning } = pulse;
    this.#world.happened(this, { kind: "heard", what: "pulse", active: role === "active", resigning });
    this.input((election, now) => election.receivePulse(now, path, pulse));
  }

  #receiveFrame(face: Path, bytes: Uint8Array): void {
    if (this.faceUp.get(face) !== true) return;
    const packet = decodeAdvertisementFrame(bytes);
    if (isDecodeError(packet)) throw new Error(packet.reason);
    const { source, advertisement } = packet;
    const resigning = advertisement.priority === 0;
    this.#world.happened(this, { kind: "heard", what: "advertisement", active: !resigning, resigning });
    this.input((election, now) => election.receiveAdvertisement(now, face, source, advertisement));
  }

  #perform(effect: ElectionEffect): void {
    const world = this.#world;
    if (effect.do === "add-addresses") this.holdsAddresses = true;
    if (effect.do === "remove-addresses") this.holdsAddresses = false;
    world.happened(this, { kind: "effect", effect });
    if (effect.do === "send-advertisement") {
      world.broadcast(this, effect.face as Path, this.#frame(effect.face, effect.family, effect.priority));
    } else if (effect.do === "send-pulses") {
      for (const conversation of this.#conversations.values()) conversation.next();
      for (const { name } of this.settings.peers) {
        for (const path of this.settings.paths as readonly Path[]) {
          const pulse = this.#pulse(name, path);
          if (this.faceUp.get(path) !== false) world.sendTo(this, name, path, pulse);
        }
      }
    } else if (effect.do === "drain") {
      this.#drain(effect.token);
    }
  }

  /** Most drains succeed; some fail, and some are never answered. */
  #drain(token: number): void {
    const luck = this.#world.isCalm ? 0 : this.#world.random();
    if (luck > 0.95) return;
    const life = this.#life;
    this.#world.schedule(this.#world.nowMs + 1 + 3 * this.#world.random(), () =>
      this.#whenAwake(() => {
        if (this.#life === life) this.input((election, now) => election.drained(now, token, luck < 0.9));
      }),
    );
  }

  #pulse(recipient: string, path: Path): Uint8Array {
    const header = this.#conversations.get(recipient)?.header(path);
    if (header === undefined || this.election === undefined) throw new Error("no conversation");
    const writer = new ByteWriter(pulseBytes);
    const { node: sender, group } = this.settings;
    encodePulse(
      {
        ...header,
        ...this.election.pulse(),
        ...{
          path,
          heard: this.election.addressing.heardPaths(recipient),
          heir: this.election.addressing.heirFor(recipient),
        },
        sender,
        recipient,
        group,
        watermark: 0,
        revision: "0000000000000001",
      },
      writer,
    );
    return writer.written().slice();
  }

  #frame(face: string, family: IpFamily, priority: number): Uint8Array {
    const key = `${face} ${family} ${priority}`;
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      const { virtualRouterId, intervalMs, faces } = this.settings;
      const own = faces.find(({ name }) => name === face)?.addresses ?? [];
      const source = own.find((address) => (address.length === 4 ? 4 : 6) === family);
      if (source === undefined) throw new Error(`no address for ${key}`);
      const virtual: IpAddress = source.slice().fill(1, -1);
      frame = encodeAdvertisementFrame({
        sourceMac: new Uint8Array(6),
        source,
        advertisement: { virtualRouterId, priority, intervalCs: intervalMs / 10, addresses: [virtual] },
      });
      this.#frames.set(key, frame);
    }
    return frame;
  }

  #newSession(): bigint {
    const { random } = this.#world;
    return (
      (BigInt(Math.floor(random() * 2 ** 32)) << 32n) |
      (BigInt(Math.floor(random() * 2 ** 32) | 1) & 0xffff_ffffn)
    );
  }

  /** Wakes the node at its deadline, a little late as every system does. */
  #arm(): void {
    // A timer runs for a time, and not until one: a clock that steps while it runs makes it late.
    const deadline = this.#worldMs(this.election?.deadline ?? Number.POSITIVE_INFINITY);
    if (deadline >= this.#timerAtMs) return;
    this.#timerAtMs = deadline;
    this.#timer += 1;
    const timer = this.#timer;
    // Never early by an error of rounding, which would make it spin.
    this.#world.schedule(deadline + 1e-6 + this.lateMs + 0.2 * this.#world.random(), () => {
      if (this.#timer !== timer) return;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      if (!this.paused) this.#wake();
    });
  }

  #wake(): void {
    const { election } = this;
    if (election === undefined) return;
    if (election.deadline <= this.#clockMs) this.input((machine, now) => machine.timeout(now));
    else this.#arm();
  }
}
