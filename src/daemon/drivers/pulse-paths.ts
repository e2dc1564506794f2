import { randomBytes } from "node:crypto";
import { PulseConversation } from "../../core/election/pulse-conversation.ts";
import type { PulseContent } from "../../wire/pulse.ts";
import type { LinkState } from "../../wire/route-message.ts";
import type { NodeSettings } from "../node-settings.ts";
import { type PulseAddressing, type PulseHearer, PulseSocket } from "./pulse-socket.ts";

/** Pulses that are worked off before the other sockets have their turn. */
const RECEIVE_BURST = 64;

/** Pulses to and from all peers on every path that the nodes share: a socket for each path, bound to its device. */
export class PulsePaths {
  readonly #sockets: readonly PulseSocket[];
  /** By group and peer. */
  readonly #conversations: ReadonlyMap<string, ReadonlyMap<string, PulseConversation>>;
  /** The same for those who go over all of a group. */
  readonly #ofGroup: ReadonlyMap<string, readonly PulseConversation[]>;
  readonly #burst: number;
  readonly #counters: Record<string, number> = {};
  /** Of the document: pulses carry it. It may change while all that the document says of pulses stays. */
  revision: string;

  constructor(settings: NodeSettings) {
    this.revision = settings.revision;
    const { groups, peers, pulsePaths } = settings;
    this.#conversations = new Map(
      groups.map(({ name: group, pulseIntervalMs: intervalMs }) => {
        const paths = pulsePaths.filter((path) => path.groups.includes(group)).map(({ name }) => name);
        const talks = peers.map(({ name: peer }) => {
          return [peer, new PulseConversation({ ownSession: randomSession(), paths, intervalMs })] as const;
        });
        return [group, new Map(talks)];
      }),
    );
    this.#ofGroup = new Map([...this.#conversations].map(([group, talks]) => [group, [...talks.values()]]));
    this.#burst = RECEIVE_BURST * groups.length;
    this.#sockets = pulsePaths.map(
      (path) =>
        new PulseSocket({
          settings,
          path,
          counters: this.#counters,
          conversation: (group, peer) => this.#conversations.get(group)?.get(peer),
        }),
    );
  }

  /** Other keys from now on: the first for what is sent, all of them for what comes. */
  setKeys(keys: readonly string[]): void {
    for (const socket of this.#sockets) socket.setKeys(keys);
  }

  /** Pulses that were dropped or could not be sent, by reason. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters;
  }

  /** The sockets of paths whose devices exist. */
  get open(): readonly { readonly fd: number; readonly socket: PulseSocket }[] {
    return this.#sockets.flatMap((socket) => (socket.fd === undefined ? [] : [{ fd: socket.fd, socket }]));
  }

  /** Takes the state of all links. @returns true when sockets were opened or closed: poll a new set */
  readLinks(links: readonly LinkState[]): boolean {
    let changed = false;
    for (const socket of this.#sockets)
      if (socket.setDevice(links.find(({ name }) => name === socket.device)?.index)) changed = true;
    return changed;
  }

  /** @returns as readLinks */
  linkChanged(link: LinkState, removed: boolean): boolean {
    const socket = this.#sockets.find(({ device }) => device === link.name);
    return socket?.setDevice(removed ? undefined : link.index) ?? false;
  }

  /** Sends a pulse of one group to every peer on every path. */
  sendToAll(group: string, content: PulseContent, addressing: PulseAddressing): void {
    for (const conversation of this.#ofGroup.get(group) ?? []) conversation.next();
    for (const socket of this.#sockets) socket.sendToAll(group, content, addressing);
  }

  /** Works off what waits on one path, a bounded number. */
  receive(socket: PulseSocket, hear: PulseHearer): void {
    for (let i = 0; i < this.#burst; i++) if (!socket.receive(hear)) return;
  }
}

function randomSession(): bigint {
  return randomBytes(8).readBigUInt64BE() | 1n;
}
