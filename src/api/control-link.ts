import { type IncomingMessage, request } from "node:http";
import { ProblemError } from "../base/problem.ts";
import { type Operation, pathOf } from "../contract/operation.ts";
import { operations } from "../contract/operations.ts";
import { type Session, sessionSchema } from "../contract/users.ts";

const ANSWER_BYTES_MAX = 16 << 20;
/** A planned switchover takes seconds, a change of the document on many nodes more. */
const ANSWER_LIMIT_MS = 300_000;
/** So long an owner is believed without asking again; control asks itself each time. */
const OWNER_KNOWN_MS = 2_000;
const OWNERS_MAX = 1_000;

/** A request to control, in the name of somebody. */
export interface PassedRequest {
  readonly operation: Operation;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: URLSearchParams;
  readonly body?: unknown;
  readonly token: string | undefined;
  /** Where it comes from. */
  readonly address: string;
  /** If-Match, Idempotency-Key, Last-Event-ID, as they came. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
}

export interface WholeAnswer {
  readonly status: number;
  readonly body: string;
  readonly etag: string | undefined;
}

/** Asks the control role over its UNIX socket. Throws ProblemError where it does not answer. */
export class ControlLink {
  readonly #socketPath: string;
  readonly #owners = new Map<string, { readonly owner: Session; readonly untilMs: number }>();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Whose token it is; undefined: nobody's. */
  async ownerOf(token: string, address: string): Promise<Session | undefined> {
    const nowMs = performance.now();
    const known = this.#owners.get(token);
    if (known !== undefined && known.untilMs > nowMs) return known.owner;
    this.#owners.delete(token);
    const { status, body } = await this.ask({ operation: operations["session.read"], token, address });
    if (status === 401) return undefined;
    const owner = sessionSchema.safeParse(status === 200 ? JSON.parse(body) : undefined);
    if (!owner.success)
      throw new ProblemError({ code: "no-answer", message: "the control role could not say who asks" });
    this.#owners.set(token, { owner: owner.data, untilMs: nowMs + OWNER_KNOWN_MS });
    const [oldest] = this.#owners.keys();
    if (this.#owners.size > OWNERS_MAX && oldest !== undefined) this.#owners.delete(oldest);
    return owner.data;
  }

  /** A request whose answer is held whole. */
  async ask(passed: PassedRequest): Promise<WholeAnswer> {
    const incoming = await this.open(passed, AbortSignal.timeout(ANSWER_LIMIT_MS));
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of incoming) {
        length += (chunk as Buffer).length;
        if (length > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes`);
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      throw noAnswer(error);
    }
    const { statusCode = 500, headers } = incoming;
    return { status: statusCode, body: Buffer.concat(chunks).toString("utf8"), etag: headers.etag };
  }

  /** A request whose answer is read as it comes. */
  open(passed: PassedRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { operation, parameters, query, body, token, address, headers = {} } = passed;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const questions = query === undefined || query.size === 0 ? "" : `?${query.toString()}`;
    const given = Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value] as const] : [],
    );
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request(
      {
        ...{ socketPath: this.#socketPath, agent: false, signal },
        ...{ method: operation.method, path: `${pathOf(operation, parameters)}${questions}` },
        headers: {
          ...Object.fromEntries(given),
          "x-tocha-address": address,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
        },
      },
      resolve,
    );
    outgoing.on("error", (error) => reject(noAnswer(error)));
    outgoing.end(text);
    return promise;
  }
}

function noAnswer(error: unknown): ProblemError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "it was cut off";
  return new ProblemError({
    code: "no-answer",
    message: `the control role of the node does not answer (${code})`,
    hint: "It is started again by itself. What was asked for may have been done: ask for the state.",
  });
}
