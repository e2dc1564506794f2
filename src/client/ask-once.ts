import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Problem, ProblemError } from "../base/problem.ts";
import { IDEMPOTENCY_HEADER } from "../contract/node-events.ts";
import type { Operation } from "../contract/operation.ts";
import { type AnswerOf, type OperationId, operations } from "../contract/operations.ts";
import { type ControlClient, type Question, Unanswered } from "./control-client.ts";

/** A process of the node may just be starting again. */
const SILENCE_LIMIT_MS = 20_000;
const POLL_MS = 200;

/**
 * Asks for a change that must not be made twice. Where the connection breaks or the time is over, the node is asked what has become of
 * it, until it says so.
 *
 * @throws ProblemError: what the node refused it for; `request-interrupted` where the node itself does not know; `outcome-unknown` where
 *   it cannot be asked any more
 */
export async function askOnce<Id extends OperationId>(
  client: ControlClient,
  id: Id,
  question: Question = {},
): Promise<AnswerOf<Id>> {
  const key = randomUUID();
  try {
    return await client.ask(id, {
      ...question,
      headers: { ...question.headers, [IDEMPOTENCY_HEADER]: key },
    });
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return await outcomeOf(client, id, key, error.problem);
  }
}

/** The node, or the process that serves its API, may have got the request all the same. */
function isUnanswered(error: unknown): error is ProblemError {
  if (!(error instanceof ProblemError)) return false;
  const { code } = error.problem;
  return (error instanceof Unanswered && code === "unavailable") || code === "no-answer";
}

async function outcomeOf<Id extends OperationId>(
  client: ControlClient,
  id: Id,
  key: string,
  why: Problem,
): Promise<AnswerOf<Id>> {
  let endMs = performance.now() + SILENCE_LIMIT_MS;
  while (performance.now() < endMs) {
    const record = await client.ask("operations.read", { parameters: { id: key } }).catch(ifAway);
    if (record?.state === "failed" && record.problem !== undefined)
      throw new ProblemError({ ...record.problem } as Problem);
    if (record?.state === "done") {
      const { answer }: Operation = operations[id];
      const result = answer.kind === "json" ? answer.schema.safeParse(record.answer) : undefined;
      if (result?.success === true) return result.data as AnswerOf<Id>;
      throw unknown(why);
    }
    // It is at work.
    if (record !== undefined) endMs = performance.now() + SILENCE_LIMIT_MS;
    await sleep(POLL_MS);
  }
  throw unknown(why);

  function ifAway(error: unknown): undefined {
    if (!(error instanceof ProblemError)) throw error;
    const { code } = error.problem;
    if (code === "unavailable" || code === "no-answer") return undefined;
    // Behind an address that has moved is a node that was not asked.
    if (code === "no-such-request") throw unknown(why);
    throw error;
  }
}

function unknown({ message }: Problem): ProblemError {
  return new ProblemError({
    code: "outcome-unknown",
    message: `${message}; whether it was done is not known`,
    hint: "Look at what it was to change: tocha status, tocha config state.",
  });
}
