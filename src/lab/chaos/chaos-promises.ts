import type { ChaosPromise, Draw, HitNodes } from "./chaos-fault.ts";

// Promises that several kinds of faults make, by whom they hit.

/** The active is gone or says so: another takes over, once. */
export const replaced: ChaosPromise = { moves: "once", serves: true, shared: "takeover" };
/** As `replaced`, but the old active cannot let go of its addresses by itself. */
export const replacedFrozen: ChaosPromise = { moves: "once", serves: true, shared: "lifetime" };
/** Who is active does not change, and no user notices. */
export const unnoticed: ChaosPromise = { moves: "none", serves: true, shared: "takeover" };
/** Nobody could do better, so nothing moves; users wait until it is mended. */
export const endured: ChaosPromise = { moves: "none", serves: false, shared: "takeover" };
/** A standby that hears nobody takes over, and whoever hears that gives way to it: it cannot be told that it is the one cut off. */
export const takenInVain: ChaosPromise = { moves: "once", serves: false, shared: "takeover" };
/** Nobody is left: the service comes back afterwards, whoever is active then. */
export const comesBack: ChaosPromise = { moves: "any", serves: false, shared: "lifetime" };

export type Who = "active" | "standby";

export function drawWho(draw: Draw): Who {
  // What happens to the active is what matters more.
  return draw.chance(0.7) ? "active" : "standby";
}

export const named = (nodes: HitNodes, who: Who) => nodes[who];
export const promiseOf = (who: Who, promise: ChaosPromise) => (who === "active" ? promise : unnoticed);
