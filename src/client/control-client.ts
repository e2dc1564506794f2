import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { type Problem, ProblemError } from "../base/problem.ts";
import { type Connection, connectionSchema, type WalkLine, walkLineSchema } from "../contract/connections.ts";
import type { FailoverHistory, HistoryItem } from "../contract/failover-history.ts";
import {
  type FailoverWhy,
  type ForeseenSwitchover,
  foreseenSwitchoverSchema,
} from "../contract/failover-why.ts";
import {
  type KeysRequest,
  type KeysStateAnswer,
  keysRequestAnswerSchema,
  keysStateSchema,
} from "../contract/key-exchange.ts";
import { type Operation, pathOf } from "../contract/operation.ts";
import { type AnswerOf, type OperationId, operations } from "../contract/operations.ts";
import {
  type ClusterStatus,
  problemSchema,
  type ResumeAnswer,
  type ResumeRequest,
  type StandbyAnswer,
  type StandbyRequest,
  type SwitchoverAnswer,
  type SwitchoverRequest,
  switchoverAnswerSchema,
} from "../contract/status.ts";
import { linesOf, SilenceError } from "./line-stream.ts";
import { SocketTransport, type Transport } from "./transport.ts";

export interface ControlClientOptions {
  /** The time within which a question about the state must be answered; default 5 s. */
  readonly timeoutMs?: number;
  /** The time that a planned switchover may take: connections are copied to the end first. Default 30 s. */
  readonly switchoverTimeoutMs?: number;
}

/** Speaks to a running node on this machine: HTTP over its control socket. Every method throws ProblemError. */
export class ControlClient {
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #switchoverTimeoutMs: number;

  /** @param transport the way to the node: the path of its control socket will do */
  constructor(
    transport: Transport | string,
    { timeoutMs = 5_000, switchoverTimeoutMs = 30_000 }: ControlClientOptions = {},
  ) {
    this.#transport = typeof transport === "string" ? new SocketTransport(transport) : transport;
    this.#timeoutMs = timeoutMs;
    this.#switchoverTimeoutMs = switchoverTimeoutMs;
  }

  status(): Promise<ClusterStatus> {
    return this.ask("status");
  }

  async switchover(wish: SwitchoverRequest = {}): Promise<SwitchoverAnswer> {
    const timeoutMs = this.#switchoverTimeoutMs;
    return await this.#askFor(switchoverAnswerSchema, "switchover", { body: wish, timeoutMs });
  }

  /** What a switchover would do now; throws what would refuse it. */
  async foreseeSwitchover(wish: SwitchoverRequest = {}): Promise<ForeseenSwitchover> {
    return await this.#askFor(foreseenSwitchoverSchema, "switchover", { body: { ...wish, dryRun: true } });
  }

  /** Changes of role that the nodes remember; `query` has limit, node and group. */
  history(query: URLSearchParams): Promise<FailoverHistory> {
    return this.ask("failover.history", { query });
  }

  historyItem(id: string): Promise<HistoryItem> {
    return this.ask("failover.history.item", { parameters: { id } });
  }

  why(): Promise<FailoverWhy> {
    return this.ask("failover.why");
  }

  /** Sets a node aside for maintenance: it hands over first. */
  standby(wish: StandbyRequest): Promise<StandbyAnswer> {
    return this.ask("node.standby", { body: wish, timeoutMs: this.#switchoverTimeoutMs });
  }

  /** Takes a node back. */
  resume(wish: ResumeRequest): Promise<ResumeAnswer> {
    return this.ask("node.resume", { body: wish });
  }

  /** What a node tells of its keys, after it has done what was asked of it. */
  async keys(body: Exclude<KeysRequest, { do: "request" | "give" }>): Promise<KeysStateAnswer> {
    return await this.#askFor(keysStateSchema, "node.keys", { body, timeoutMs: this.#switchoverTimeoutMs });
  }

  /** @returns a node's request for a certificate (PKCS #10, PEM), for a key that it has made */
  async renewalRequest(node: string): Promise<string> {
    const body: KeysRequest = { node, do: "request" };
    return (await this.#askFor(keysRequestAnswerSchema, "node.keys", { body })).request;
  }

  /** The node's metrics in the text format of Prometheus. */
  async metrics(): Promise<string> {
    const reply = await this.#exchange("metrics", {});
    if (reply.status !== 200) throw this.#refusal(reply);
    return reply.body;
  }

  /** Asks for any operation that answers in JSON. */
  async ask<Id extends OperationId>(id: Id, question: Question = {}): Promise<AnswerOf<Id>> {
    const { answer }: Operation = operations[id];
    if (answer.kind !== "json") throw new Error(`${id} does not answer in JSON`);
    return (await this.#askFor(answer.schema, id, question)) as AnswerOf<Id>;
  }

  async #askFor<T extends z.ZodType>(schema: T, id: OperationId, question: Question): Promise<z.output<T>> {
    return this.#validate(await this.#exchange(id, question), schema);
  }

  /**
   * Walks through the connections in the node's kernel (src/contract/connections.ts), no faster than the caller takes
   * them. Leaving the loop ends the walk.
   *
   * @param kind what is wanted of them; the query goes with it
   */
  async *walk(
    kind: "list" | "count" | "top",
    query: URLSearchParams,
  ): AsyncGenerator<Connection | WalkLine, void, void> {
    const path = `${operations[`connections.${kind}`].path}?${query.toString()}`;
    const leave = new AbortController();
    const silence = setTimeout(() => leave.abort(new SilenceError()), this.#timeoutMs);
    try {
      const incoming = await this.#transport.open({
        ...{ method: "GET", path, signal: leave.signal, text: undefined },
      });
      clearTimeout(silence);
      if (incoming.statusCode !== 200) throw this.#refusal(await collect(incoming));
      let ended = false;
      for await (const line of linesOf(incoming, this.#timeoutMs)) {
        const value = this.#walkLine(line);
        if ("walk" in value && value.walk.end !== undefined) ended = true;
        yield value;
      }
      if (!ended) throw this.#badAnswer("its answer was cut off");
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      const silent = error instanceof SilenceError || leave.signal.aborted;
      throw new ProblemError(this.#transport.unavailable(error, silent ? this.#timeoutMs : undefined));
    } finally {
      clearTimeout(silence);
      leave.abort();
    }
  }

  #walkLine(line: string): Connection | WalkLine {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw this.#badAnswer("a line of its answer is not JSON");
    }
    const schema =
      typeof value === "object" && value !== null && "walk" in value ? walkLineSchema : connectionSchema;
    const answer = schema.safeParse(value);
    if (answer.success) return answer.data;
    const [issue] = answer.error.issues;
    throw this.#badAnswer(
      `a line of its answer is wrong at ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? "?"}`,
    );
  }

  #validate<T extends z.ZodType>({ status, body }: Reply, schema: T): z.output<T> {
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      throw this.#badAnswer("its answer is not JSON");
    }
    if (status >= 200 && status < 300) {
      const answer = schema.safeParse(value);
      if (answer.success) return answer.data;
      const [issue] = answer.error.issues;
      throw this.#badAnswer(
        `its answer is wrong at ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? "?"}`,
      );
    }
    throw this.#refusal({ status, body });
  }

  /** Why the node did not do what was asked. */
  #refusal({ status, body }: Reply): ProblemError {
    const value = jsonOrNothing(body);
    const details = detailsSchema.safeParse(value);
    const problem = problemSchema.safeParse(
      details.success ? { ...details.data, message: details.data.detail } : value,
    );
    if (problem.success) return new ProblemError(withoutUndefined(problem.data));
    return this.#badAnswer(`it answered with status ${status} and no reason`);
  }

  #badAnswer(message: string): ProblemError {
    return new ProblemError({
      code: "bad-answer",
      message: `${this.#transport.place} is not understood: ${message}`,
      hint: 'The daemon may be of another version: compare "tocha version" with the version in "tocha status -o json".',
    });
  }

  async #exchange(
    id: OperationId,
    { parameters, query, body, headers, timeoutMs = this.#timeoutMs }: Question,
  ): Promise<Reply> {
    const { method } = operations[id];
    const path = `${pathOf(operations[id], parameters)}${query === undefined ? "" : `?${query.toString()}`}`;
    // Node abandons the request when the signal fires, whatever state it is in.
    const signal = AbortSignal.timeout(timeoutMs);
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await collect(await this.#transport.open({ method, path, signal, text, headers }));
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      const problem = this.#transport.unavailable(error, signal.aborted ? timeoutMs : undefined);
      throw wasRefused(error) ? new ProblemError(problem) : new Unanswered(problem);
    }
  }
}

/** A request that may have come to the node, and has no answer. */
export class Unanswered extends ProblemError {}

/** Nobody has got the request: there was no connection. */
function wasRefused(error: unknown): boolean {
  const isConnecting = error instanceof Error && "syscall" in error && error.syscall === "connect";
  const isName = error instanceof Error && "syscall" in error && error.syscall === "getaddrinfo";
  return isConnecting || isName;
}

/** What goes with a request. */
export interface Question {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: URLSearchParams;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** An error as the API says it (RFC 9457), where the control socket says `message`. */
const detailsSchema = z.looseObject({ detail: z.string() });

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** A status of 16 nodes has about 100 KiB. */
const maxBodyLength = 4 * 1_048_576;

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function collect(incoming: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > maxBodyLength) throw new Error(`more than ${maxBodyLength} bytes`);
    chunks.push(bytes);
  }
  return { status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}

/** Optional keys that are absent, not undefined. */
function withoutUndefined({ code, message, ...rest }: z.output<typeof problemSchema>): Problem {
  return {
    code,
    message,
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
  };
}
