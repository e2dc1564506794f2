import type { AddressWatch } from "../address-watch.ts";
import type { LabSettings } from "../lab-plan.ts";

/** Whom a fault may hit, and with what it happens. */
export interface ChaosWorld {
  readonly settings: LabSettings;
  /** The node that holds the addresses when the fault begins. */
  readonly active: string;
  /** One of the others. */
  readonly standby: string;
  readonly watch: AddressWatch;
  readonly signal: AbortSignal | undefined;
}

/** Names for what is drawn by role. */
export type HitNodes = Pick<ChaosWorld, "active" | "standby">;

/** What must hold while a fault lasts. That no connection is lost and no byte is wrong is always promised. */
export interface ChaosPromise {
  /** How often the addresses may go to another node: exactly once, at most once, never, or as it comes. */
  readonly moves: "once" | "at most once" | "none" | "any";
  /** Whether traffic goes on, but for the time of a takeover; else it only has to come back when all is mended. */
  readonly serves: boolean;
  /**
   * How long one address may stand on two nodes. `takeover`: as long as a takeover lasts. `lifetime`: until the kernel
   * drops addresses that a stopped node does not renew. `fault`: as long as the nodes cannot hear each other; but no host
   * hears them both, so two answer no longer than a takeover lasts.
   */
  readonly shared: "takeover" | "lifetime" | "fault";
}

/** One fault, drawn from the seed. Whom it hits is told by role: names depend on what happened before. */
export interface ChaosFault {
  readonly kind: string;
  readonly promise: ChaosPromise;
  /** How long it lasts before it is mended; 0 where it happens at once. */
  readonly lastsMs: number;
  /** For people: what happens now. */
  readonly says: (nodes: HitNodes) => string;
  readonly begin: (world: ChaosWorld) => Promise<void>;
  readonly mend?: (world: ChaosWorld) => Promise<void>;
}

/** Numbers drawn from the seed. */
export class Draw {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A whole number from `least` to `most`. */
  number(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)];
    if (choice === undefined) throw new Error("nothing to choose from");
    return choice;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }
}

/** A kind of fault: draws one of it. */
export interface ChaosKind {
  readonly name: string;
  /** One line for the help. */
  readonly title: string;
  readonly draw: (draw: Draw) => Omit<ChaosFault, "kind">;
}
