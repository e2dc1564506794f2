import { formatIp, type IpAddress } from "../../base/ip.ts";
import type { ForeignRouterView } from "./election-types.ts";
import { activeDownMs, FOREIGN_SPEAKS_INTERVALS } from "./timing.ts";

/** Anyone on the link can send advertisements: beyond this many senders at a time none is remembered. */
const ROUTERS_MAX = 16;

/** The VRRP routers of our virtual router id that are no nodes of the document, and say that they are active. */
export class ForeignRouters {
  readonly #routers = new Map<string, ForeignRouterView>();

  /** @returns whether there was room to remember it */
  heardActive(options: {
    readonly nowMs: number;
    readonly face: string;
    readonly source: IpAddress;
    readonly priority: number;
    readonly intervalMs: number;
  }): boolean {
    const { nowMs, face, source, priority, intervalMs } = options;
    this.#forgetSilent(nowMs);
    const address = formatIp(source);
    const key = `${face} ${address}`;
    if (!this.#routers.has(key) && this.#routers.size >= ROUTERS_MAX) return false;
    this.#routers.set(key, { address, face, priority, intervalMs, lastHeardMs: nowMs });
    return true;
  }

  resigned(face: string, source: IpAddress): void {
    this.#routers.delete(`${face} ${formatIp(source)}`);
  }

  /** These senders have turned out to be a node of the document: no document holds its link-local addresses. */
  forget(sources: readonly IpAddress[]): void {
    // Every pulse tells of them, and there is hardly ever a foreign router.
    if (this.#routers.size === 0) return;
    const addresses = new Set(sources.map(formatIp));
    for (const [key, { address }] of this.#routers) if (addresses.has(address)) this.#routers.delete(key);
  }

  /** The active with the highest priority. */
  active(nowMs: number): ForeignRouterView | undefined {
    let best: ForeignRouterView | undefined;
    for (const router of this.#routers.values()) {
      const isBetter = best === undefined || router.priority > best.priority;
      if (isBetter && isLiving(router, nowMs)) best = router;
    }
    return best;
  }

  /** Whether one has spoken as late as an active does. One that gives way says nothing of it, and is remembered for longer. */
  isAnyoneSpeaking(nowMs: number): boolean {
    for (const { intervalMs, lastHeardMs } of this.#routers.values())
      if (nowMs - lastHeardMs < FOREIGN_SPEAKS_INTERVALS * intervalMs) return true;
    return false;
  }

  #forgetSilent(nowMs: number): void {
    for (const [key, router] of this.#routers) {
      if (!isLiving(router, nowMs)) this.#routers.delete(key);
    }
  }
}

function isLiving(router: ForeignRouterView, nowMs: number): boolean {
  return nowMs - router.lastHeardMs < activeDownMs(0, router.intervalMs);
}
