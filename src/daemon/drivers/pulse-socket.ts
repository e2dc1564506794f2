import { randomBytes } from "node:crypto";
import { ByteWriter } from "../../base/bytes.ts";
import { DecodeError } from "../../base/decode-error.ts";
import { type IpAddress, validIp } from "../../base/ip.ts";
import { PulseSession } from "../../core/election/pulse-session.ts";
import { UdpSocket } from "../../linux/udp-socket.ts";
import {
  decodePulse,
  encodePulse,
  PULSE_BYTES_MAX,
  type Pulse,
  pulseBody,
  pulseTag,
} from "../../wire/pulse.ts";
import type { NodeSettings } from "../node-settings.ts";
import { PulseTag } from "./pulse-tag.ts";

/** What this node's pulses say; the header that proves their freshness is added here. */
export type PulseContent = Omit<Pulse, "sender" | "recipient" | "group" | "session" | "echo" | "sequence">;

interface PulsePeer {
  readonly name: string;
  readonly address: IpAddress;
  /** Every group has an election, and so a conversation, of its own. */
  readonly sessions: ReadonlyMap<string, PulseSession>;
}

/** Authenticated pulses to and from all peers on one path. What is forged, replayed or for others is counted and dropped. */
export class PulseSocket {
  readonly #settings: NodeSettings;
  readonly #tag: PulseTag;
  readonly #socket: UdpSocket;
  readonly #peers: readonly PulsePeer[];
  readonly #writer = new ByteWriter(PULSE_BYTES_MAX);
  readonly #received = new Uint8Array(2_048);
  /** Dropped pulses by reason. */
  readonly counters: Record<string, number> = {};

  constructor(settings: NodeSettings) {
    this.#settings = settings;
    this.#tag = new PulseTag(Buffer.from(settings.pulseKey, "hex"));
    this.#peers = settings.peers.map((peer) => ({
      name: peer.name,
      address: validIp(peer.syncAddress),
      sessions: new Map(settings.groups.map(({ name }) => [name, new PulseSession(randomSession())])),
    }));
    this.#socket = new UdpSocket({
      address: validIp(settings.sync.address),
      port: settings.ports.pulses,
      device: settings.sync.device,
    });
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Sends a pulse of one group to every peer. */
  sendToAll(group: string, content: PulseContent): void {
    for (const peer of this.#peers) {
      const session = peer.sessions.get(group);
      if (session === undefined) continue;
      this.#writer.offset = 0;
      encodePulse(
        {
          ...content,
          ...session.nextHeader(),
          sender: this.#settings.node,
          recipient: peer.name,
          group,
        },
        this.#writer,
      );
      this.#writer.put(this.#tag.of(this.#writer.written()));
      if (this.#socket.send(this.#writer.written(), peer.address, this.#settings.ports.pulses) < 0) {
        this.#count("pulse-not-sent");
      }
    }
  }

  /** Takes one waiting datagram. @returns a fresh pulse, "dropped" for anything else, undefined when nothing waits */
  receive(): Pulse | "dropped" | undefined {
    const datagram = this.#socket.receive(this.#received);
    if (datagram === undefined) return undefined;
    return this.#open(this.#received.subarray(0, datagram.length)) ?? "dropped";
  }

  close(): void {
    this.#socket.close();
  }

  #open(datagram: Uint8Array): Pulse | undefined {
    const body = pulseBody(datagram);
    if (!this.#tag.fits(pulseTag(datagram), body)) return this.#drop("pulse-forged");
    const pulse = decodePulse(body);
    if (pulse instanceof DecodeError) return this.#drop(pulse.reason);
    const peer = this.#peers.find(({ name }) => name === pulse.sender);
    if (peer === undefined || pulse.recipient !== this.#settings.node) return this.#drop("pulse-for-others");
    const session = peer.sessions.get(pulse.group);
    if (session === undefined) return this.#drop("pulse-group");
    const freshness = session.accept(pulse);
    return freshness === "fresh" ? pulse : this.#drop(`pulse-${freshness}`);
  }

  #drop(reason: string): undefined {
    this.#count(reason);
    return undefined;
  }

  #count(reason: string): void {
    this.counters[reason] = (this.counters[reason] ?? 0) + 1;
  }
}

function randomSession(): bigint {
  return randomBytes(8).readBigUInt64BE() | 1n;
}
