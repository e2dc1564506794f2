import { ProblemError } from "../../base/problem.ts";
import { idempotencyKeySchema, type RequestRecord } from "../../contract/node-events.ts";
import { RequestRecords } from "../../core/access/request-records.ts";

/** Requests that came with an Idempotency-Key: each is done once, whoever repeats it, and can be asked about afterwards. */
export class KeyedRequests {
  readonly #records = new RequestRecords<Promise<unknown>>();

  /**
   * Does it, or waits for the same one, or gives its answer again.
   *
   * @param content what is asked for, to notice another request under the same key
   */
  run(
    request: {
      readonly who: string;
      readonly key: string;
      readonly operation: string;
      readonly content: string;
    },
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    const { who, key, operation, content } = request;
    if (!idempotencyKeySchema.safeParse(key).success)
      throw new ProblemError({
        code: "bad-request",
        message: "an Idempotency-Key has 8 to 64 letters, digits, _ or -",
      });
    const known = this.#records.find(performance.now(), who, key);
    if (known !== undefined) {
      if (known.content === content) return known.pending;
      const message = `another request came with the Idempotency-Key ${key} before`;
      throw new ProblemError({ code: "request-key-reused", message });
    }
    const started = new Date().toISOString();
    const record: RequestRecord = { id: key, operation, state: "running", started, ended: null };
    // Begins in the next turn, when it is known: what fails at once must not be lost.
    const pending = Promise.resolve().then(work);
    if (!this.#records.add(performance.now(), who, { record, content, pending }))
      throw new ProblemError({ code: "too-many-requests", message: "too many requests are under way" });
    pending.then(
      (answer) => {
        const ended = new Date().toISOString();
        this.#records.update(who, { ...record, state: "done", ended, answer });
      },
      (error: unknown) => {
        const problem =
          error instanceof ProblemError ? error.problem : { code: "internal", message: String(error) };
        const ended = new Date().toISOString();
        this.#records.update(who, { ...record, state: "failed", ended, problem: { ...problem } });
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
      hint: "It has never come here, or the daemon has started again since: look at what it was to change.",
    });
  }
}
