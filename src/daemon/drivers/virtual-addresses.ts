import { formatNetwork, validIp } from "../../base/ip.ts";
import { deviceIndex, errorName } from "../../linux/libc.ts";
import type { Refusal } from "../../linux/netlink-socket.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import type { AddressChange } from "../../wire/route-message.ts";
import type { GroupSettings } from "../node-settings.ts";

/** An active node that was silent for this many intervals has been replaced (RFC 9568 6.1: three, and a skew below one). */
const INTERVALS_UNTIL_REPLACED = 4;

/**
 * How long a virtual address lives in the kernel without renewal. A node whose processes were all killed at once does not
 * keep addresses that it no longer defends; one whose loop only stalled keeps them as long as nobody can have taken
 * over. Whole seconds, because the kernel counts so.
 */
export function validSeconds(intervalMs: number): number {
  return Math.ceil((INTERVALS_UNTIL_REPLACED * intervalMs) / 1_000);
}

/** Several renewals fit into the shortest lifetime. */
export const RENEW_MS = 250;

/** What the kernel has of an address. */
export const PRESENT = 0;
export const MISSING = 1;

type Change = AddressChange & {
  /** Its place in listAddresses(). */
  readonly place: number;
};

/**
 * One group's addresses in the kernel, added and removed in one system call for all.
 *
 * Every such call waits for the kernel's one lock for network configuration, which others may hold for seconds: the
 * loop of the failover role has a thread for them (address-orders.ts).
 */
export class VirtualAddresses {
  readonly #route = new RouteSocket();
  readonly #group: GroupSettings;
  /** Read once: at a takeover there is no time for it. */
  readonly #parsed: readonly (Omit<AddressChange, "deviceIndex" | "validSeconds"> & {
    readonly device: string;
    readonly keepsNetwork: boolean;
  })[];
  readonly #presence: Uint8Array;

  /** @param presence for each of listAddresses(): PRESENT or MISSING, kept up to date by every change; the memory may be shared */
  constructor(group: GroupSettings, presence: Uint8Array = new Uint8Array(listAddresses(group).length)) {
    this.#group = group;
    this.#presence = presence.fill(MISSING);
    this.#parsed = group.faces.flatMap((face) =>
      face.virtualAddresses.map((one) => {
        const address = validIp(one.address);
        // Among several IPv4 addresses of a network, the first one leads to it. That is the node's own, until somebody takes it away and gives it
        // back: then it is the virtual one. IPv6 addresses lead there each by itself.
        return { ...one, address, keepsNetwork: address.length === 4 && one.device === face.device };
      }),
    );
  }

  close(): void {
    this.#route.close();
  }

  /**
   * What a service manager can give to `ip -force -batch` when the daemon has ended: when all processes of a node were
   * killed, nobody else is left to remove the addresses before their lifetimes end.
   */
  releaseBatch(): string {
    const lines = this.#group.faces.flatMap(({ virtualAddresses }) =>
      virtualAddresses.map(
        ({ address, prefixLength, device }) => `address del ${address}/${prefixLength} dev ${device}\n`,
      ),
    );
    // Frames to the virtual router are for another node now.
    return [...lines, ...this.#ownDevices.map((device) => `link del dev ${device}\n`)].join("");
  }

  /** Adds all. @returns what the kernel refused, in words */
  add(): string[] {
    return [...this.#setOwnDevices(true), ...this.#addAll(this.#changes())];
  }

  /** Renews the lifetimes of those that are there. Whether the others may be added is for the election to say. */
  renew(): string[] {
    const refusals = this.#setOwnDevices(true);
    const present = new Set(this.#route.addresses().map((one) => `${one.deviceIndex} ${formatNetwork(one)}`));
    const changes = this.#changes().filter((one) => present.has(`${one.deviceIndex} ${formatNetwork(one)}`));
    return [...refusals, ...this.#addAll(changes)];
  }

  #addAll(changes: readonly Change[]): string[] {
    const refusals = this.#route.addAddresses(changes);
    // At once, because others read it.
    const presence = new Uint8Array(this.#presence.length).fill(MISSING);
    for (const { place } of changes) presence[place] = PRESENT;
    for (const { sequence } of refusals) {
      const place = changes[sequence]?.place;
      if (place !== undefined) presence[place] = MISSING;
    }
    this.#presence.set(presence);
    return describe(refusals, changes);
  }

  /**
   * Goes the way of add(), waits for nobody and changes nothing: what was not used for long is in no cache, and the runtime is slow at what it
   * has done but once.
   */
  prepare(): string[] {
    this.#route.rehearseAddAddresses(this.#changes());
    return [];
  }

  remove(): string[] {
    const changes = this.#changes();
    const refusals = this.#route.deleteAddresses(changes);
    this.#setOwnDevices(false);
    this.#presence.fill(MISSING);
    return describe(refusals, changes);
  }

  /** A device with the virtual hardware address is up on the active only: it takes the frames of the link to itself. */
  #setOwnDevices(up: boolean): string[] {
    const devices = this.#ownDevices.flatMap((name) => {
      const index = deviceIndex(name);
      return index === undefined ? [] : { name, index };
    });
    const indices = devices.map(({ index }) => index);
    return this.#route.setLinks(indices, up).map((refusal) => {
      const name = devices[refusal.sequence]?.name ?? "a device";
      return `${name}: ${errorName(refusal.errno)} ${refusal.text}`.trim();
    });
  }

  /** The devices with the virtual router's hardware address (virtual-mac.ts), where there are any. */
  get #ownDevices(): readonly string[] {
    const devices = this.#group.faces.flatMap(({ device, virtualAddresses }) =>
      virtualAddresses.map((virtual) => virtual.device).filter((own) => own !== device),
    );
    return [...new Set(devices)];
  }

  #changes(): Change[] {
    const indices = new Map<string, number | undefined>();
    const seconds = validSeconds(this.#group.intervalMs);
    return this.#parsed.flatMap(({ address, prefixLength, device, keepsNetwork }, place) => {
      if (!indices.has(device)) indices.set(device, deviceIndex(device));
      const index = indices.get(device);
      if (index === undefined) return [];
      return { deviceIndex: index, address, prefixLength, validSeconds: seconds, keepsNetwork, place };
    });
  }
}

/** A group's addresses as text, with their prefix lengths. */
export function listAddresses(group: GroupSettings): string[] {
  return group.faces.flatMap(({ virtualAddresses }) =>
    virtualAddresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
  );
}

function describe(refusals: readonly Refusal[], changes: readonly AddressChange[]): string[] {
  return refusals.map((refusal) => {
    const change = changes[refusal.sequence];
    const what = change === undefined ? "an address" : formatNetwork(change);
    return `${what}: ${errorName(refusal.errno)} ${refusal.text}`.trim();
  });
}
