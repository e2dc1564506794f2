import { ByteWriter } from "../../base/bytes.ts";
import { type IpAddress, validIp } from "../../base/ip.ts";
import type { PulsePath } from "../../contract/pulse-paths.ts";
import type { PulseConversation } from "../../core/election/pulse-conversation.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import { socketAddress, UdpSocket } from "../../linux/udp-socket.ts";
import {
  encodePulseOf,
  PULSE_BYTES_MAX,
  PULSE_TAG_BYTES,
  type Pulse,
  type PulseAddress,
  type PulseContent,
  type PulseHeir,
} from "../../wire/pulse.ts";
import { PulseReader } from "../../wire/pulse-reader.ts";
import type { NodeSettings } from "../node-settings.ts";
import { PulseTag } from "./pulse-tag.ts";

/** What depends on the recipient: the election of the group says it. */
export interface PulseAddressing {
  heardPaths(peer: string): number;
  heirFor(peer: string): PulseHeir;
  /** The peer talks, and does not say that pulses reach it on a path. */
  isDeafOn(peer: string, path: string): boolean;
}

/**
 * Gets a pulse, whose memory is used again for a later one that says the same, and the path that it came by. `isOvertaken`: a newer one came by
 * another path before, and it says only that this path works.
 */
export type PulseHearer = (path: string, pulse: Pulse, isOvertaken: boolean) => void;

export interface PulseSocketOptions {
  readonly settings: NodeSettings;
  readonly path: PulsePath;
  /** Counts what is dropped, by reason. */
  readonly counters: Record<string, number>;
  readonly conversation: (group: string, peer: string) => PulseConversation | undefined;
}

/** Authenticated pulses to and from all peers on one path. What is forged, replayed or for others is counted and dropped. */
export class PulseSocket {
  readonly device: string;
  readonly #options: PulseSocketOptions;
  readonly #address: IpAddress;
  /** With `struct sockaddr_in` or `sockaddr_in6`, and what pulses to them say, which is written anew for each. */
  readonly #peers: readonly {
    readonly name: string;
    readonly to: Uint8Array;
    readonly said: { -readonly [K in keyof PulseAddress]: PulseAddress[K] };
  }[];
  readonly #reader: PulseReader;
  readonly #groups: ReadonlySet<string>;
  /** The first is that of what is sent; there is another while the cluster's key is exchanged. */
  #tags: readonly [PulseTag, ...PulseTag[]];
  readonly #writer = new ByteWriter(PULSE_BYTES_MAX);
  readonly #received = new Uint8Array(2_048);
  #deviceIndex: number | undefined;
  /** Undefined while the device does not exist. */
  #socket: UdpSocket | undefined;

  constructor(options: PulseSocketOptions) {
    const { path, settings } = options;
    this.#options = options;
    this.device = path.device;
    this.#address = validIp(path.address);
    const { node, ports } = settings;
    this.#peers = path.peers.map(({ name, address }) => ({
      name,
      to: socketAddress(validIp(address), ports.pulses),
      said: { sender: node, recipient: name, group: "", path: path.name, heard: 0, heir: "none" },
    }));
    const names = [...path.groups, ...path.peers.map(({ name }) => name), node, path.name];
    this.#reader = new PulseReader(path.groups.length * path.peers.length, names);
    this.#groups = new Set(path.groups);
    this.#tags = tagsOf(settings.pulseKeys);
  }

  setKeys(keys: readonly string[]): void {
    this.#tags = tagsOf(keys);
  }

  get fd(): number | undefined {
    return this.#socket?.fd;
  }

  /** A socket belongs to a device by its index: one that comes again by the same name needs another. @returns whether it changed */
  setDevice(index: number | undefined): boolean {
    if (index === this.#deviceIndex) return false;
    this.#socket?.close();
    this.#socket = undefined;
    this.#deviceIndex = index;
    if (index === undefined) return true;
    try {
      const port = this.#options.settings.ports.pulses;
      this.#socket = new UdpSocket({ address: this.#address, port, device: this.device });
    } catch (error) {
      // The device has gone since the kernel told of it; that it has gone is the next thing it tells.
      if (!(error instanceof KernelError) || error.code !== "ENODEV") throw error;
      this.#deviceIndex = undefined;
    }
    return true;
  }

  /** Sends a pulse of one group, whose number the conversations hold, to every peer. */
  sendToAll(group: string, content: PulseContent, addressing: PulseAddressing): void {
    const socket = this.#socket;
    if (socket === undefined || !this.#groups.has(group)) return;
    const { path, conversation } = this.#options;
    const writer = this.#writer;
    for (const { name: recipient, to, said } of this.#peers) {
      const header = conversation(group, recipient)?.header(path.name);
      if (header === undefined) continue;
      writer.offset = 0;
      said.group = group;
      said.heard = addressing.heardPaths(recipient);
      said.heir = addressing.heirFor(recipient);
      encodePulseOf(content, header, said, writer);
      this.#tags[0].seal(writer.bytes, writer.offset);
      // A kernel that doubts a neighbour asks it, and gives up a path that carries no answers: where one direction is left, no pulse
      // would pass after a minute. So it is doubted only where it could say that it hears us, and does not. If its hardware address
      // changes while nothing is heard of it, its own question for ours tells the new one.
      const isCertain = !addressing.isDeafOn(recipient, path.name);
      if (socket.sendTo(writer.bytes, writer.offset + PULSE_TAG_BYTES, to, isCertain) < 0)
        this.#count("pulse-not-sent");
    }
  }

  /** Takes one waiting datagram, and tells of it if it is a fresh pulse. @returns false when nothing waits */
  receive(hear: PulseHearer): boolean {
    const length = this.#socket?.receiveLength(this.#received);
    if (length === undefined) return false;
    const { path } = this.#options;
    const hearing = this.#judge(length);
    if (hearing === "fresh" || hearing === "overtaken")
      hear(path.name, this.#reader.take(), hearing === "overtaken");
    else this.#count(hearing);
    return true;
  }

  /** @returns why a datagram is dropped, if it is neither fresh nor overtaken */
  #judge(length: number): string {
    const { settings, path, conversation } = this.#options;
    if (!this.#isOurs(length)) return "pulse-forged";
    const fault = this.#reader.read(this.#received, length - PULSE_TAG_BYTES);
    if (fault !== undefined) return fault.reason;
    const { said } = this.#reader;
    if (!this.#isPeer(said.sender) || said.recipient !== settings.node) return "pulse-for-others";
    // A recording of one path must not keep another alive.
    if (said.path !== path.name) return "pulse-path";
    const talk = conversation(said.group, said.sender);
    if (talk === undefined) return "pulse-group";
    const hearing = talk.accept(performance.now(), path.name, this.#reader);
    return hearing === "fresh" || hearing === "overtaken" ? hearing : `pulse-${hearing}`;
  }

  #isOurs(length: number): boolean {
    for (const one of this.#tags) if (one.fits(this.#received, length)) return true;
    return false;
  }

  #isPeer(sender: string): boolean {
    for (const { name } of this.#peers) if (name === sender) return true;
    return false;
  }

  #count(reason: string): void {
    const { counters } = this.#options;
    counters[reason] = (counters[reason] ?? 0) + 1;
  }
}

function tagsOf(keys: readonly string[]): readonly [PulseTag, ...PulseTag[]] {
  const [first, ...others] = keys.map((key) => new PulseTag(Buffer.from(key, "hex")));
  if (first === undefined) throw new Error("there is a key for pulses");
  return [first, ...others];
}
