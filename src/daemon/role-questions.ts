import type { RoleMessage, RoleName } from "./role-message.ts";

/** A role that does not answer within this time has just died, or it hangs. */
const ANSWER_LIMIT_MS = 500;
/** When a role has not answered for so long, nobody waits for its answer any more; it may be asked again. */
const FORGOTTEN_MS = 10_000;

interface Report {
  readonly report: unknown;
  readonly atMs: number;
}

interface Question {
  readonly answer: Promise<unknown>;
  readonly sinceMs: number;
}

/** Asks the other roles of this node, and remembers what they said last. */
export class RoleQuestions {
  readonly #send: (role: RoleName, message: RoleMessage) => void;
  readonly #waiting = new Map<number, (message: RoleMessage) => void>();
  readonly #reports = new Map<RoleName, Report>();
  readonly #questions = new Map<RoleName, Question>();
  readonly #forgottenMs: number;
  #lastRequest = 0;

  constructor(
    send: (role: RoleName, message: RoleMessage) => void,
    { forgottenMs = FORGOTTEN_MS }: { readonly forgottenMs?: number } = {},
  ) {
    this.#send = send;
    this.#forgottenMs = forgottenMs;
  }

  /** What other roles say, and what is said of them. */
  receive(message: RoleMessage): void {
    // What the process before it was asked is not answered any more.
    if (message.kind === "role-started") this.#questions.delete(message.role);
    if (message.kind === "answer" || message.kind === "switchover-answer" || message.kind === "reconfigured")
      this.#waiting.get(message.request)?.(message);
  }

  /** @returns a role's report, or undefined when it does not answer in time */
  async ask<T>(role: RoleName, limitMs = ANSWER_LIMIT_MS): Promise<T | undefined> {
    const answer = await this.request(role, (request) => ({ kind: "ask", request }), limitMs);
    if (answer?.kind !== "answer") return undefined;
    this.#reports.set(role, { report: answer.report, atMs: performance.now() });
    return answer.report as T;
  }

  /**
   * As ask, for those who cannot wait: no longer than `waitMs`, and not at all for a role that has been silent longer
   * than that already.
   *
   * @returns the report, new or not older than `ageMsMax`; undefined when there is none
   */
  async latest<T>(
    role: RoleName,
    { waitMs, ageMsMax }: { readonly waitMs: number; readonly ageMsMax: number },
  ): Promise<T | undefined> {
    const question = this.#questions.get(role) ?? this.#askInBackground(role);
    const restMs = question.sinceMs + waitMs - performance.now();
    if (restMs > 0) await Promise.race([question.answer, sleep(restMs)]);
    const known = this.#reports.get(role);
    if (known === undefined || performance.now() - known.atMs > ageMsMax) return undefined;
    return known.report as T;
  }

  /** @returns undefined when the role does not answer in time */
  request(
    role: RoleName,
    message: (request: number) => RoleMessage,
    limitMs = ANSWER_LIMIT_MS,
  ): Promise<RoleMessage | undefined> {
    const request = ++this.#lastRequest;
    return new Promise((resolve) => {
      const finish = (answer: RoleMessage | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        resolve(answer);
      };
      const timer = setTimeout(() => finish(undefined), limitMs);
      this.#waiting.set(request, finish);
      this.#send(role, message(request));
    });
  }

  #askInBackground(role: RoleName): Question {
    const answer = this.ask(role, this.#forgottenMs).finally(() => {
      if (this.#questions.get(role) === question) this.#questions.delete(role);
    });
    const question: Question = { answer, sinceMs: performance.now() };
    this.#questions.set(role, question);
    return question;
  }
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs).unref());
}
