import type { TransitionReason } from "./election-types.ts";

/** What was heard last of the active, or of whoever is to become it. */
interface Word {
  readonly name: string;
  readonly atMs: number;
  readonly said: "active" | "resigned" | "nothing";
  /** It is an active of lower rank, and this node, which preempts it, does not listen to it; until then it counts as alive. */
  readonly preemptedUntilMs?: number;
}

/** Who spoke last as the active, and what follows from its silence. What was heard before the node's own time as the active is over. */
export class LastWord {
  #word: Word | undefined;

  get name(): string | undefined {
    return this.#word?.name;
  }

  isActive(name: string, atMs: number): void {
    this.#word = { name, atMs, said: "active" };
  }

  resigned(name: string, atMs: number): void {
    this.#word = { name, atMs, said: "resigned" };
  }

  /** Said by a foreign active that this node does not listen to. Where another active was heard last, that one's silence counts. */
  isPreempted(name: string, atMs: number, untilMs: number): void {
    if (this.#word === undefined || this.#word.name === name)
      this.#word = { name, atMs, said: "active", preemptedUntilMs: untilMs };
  }

  /** This node has handed over to it. */
  isHeir(name: string, atMs: number): void {
    this.#word = { name, atMs, said: "nothing" };
  }

  /** This node is active itself. */
  forget(): void {
    this.#word = undefined;
  }

  /**
   * Why a node takes over now that has waited, a standby since `sinceMs`.
   *
   * @param right what lets it take the role from a lower active
   */
  silence(
    nowMs: number,
    { sinceMs, right }: { readonly sinceMs: number; readonly right: string },
  ): { readonly cause: string; readonly reason: TransitionReason } {
    if (this.#word === undefined) {
      const forMs = Math.round(nowMs - sinceMs);
      return {
        cause: `every other router was silent for ${forMs} ms on every path`,
        reason: { kind: "silence" },
      };
    }
    const { name: other, atMs: wordMs, said, preemptedUntilMs } = this.#word;
    const forMs = Math.round(nowMs - wordMs);
    if (preemptedUntilMs !== undefined && nowMs < preemptedUntilMs)
      return {
        cause: `it ranks higher than ${other}, and ${right}`,
        reason: { kind: "priority", other, wordMs },
      };
    if (said === "resigned") {
      const cause = `${other} resigned, and ${forMs} ms later nobody better had taken over`;
      return { cause, reason: { kind: "resignation", other, wordMs } };
    }
    const cause =
      said === "active"
        ? `${other} was silent for ${forMs} ms on every path`
        : `${other} did not take over within ${forMs} ms of the handover to it`;
    return { cause, reason: { kind: "silence", other, wordMs: said === "active" ? wordMs : undefined } };
  }
}
