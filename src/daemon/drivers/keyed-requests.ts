import { createHash } from "node:crypto";
import { type Problem, ProblemError } from "../../base/problem.ts";
import { idempotencyKeySchema, type RequestRecord } from "../../contract/node-events.ts";
import { RequestRecords } from "../../core/access/request-records.ts";
import type { RequestFile } from "./request-file.ts";

export interface KeyedRequest {
  readonly who: string;
  readonly key: string;
  readonly operation: string;
  /** What is asked for, to notice another request under the same key. */
  readonly content: string;
  /** The same without what must not be on a disk, nor a digest of it. */
  readonly open: string;
  /** The answer may be on a disk. */
  readonly answerKept: boolean;
}

/** What whoever repeats a request gets. */
interface Outcome {
  readonly get: () => Promise<unknown>;
  readonly digest: string;
  readonly answerKept: boolean;
}

/** Requests that came with an Idempotency-Key: each is done once, whoever repeats it, and can be asked about afterwards. */
export class KeyedRequests {
  readonly #records = new RequestRecords<Outcome>();
  readonly #file: RequestFile | undefined;

  /** @param file without one, they are known as long as this process lives */
  constructor(file?: RequestFile) {
    this.#file = file;
    for (const { who, digest, record } of file?.read() ?? []) {
      const known = record.state === "running" ? interrupted(record) : record;
      const outcome = { get: () => outcomeOf(known), digest, answerKept: true };
      const ageMs = Math.max(0, Date.now() - Date.parse(record.started));
      this.#records.add(performance.now() - ageMs, who, {
        ...{ record: known, content: digest, pending: outcome },
      });
    }
  }

  /** Does it, or waits for the same one, or gives its answer again. */
  run(request: KeyedRequest, work: () => Promise<unknown>): Promise<unknown> {
    const { who, key, operation, answerKept } = request;
    if (!idempotencyKeySchema.safeParse(key).success)
      throw new ProblemError({
        code: "bad-request",
        message: "an Idempotency-Key has 8 to 64 letters, digits, _ or -",
      });
    // Documents are long.
    const content = digestOf(request.content);
    const digest = digestOf(request.open);
    const known = this.#records.find(performance.now(), who, key);
    if (known !== undefined) {
      // Of what was done before this process began only that is known which may be on a disk.
      if (known.content === content || known.content === digest) return known.pending.get();
      const message = `another request came with the Idempotency-Key ${key} before`;
      throw new ProblemError({ code: "request-key-reused", message });
    }
    const started = new Date().toISOString();
    const record: RequestRecord = { id: key, operation, state: "running", started, ended: null };
    // Begins in the next turn, when it is known: what fails at once must not be lost.
    const pending = Promise.resolve().then(work);
    const outcome = { get: () => pending, digest, answerKept };
    if (!this.#records.add(performance.now(), who, { record, content, pending: outcome }))
      throw new ProblemError({ code: "too-many-requests", message: "too many requests are under way" });
    this.#write();
    // Before whoever waits for it goes on: what was answered is in the file.
    pending.then(
      (answer) => this.#update(who, { ...record, state: "done", ended: new Date().toISOString(), answer }),
      (error: unknown) => {
        const problem: Problem =
          error instanceof ProblemError ? error.problem : { code: "internal", message: String(error) };
        const ended = new Date().toISOString();
        this.#update(who, { ...record, state: "failed", ended, problem: { ...problem } });
      },
    );
    return pending;
  }

  /** @throws ProblemError when it is not known, or not any more */
  read(who: string, key: string): RequestRecord {
    const known = this.#records.find(performance.now(), who, key);
    if (known !== undefined) return known.record;
    throw new ProblemError({
      code: "no-such-request",
      message: `no request of ${who} with the Idempotency-Key ${key.slice(0, 64)} is known`,
      hint: "It has never come to this node, or is forgotten: look at what it was to change.",
    });
  }

  #update(who: string, record: RequestRecord): void {
    this.#records.update(who, record);
    this.#write();
  }

  #write(): void {
    this.#file?.write(
      this.#records.all().map(({ who, record: { answer, ...record }, pending: { digest, answerKept } }) => ({
        ...{ who, digest },
        record: answerKept && answer !== undefined ? { ...record, answer } : record,
      })),
    );
  }
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The process that did it has ended in the middle. */
function interrupted(record: RequestRecord): RequestRecord {
  const message = `the control process ended while it did this (${record.operation}): what has become of it is not known`;
  const hint = "Look at what it was to change: tocha status, tocha config state.";
  const problem = { code: "request-interrupted", message, hint };
  return { ...record, state: "failed", ended: new Date().toISOString(), problem };
}

async function outcomeOf({ state, answer, problem, ended }: RequestRecord): Promise<unknown> {
  if (problem !== undefined) throw new ProblemError({ ...problem } as Problem);
  if (state === "done" && answer !== undefined) return answer;
  throw new ProblemError({
    code: "answer-not-kept",
    message: `this was done (${ended ?? "?"}), and its answer is not known any more`,
    hint: "Look at what it was to change; a secret that it gave is lost: ask for another one.",
  });
}
