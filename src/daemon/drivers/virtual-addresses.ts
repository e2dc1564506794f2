import { formatNetwork } from "../../base/ip.ts";
import { errorName } from "../../linux/libc.ts";
import type { Refusal } from "../../linux/netlink-socket.ts";
import type { RouteSocket } from "../../linux/route-socket.ts";
import type { AddressChange } from "../../wire/route-message.ts";
import type { Face } from "./face.ts";

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

export const RENEW_MS = 250;

/** The group's addresses in the kernel: added, renewed and removed in one system call for all. */
export class VirtualAddresses {
  readonly #route: RouteSocket;
  readonly #faces: readonly Face[];
  readonly #validSeconds: number;
  #held = false;

  constructor(route: RouteSocket, faces: readonly Face[], intervalMs: number) {
    this.#route = route;
    this.#faces = faces;
    this.#validSeconds = validSeconds(intervalMs);
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
        validSeconds: this.#validSeconds,
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
