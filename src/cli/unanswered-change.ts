import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import { askOnce } from "../client/ask-once.ts";
import type { ControlClient } from "../client/control-client.ts";
import type { ApplyAnswer, TransactionAnswer } from "../contract/config-operations.ts";

// What has become of a change of the document whose answer did not come, so that the exit status tells the truth.

/** Nodes check the rules, and roles may be started again one after the other. */
export const APPLY_LIMIT_MS = 300_000;
const SETTLE_LIMIT_MS = 60_000;
/** The control role of the node that is asked may just be starting again. */
const ANSWERS_AGAIN_LIMIT_MS = 20_000;
const ANSWERS_AGAIN_POLL_MS = 100;
const CONFIRM_TRIES = 3;

/** Asks again while nobody answers: only for questions, and for what may be asked twice. */
export async function whenItAnswers<T>(ask: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + ANSWERS_AGAIN_LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isOf(error, ["unavailable", "no-answer"]) || performance.now() > endMs) throw error;
    }
    await sleep(ANSWERS_AGAIN_POLL_MS);
  }
}

/** Keeps what was made. Where the answer is lost, the revision that applies is what counts. */
export async function confirmed(
  client: ControlClient,
  { transaction, id, number }: Pick<ApplyAnswer, "transaction" | "id" | "number">,
): Promise<TransactionAnswer> {
  const body = { transaction };
  for (let tries = 1; ; tries++) {
    try {
      return await whenItAnswers(() =>
        askOnce(client, "config.confirm", { body, timeoutMs: SETTLE_LIMIT_MS }),
      );
    } catch (error) {
      if (!isOf(error, ["request-interrupted", "outcome-unknown", "no-such-change"])) throw error;
      const { head, change } = await whenItAnswers(() => client.ask("config.state"));
      if (head?.id === id) return { ok: true, number, nodes: [] };
      if (change?.transaction !== transaction || tries === CONFIRM_TRIES) throw error;
    }
  }
}

/**
 * A change of which nobody knows whether it was made everywhere is taken back.
 *
 * @param base the revision before
 * @throws ProblemError that says so, or the error itself
 */
export async function interruptedApply(
  client: ControlClient,
  { base, message }: { readonly base: string | null; readonly message: string },
  error: unknown,
): Promise<never> {
  if (!isOf(error, ["request-interrupted", "outcome-unknown"])) throw error;
  const state = await whenItAnswers(() => client.ask("config.state")).catch(() => undefined);
  if (state === undefined) throw error;
  const { head, change } = state;
  // While a change is under way there can be no other one.
  const isOurs = change?.message === message && change.number === (head?.number ?? 1) + 1;
  if (change !== null && isOurs) {
    const { transaction, number } = change;
    const timeoutMs = APPLY_LIMIT_MS;
    await whenItAnswers(() => client.ask("config.revert", { body: { transaction }, timeoutMs }));
    throw interrupted(`before revision ${number} was known to be made everywhere: it was taken back`);
  }
  if (change === null && (head?.id ?? null) === base)
    throw interrupted("before it was made: nothing has changed");
  throw error;
}

function interrupted(what: string): ProblemError {
  return new ProblemError({
    code: "change-interrupted",
    message: `the node that carried the change out was interrupted ${what}`,
    hint: "Try it again; the log of the node says why its control process ended.",
  });
}

function isOf(error: unknown, codes: readonly string[]): boolean {
  return error instanceof ProblemError && codes.includes(error.problem.code);
}
