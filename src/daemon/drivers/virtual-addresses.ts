import { formatNetwork } from "../../base/ip.ts";
import { errorName } from "../../linux/libc.ts";
import type { Refusal } from "../../linux/netlink-socket.ts";
import type { RouteSocket } from "../../linux/route-socket.ts";
import type { AddressChange } from "../../wire/route-message.ts";
import type { Face } from "./face.ts";

/**
 * The kernel removes a virtual address by itself this long after the last renewal: a node whose processes were all
 * killed at once does not keep addresses that it no longer defends. Whole seconds, because the kernel counts so.
 */
const VALID_SECONDS = 2;
export const RENEW_MS = 500;

/** The group's addresses in the kernel: added, renewed and removed in one system call for all. */
export class VirtualAddresses {
  readonly #route: RouteSocket;
  readonly #faces: readonly Face[];
  #held = false;

  constructor(route: RouteSocket, faces: readonly Face[]) {
    this.#route = route;
    this.#faces = faces;
  }

  get held(): boolean {
    return this.#held;
  }

  /** The addresses this node holds now, as text. */
  list(): string[] {
    if (!this.#held) return [];
    return this.#faces.flatMap((face) => face.virtualAddresses.map(formatNetwork));
  }

  /** Adds all, or renews their lifetimes. @returns what the kernel refused, in words */
  hold(): string[] {
    this.#held = true;
    const changes = this.#changes();
    return this.#describe(this.#route.addAddresses(changes), changes);
  }

  remove(): string[] {
    this.#held = false;
    const changes = this.#changes();
    return this.#describe(this.#route.deleteAddresses(changes), changes);
  }

  #changes(): AddressChange[] {
    return this.#faces.flatMap((face) => {
      const { deviceIndex } = face;
      if (deviceIndex === undefined) return [];
      return face.virtualAddresses.map((virtual) => ({
        deviceIndex,
        ...virtual,
        validSeconds: VALID_SECONDS,
      }));
    });
  }

  #describe(refusals: readonly Refusal[], changes: readonly AddressChange[]): string[] {
    return refusals.map((refusal) => {
      const change = changes[refusal.sequence];
      const what = change === undefined ? "an address" : formatNetwork(change);
      return `${what}: ${errorName(refusal.errno)} ${refusal.text}`.trim();
    });
  }
}
