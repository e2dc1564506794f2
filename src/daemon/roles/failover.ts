import { DecodeError } from "../../base/decode-error.ts";
import { validIp } from "../../base/ip.ts";
import { Election, type ElectionEffect } from "../../core/election/election.ts";
import { liveness } from "../../core/liveness.ts";
import { setRealTimePriority } from "../../linux/libc.ts";
import { LivenessTables } from "../../linux/liveness-tables.ts";
import { PollSet } from "../../linux/poll.ts";
import { NetworkEvents, RouteSocket } from "../../linux/route-socket.ts";
import type { LinkState } from "../../wire/route-message.ts";
import { decodeAdvertisementFrame } from "../../wire/vrrp.ts";
import { BlockingChannel } from "../drivers/blocking-channel.ts";
import { Face } from "../drivers/face.ts";
import { type PulseContent, PulseSocket } from "../drivers/pulse-socket.ts";
import { RENEW_MS, VirtualAddresses } from "../drivers/virtual-addresses.ts";
import type { NodeSettings } from "../node-settings.ts";
import { ignoreSignals } from "../role-channel.ts";
import type { Envelope, RoleMessage, RoleName } from "../role-message.ts";
import type { FailoverReport } from "../role-report.ts";

/** The highest priority that is still below the kernel's own threads (migration, watchdog). */
const REAL_TIME_PRIORITY = 50;
/** Packets of one socket that are worked off before the others have their turn. */
const RECEIVE_BURST = 64;
const FRAME_BYTES = 2_048;

/**
 * The failover role: one thread, one blocking poll(2), the election machine, and the kernel. Between a peer's silence
 * and the takeover there is no disk, no DNS, no TLS, no program, and no other process of ours.
 */
class FailoverRole {
  readonly #channel: BlockingChannel;
  readonly #settings: NodeSettings;
  readonly #route = new RouteSocket();
  readonly #events = new NetworkEvents();
  readonly #pulses: PulseSocket;
  readonly #faces: readonly Face[];
  readonly #addresses: VirtualAddresses;
  readonly #election: Election;
  readonly #frame = new Uint8Array(FRAME_BYTES);
  readonly #counters: Record<string, number> = {};
  /** Held, not used: the kernel removes the tables with this process. */
  #alive: LivenessTables | undefined;
  #realTime = false;
  #latenessMsMax = 0;
  #renewDueMs = Number.POSITIVE_INFINITY;
  #toldActive = false;
  /** The kernel has dropped virtual addresses that this node holds. */
  #addressesLost = false;
  #watermark = 0n;
  #finished = false;
  /** Undefined when the set of sockets has changed. */
  #pollSet: PollSet | undefined;
  #frameSockets: { readonly face: Face; readonly receive: (into: Uint8Array) => number }[] = [];

  constructor(channel: BlockingChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#pulses = new PulseSocket(settings);
    this.#faces = settings.faces.map((face) => new Face(face, settings.group));
    this.#addresses = new VirtualAddresses(settings);
    const { virtualRouterId, priority, intervalMs, preempt, name } = settings.group;
    this.#election = new Election(
      {
        node: settings.node,
        group: name,
        virtualRouterId,
        priority,
        intervalMs,
        preempt,
        faces: this.#faces.map((face) => ({
          name: face.name,
          families: face.families,
          addresses: face.ownAddresses,
        })),
        peers: settings.peers.map((peer) => ({ name: peer.name, addresses: peer.addresses.map(validIp) })),
        paths: [settings.sync.name],
      },
      performance.now(),
    );
  }

  /** Runs until the node stops. `arrived` are messages that came together with the settings. */
  run(arrived: readonly Envelope[]): void {
    this.#realTime = setRealTimePriority(REAL_TIME_PRIORITY) === 0;
    // Memory is not locked with mlockall(2): V8 gives pages back with madvise(MADV_DONTNEED), which the kernel refuses
    // for locked ones, and then V8 aborts the process in the middle of a garbage collection.
    // Whatever an earlier life of this node left: an address that nobody defends must not stay.
    this.#addresses.remove();
    this.#alive = new LivenessTables(liveness);
    this.#readNetwork();
    for (const { from, message } of arrived) this.#receiveMessage(from, message);
    while (!this.#finished) this.#turn();
    for (const face of this.#faces) face.close();
    this.#alive.close();
    this.#channel.send("supervisor", { kind: "stopped" });
  }

  /** One turn: wait, take in everything that has arrived, and only then act on time that has passed. */
  #turn(): void {
    const deadline = Math.min(this.#election.deadline, this.#renewDueMs);
    const pollSet = this.#currentPollSet();
    pollSet.wait(Math.max(0, deadline - performance.now()));
    const woke = performance.now();
    if (woke > deadline) this.#latenessMsMax = Math.max(this.#latenessMsMax, woke - deadline);
    if (pollSet.readable(0)) this.#receiveMessages();
    if (pollSet.readable(2)) this.#receivePulses();
    for (const [index, socket] of this.#frameSockets.entries()) {
      if (pollSet.readable(3 + index)) this.#receiveFrames(socket.face, socket.receive);
    }
    // After what the others say, and last of all, because it may change the set of sockets.
    if (pollSet.readable(1)) this.#receiveNetworkEvents();
    const now = performance.now();
    if (now >= this.#election.deadline) this.#perform(this.#election.timeout(now));
    if (now >= this.#renewDueMs) this.#renew(now);
  }

  #currentPollSet(): PollSet {
    if (this.#pollSet === undefined) {
      this.#frameSockets = this.#faces.flatMap((face) =>
        [...face.sockets.values()].map((socket) => ({
          face,
          receive: (into: Uint8Array) => socket.receive(into),
        })),
      );
      const frameFds = this.#faces.flatMap((face) => [...face.sockets.values()].map(({ fd }) => fd));
      this.#pollSet = new PollSet([this.#channel.fd, this.#events.fd, this.#pulses.fd, ...frameFds]);
    }
    return this.#pollSet;
  }

  #receiveFrames(face: Face, receive: (into: Uint8Array) => number): void {
    for (let i = 0; i < RECEIVE_BURST; i++) {
      const length = receive(this.#frame);
      if (length === 0) return;
      const packet = decodeAdvertisementFrame(this.#frame.subarray(0, length));
      if (packet instanceof DecodeError) {
        this.#count(packet.reason);
        continue;
      }
      this.#perform(
        this.#election.receiveAdvertisement(
          performance.now(),
          face.name,
          packet.source,
          packet.advertisement,
        ),
      );
    }
  }

  #receivePulses(): void {
    for (let i = 0; i < RECEIVE_BURST; i++) {
      const pulse = this.#pulses.receive();
      if (pulse === undefined) return;
      if (pulse === "dropped") continue;
      this.#perform(this.#election.receivePulse(performance.now(), this.#settings.sync.name, pulse));
    }
  }

  #receiveNetworkEvents(): void {
    for (const event of this.#events.read()) {
      if (event.kind === "overrun") {
        this.#readNetwork();
        if (this.#holds) this.#loseAddresses();
        continue;
      }
      if (event.kind === "link") {
        const face = this.#faces.find(({ device }) => device === event.link.name);
        if (face !== undefined) this.#setLink(face, event.removed ? undefined : event.link);
        continue;
      }
      if (event.kind === "route") continue;
      for (const face of this.#faces) {
        if (face.addressChanged(event.address, event.removed)) this.#tellFace(face);
        // A renewal that came too late, or somebody else's hand: an active node must have its addresses.
        const lost = event.removed && this.#holds && face.isVirtual(event.address.address);
        if (lost) this.#loseAddresses();
      }
    }
  }

  /** They are added again in renew(): as soon as it is known that no other node is active. */
  #loseAddresses(): void {
    this.#addressesLost = true;
    this.#renewDueMs = performance.now();
  }

  /** Reads everything anew: at start, and when the kernel had to drop events. */
  #readNetwork(): void {
    const links = this.#route.links();
    const addresses = this.#route.addresses();
    for (const face of this.#faces) {
      const link = links.find(({ name }) => name === face.device);
      this.#setLink(face, link);
      for (const address of addresses) if (face.addressChanged(address, false)) this.#tellFace(face);
    }
  }

  #setLink(face: Face, link: LinkState | undefined): void {
    const before = face.up;
    if (face.setLink(link)) this.#pollSet = undefined;
    if (face.up !== before) this.#tellFace(face);
  }

  #tellFace({ name, up, addresses }: Face): void {
    this.#perform(this.#election.faceChanged(performance.now(), name, up, addresses));
  }

  #receiveMessages(): void {
    const envelopes = this.#channel.receive();
    if (envelopes === "closed") {
      // Nobody is left to remove the addresses if this process fails: give them up now.
      this.#perform(this.#election.stop(performance.now()));
      this.#finished = true;
      return;
    }
    for (const { from, message } of envelopes) this.#receiveMessage(from, message);
  }

  #receiveMessage(from: RoleName, message: RoleMessage): void {
    const now = performance.now();
    switch (message.kind) {
      case "gateway-ready":
        this.#perform(this.#election.readinessChanged(now, { gatewayReady: true }));
        break;
      case "table":
        this.#watermark = BigInt(message.watermark);
        this.#perform(this.#election.readinessChanged(now, { tableComplete: message.complete }));
        break;
      case "drained":
        this.#perform(this.#election.drained(now, message.token, message.complete));
        break;
      case "switchover": {
        const answer = this.#election.requestSwitchover(now, message.reason);
        const { request } = message;
        if ("code" in answer) {
          this.#channel.send(from, { kind: "switchover-answer", request, problem: answer });
        } else {
          this.#perform(answer);
          this.#channel.send(from, { kind: "switchover-answer", request });
        }
        break;
      }
      case "ask":
        this.#channel.send(from, { kind: "answer", request: message.request, report: this.#report() });
        break;
      case "role-started":
        this.#channel.send(message.role, { kind: "active", active: this.#toldActive });
        break;
      case "stop":
        this.#perform(this.#election.stop(now));
        break;
      default:
        break;
    }
  }

  #perform(effects: readonly ElectionEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: ElectionEffect): void {
    switch (effect.do) {
      case "send-advertisement": {
        const face = this.#faces.find(({ name }) => name === effect.face);
        if (face?.sendAdvertisement(effect.family, effect.priority) !== true)
          this.#count("advertisement-not-sent");
        break;
      }
      case "send-pulses":
        this.#pulses.sendToAll(this.#pulseContent());
        break;
      case "add-addresses":
        this.#logRefusals("add virtual address", this.#addresses.add());
        this.#renewDueMs = performance.now() + RENEW_MS;
        break;
      case "remove-addresses":
        this.#renewDueMs = Number.POSITIVE_INFINITY;
        this.#addressesLost = false;
        this.#logRefusals("remove virtual address", this.#addresses.remove());
        this.#channel.send("supervisor", { kind: "released" });
        break;
      case "announce":
        for (const face of this.#faces) if (face.up && !face.announce()) this.#count("announcement-not-sent");
        break;
      case "drain":
        this.#channel.send("replicator", { kind: "drain", token: effect.token, limitMs: effect.limitMs });
        break;
      case "transition":
        this.#tellActive(effect.to === "active");
        this.#channel.log("info", `${effect.from} -> ${effect.to}: ${effect.cause}`);
        break;
      case "handover-refused":
        this.#channel.log("warning", `stays active: ${effect.problem.message}`);
        break;
      case "finished":
        this.#finished = true;
        break;
    }
  }

  #pulseContent(): PulseContent {
    return {
      ...this.#election.pulse(),
      watermark: this.#watermark,
      revision: this.#settings.revision,
    };
  }

  #tellActive(active: boolean): void {
    if (active === this.#toldActive) return;
    this.#toldActive = active;
    for (const role of ["replicator", "control"] as const)
      this.#channel.send(role, { kind: "active", active });
  }

  get #holds(): boolean {
    return this.#renewDueMs !== Number.POSITIVE_INFINITY;
  }

  /** Woken late, another node may be active by now: the addresses are renewed only when that is known. */
  #renew(now: number): void {
    this.#renewDueMs = now + RENEW_MS;
    if (this.#election.view.listening) return;
    if (this.#addressesLost) {
      this.#addressesLost = false;
      this.#count("addresses-restored");
      this.#logRefusals("add virtual address", this.#addresses.add());
    }
    this.#channel.send("supervisor", { kind: "holding" });
  }

  #logRefusals(operation: string, refusals: readonly string[]): void {
    for (const refusal of refusals) this.#channel.log("error", `${operation} ${refusal}`);
  }

  #report(): FailoverReport {
    return {
      role: "failover",
      view: this.#view(),
      nowMs: performance.now(),
      addresses: this.#holds ? this.#addresses.list() : [],
      faces: this.#faces.map(({ name, device, up }) => ({ name, device, up })),
      realTime: this.#realTime,
      latenessMsMax: this.#latenessMsMax,
      counters: { ...this.#counters, ...this.#pulses.counters },
    };
  }

  /** Numbers of 64 bits do not fit into JSON. */
  #view(): FailoverReport["view"] {
    const view = this.#election.view;
    return { ...view, peers: view.peers.map((peer) => ({ ...peer, watermark: Number(peer.watermark) })) };
  }

  #count(reason: string): void {
    this.#counters[reason] = (this.#counters[reason] ?? 0) + 1;
  }
}

/** The first message are the settings; others may have come with it. */
function start(): void {
  ignoreSignals();
  const channel = new BlockingChannel();
  const waiting = new PollSet([channel.fd]);
  for (;;) {
    waiting.wait(Number.POSITIVE_INFINITY);
    const envelopes = channel.receive();
    if (envelopes === "closed") return;
    const [first, ...rest] = envelopes;
    if (first === undefined) continue;
    if (first.message.kind !== "settings")
      throw new Error(`the first message is ${first.message.kind}, not settings`);
    new FailoverRole(channel, first.message.settings).run(rest);
    return;
  }
}

start();
