import { setTimeout } from "node:timers/promises";
import type { ConfigState } from "../../contract/config-operations.ts";
import type { RevisionStore } from "../../store/revision-store.ts";
import type { LogLevel } from "../role-message.ts";

const DAY_MS = 86_400_000;
/** Somebody may have repaired it meanwhile. */
const BROKEN_MS = 600_000;
/** Between two revisions: whatever else this role is asked for comes first. */
const PAUSE_MS = 5;

/** Reads the whole stored history in the background, at the start and once a day: what lies on a disk for years can go bad unseen. */
export class HistoryCheck {
  readonly #directory: string;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #sleep: (ms: number) => Promise<unknown>;
  #state: ConfigState["history"];

  constructor(options: {
    readonly directory: string;
    readonly log: (level: LogLevel, text: string) => void;
    readonly sleep?: (ms: number) => Promise<unknown>;
  }) {
    this.#directory = options.directory;
    this.#log = options.log;
    this.#sleep = options.sleep ?? ((ms) => setTimeout(ms));
  }

  /** Undefined before the first check has ended. */
  get state(): ConfigState["history"] {
    return this.#state;
  }

  /** Never ends. */
  async watch(store: RevisionStore): Promise<never> {
    for (;;) {
      try {
        const count = await store.verify(async () => void (await this.#sleep(PAUSE_MS)));
        if (this.#state?.problem !== null)
          this.#log("info", `the stored history was read: ${count} revisions, and each is what it was`);
        this.#note(null);
      } catch (error) {
        this.failed(error instanceof Error ? error : new Error(String(error)));
      }
      await this.#sleep(this.#state?.problem === null ? DAY_MS : BROKEN_MS);
    }
  }

  /** The history cannot be read, as was found out elsewhere. */
  failed({ message }: Error): void {
    if (this.#state?.problem !== message) this.#log("error", `the stored history is damaged: ${message}`);
    this.#note(message);
  }

  #note(problem: string | null): void {
    this.#state = { directory: this.#directory, checked: new Date().toISOString(), problem };
  }
}
