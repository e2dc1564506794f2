import { validIp } from "../../base/ip.ts";
import { rangeContains } from "../../base/ip-range.ts";
import { translatedRanges, validNetwork } from "../../contract/nat-targets.ts";
import { FirstPacketSocket } from "../../linux/first-packet-socket.ts";
import type { ForwardedFilterOptions } from "../../linux/forwarded-filter.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import { deviceIndex } from "../../linux/libc.ts";
import { allVirtualAddresses, type GroupSettings, type NodeSettings } from "../node-settings.ts";

/**
 * The sockets keep the kernel's time: how often they are read decides only when it is written down. At once on a busy gateway, where
 * each packet costs something meanwhile; a quiet one is not woken up for it all the time.
 */
const READ_MS_MIN = 20;
const READ_SHARE = 0.1;
/** A gateway without any traffic for so long has no gap that could be measured. */
const GIVE_UP_MS = 60_000;
const LATE_MS_MAX = 1_000;
/** Clocks of two reads differ by so much at most; a packet that left before the decision was another's. */
const EARLY_MS_MAX = 0.05;

interface FirstPacket {
  /** The interface that it left by. */
  readonly path: string;
  readonly afterDecisionMs: number;
}

/**
 * Waits, in one group, for the first packet that this node forwards after a takeover. The sockets are opened while the node is
 * standby, when there is nothing to see, and closed after the first packet: an active gateway pays nothing for them.
 */
export class FirstPacketWatch {
  readonly #group: GroupSettings;
  readonly #filter: ForwardedFilterOptions;
  /** With several groups the node may forward for another while it is standby in this one: every packet would cost something. */
  readonly #opensEarly: boolean;
  readonly #sockets = new Map<string, { readonly socket: FirstPacketSocket; readonly deviceIndex: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: NodeSettings, group: GroupSettings) {
    this.#group = group;
    this.#opensEarly = settings.groups.length === 1;
    this.#filter = forwardedBy(settings, group);
  }

  /** This node is not active: a packet that it forwards will be the first of a takeover. */
  prepare(): void {
    this.#stopWaiting();
    if (this.#opensEarly) this.#open();
    else this.#close();
  }

  /** This node became active at `decidedMs`, by performance.now(). `done` is called once, or never. */
  await(decidedMs: number, done: (packet: FirstPacket) => void): void {
    this.#stopWaiting();
    // What is opened so late may see a packet that is far from the first.
    if (this.#sockets.size === 0 && performance.now() - decidedMs > LATE_MS_MAX) return;
    this.#open();
    const look = () => {
      const packet = this.#read(decidedMs);
      const waitedMs = performance.now() - decidedMs;
      if (packet === undefined && waitedMs < GIVE_UP_MS) {
        this.#timer = setTimeout(look, Math.max(READ_MS_MIN, waitedMs * READ_SHARE)).unref();
        return;
      }
      this.#close();
      if (packet !== undefined) done(packet);
    };
    this.#timer = setTimeout(look, READ_MS_MIN).unref();
  }

  #read(decidedMs: number): FirstPacket | undefined {
    let first: FirstPacket | undefined;
    for (const [path, { socket }] of this.#sockets) {
      for (let agoMs = socket.next(); agoMs !== undefined; agoMs = socket.next()) {
        const afterDecisionMs = performance.now() - agoMs - decidedMs;
        if (afterDecisionMs < -EARLY_MS_MAX) continue;
        if (first === undefined || afterDecisionMs < first.afterDecisionMs) first = { path, afterDecisionMs };
        break;
      }
    }
    return first;
  }

  /** On every device that is there; one that was replaced gets a new socket. */
  #open(): void {
    for (const { name, device } of this.#group.faces) {
      const index = deviceIndex(device);
      const present = this.#sockets.get(name);
      if (present !== undefined && present.deviceIndex === index) continue;
      present?.socket.close();
      this.#sockets.delete(name);
      if (index === undefined) continue;
      try {
        const socket = new FirstPacketSocket(device, this.#filter);
        this.#sockets.set(name, { socket, deviceIndex: index });
      } catch (error) {
        // The device went away meanwhile, or the right is missing: then this takeover has no measured gap.
        if (!(error instanceof KernelError)) throw error;
      }
    }
  }

  /** This node has been active for long: its first packet has gone by. */
  closeUnlessWaiting(): void {
    if (this.#timer === undefined) this.#close();
  }

  #close(): void {
    this.#stopWaiting();
    for (const { socket } of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function forwardedBy(settings: NodeSettings, group: GroupSettings): ForwardedFilterOptions {
  const ranges = translatedRanges(settings.document);
  const isTranslated = (address: string) => ranges.some((range) => rangeContains(range, validIp(address)));
  const own = settings.groups.flatMap(({ faces }) => faces.flatMap(({ addresses }) => addresses));
  const virtual = allVirtualAddresses(settings);
  const groupVirtual = new Set(
    group.faces.flatMap(({ virtualAddresses }) => virtualAddresses.map(({ address }) => address)),
  );
  const translated = virtual.filter(isTranslated);
  const networks = group.faces.flatMap(({ virtualAddresses }) =>
    virtualAddresses.map(({ address, prefixLength }) => ({ address: validIp(address), prefixLength })),
  );
  return {
    local: [...own, ...virtual.filter((address) => !isTranslated(address))].map(validIp),
    translated: translated.filter((address) => groupVirtual.has(address)).map(validIp),
    routed: Object.values(settings.document.groups[group.name]?.routedNetworks ?? {})
      .flat()
      .map(validNetwork),
    destinations: settings.groups.length === 1 ? undefined : networks,
  };
}
