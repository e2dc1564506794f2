import type { TransitionReason } from "./election-types.ts";

/** The last word of an active: that it is one, or that it resigns. */
interface Word {
  readonly name: string;
  readonly atMs: number;
  readonly resigned: boolean;
}

/** Who spoke last as the active, and what follows from its silence. */
export class LastWord {
  #word: Word | undefined;

  get name(): string | undefined {
    return this.#word?.name;
  }

  isActive(name: string, atMs: number): void {
    this.#word = { name, atMs, resigned: false };
  }

  resigned(name: string, atMs: number): void {
    this.#word = { name, atMs, resigned: true };
  }

  /** Why a node takes over now that has waited, a standby since `sinceMs`. */
  silence(nowMs: number, sinceMs: number): { readonly cause: string; readonly reason: TransitionReason } {
    const { name, atMs, resigned } = this.#word ?? {
      name: "every other router",
      atMs: sinceMs,
      resigned: false,
    };
    const forMs = Math.round(nowMs - atMs);
    const what = resigned
      ? `resigned, and ${forMs} ms later nobody better had taken over`
      : `was silent for ${forMs} ms on every path`;
    const kind = resigned ? "resignation" : "silence";
    const { name: other, atMs: wordMs } = this.#word ?? {};
    return { cause: `${name} ${what}`, reason: { kind, other, wordMs } };
  }
}
