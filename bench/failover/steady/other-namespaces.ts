import { readdirSync } from "node:fs";
import { isLabNamespace } from "../../../src/lab/lab-plan.ts";

const LOOK_MS = 500;

/**
 * Which network namespaces beside a lab's own are there, at one time or another.
 *
 * When one is removed, the kernel goes through all buckets of the connection table, and whatever else it does waits: real-time
 * processes, too, for a tenth of a second where the table has room for millions.
 */
export class OtherNamespaces {
  readonly #lab: string;
  readonly #seen = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(lab: string) {
    this.#lab = lab;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  get seen(): readonly string[] {
    return [...this.#seen].sort();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const name of readdirSync("/run/netns")) if (!isLabNamespace(this.#lab, name)) this.#seen.add(name);
  }
}
