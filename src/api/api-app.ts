import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from "fastify";
import { addressKey } from "../base/address-key.ts";
import { type Problem, ProblemError } from "../base/problem.ts";
import { IDEMPOTENCY_HEADER } from "../contract/node-events.ts";
import { changesSomething, matchOperation, mayAsk, type Operation } from "../contract/operation.ts";
import { problemStatus } from "../contract/problem-status.ts";
import { problemSchema } from "../contract/status.ts";
import type { Session } from "../contract/users.ts";
import type { ControlLink, PassedRequest } from "./control-link.ts";
import { openApiDocument } from "./openapi.ts";
import { PROBLEM_TYPE, problemDetails } from "./problem-details.ts";
import { queryValues } from "./query-values.ts";
import { RequestLimits } from "./request-limits.ts";

/** The longest is a cluster document. */
const BODY_BYTES_MAX = 16 << 20;

export interface ApiOptions {
  readonly table: Readonly<Record<string, Operation>>;
  readonly link: ControlLink;
  /** Of one address, and of one user. */
  readonly requestsPerSecond: number;
  readonly version: string;
  /** A defect that ended a request. */
  readonly onDefect: (text: string) => void;
}

/** The routes of the API, one for each operation of the table that is not for the console alone. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const { table, link, onDefect } = options;
  const limits = new RequestLimits(options.requestsPerSecond);
  const app = fastify({
    ...{ bodyLimit: BODY_BYTES_MAX, exposeHeadRoutes: false, routerOptions: { maxParamLength: 300 } },
    frameworkErrors: (error, _request, reply) => fail(reply, problemOf(error, onDefect)),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    async (_request: FastifyRequest, text: string) => parseJson(text),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => fail(reply, problemOf(error, onDefect)));
  app.setNotFoundHandler((request, reply) => fail(reply, unknownPath(table, request, reply)));
  app.addHook("onRequest", async (request, reply) => {
    // Answers hold what is only for whoever asks, and are data, whatever a browser may think.
    reply.headers({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    takeOne(limits, `a ${addressKey(request.ip)}`);
  });
  const description = JSON.stringify(openApiDocument(table, options.version));
  app.get("/openapi.json", (_request, reply) => reply.type("application/json").send(description));
  for (const [id, operation] of Object.entries(table))
    if (operation.console !== true) addRoute(app, { id, operation, link, limits });
  await app.ready();
  return app;
}

interface Route {
  readonly id: string;
  readonly operation: Operation;
  readonly link: ControlLink;
  readonly limits: RequestLimits;
}

function addRoute(app: FastifyInstance, { id, operation, link, limits }: Route): void {
  app.route({
    method: operation.method,
    url: operation.path.replace(/\{([a-z]+)\}/gi, ":$1"),
    // Before the body is read: a stranger has nothing to say.
    onRequest: async (request) => {
      if (operation.least === "anyone") return;
      const token = tokenOf(request);
      const owner = token === undefined ? undefined : await link.ownerOf(token, request.ip);
      refuseStranger(operation, owner);
      if (owner !== undefined) takeOne(limits, `u ${owner.name}`);
    },
    handler: async (request, reply) => {
      // Control may hang; this process is not it.
      if (id === "health") return { ok: true };
      return await pass(link, operation, request, reply);
    },
  });
}

/** Checks the shape, and hands on to control, which checks all again. */
async function pass(
  link: ControlLink,
  operation: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const query = new URLSearchParams(request.url.split("?").slice(1).join("?"));
  if (operation.query !== undefined)
    check(operation.query, queryValues(operation.query, query), "bad-filter");
  let body = operation.body === undefined ? undefined : (request.body ?? undefined);
  if (body === undefined && operation.bodyOptional === true) body = {};
  if (operation.body !== undefined) check(operation.body, body, "bad-request");
  const { headers } = request;
  const passed: PassedRequest = {
    ...{ operation, query, body, address: request.ip, token: tokenOf(request) },
    parameters: request.params as Record<string, string>,
    headers: {
      "if-match": headers["if-match"],
      "last-event-id": headers["last-event-id"],
      ...(changesSomething(operation) ? { [IDEMPOTENCY_HEADER]: headers[IDEMPOTENCY_HEADER] } : {}),
    },
  };
  const { kind } = operation.answer;
  if (kind === "lines" || kind === "events") return await passStream(link, passed, reply);
  const { status, body: text, etag } = await link.ask(passed);
  const problem = problemIn(status, text);
  if (problem !== undefined) return fail(reply, { status, problem });
  if (etag !== undefined) reply.header("etag", etag);
  const type = kind === "text" ? operation.answer.contentType : "application/json";
  return reply.code(status).type(type).send(text);
}

async function passStream(
  link: ControlLink,
  passed: PassedRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // Whoever leaves ends the work for them.
  const leave = new AbortController();
  reply.raw.once("close", () => leave.abort());
  const incoming = await link.open(passed, leave.signal);
  const { statusCode: status = 500 } = incoming;
  if (status !== 200) {
    let text = "";
    for await (const chunk of incoming.setEncoding("utf8")) text += chunk;
    const problem = problemIn(status, text) ?? { code: "internal", message: "no reason was given" };
    return fail(reply, { status, problem });
  }
  return reply.type(incoming.headers["content-type"] ?? "text/plain").send(incoming);
}

function problemIn(status: number, text: string): Problem | undefined {
  if (status < 400) return undefined;
  try {
    const problem = problemSchema.safeParse(JSON.parse(text));
    return problem.success ? (problem.data as Problem) : undefined;
  } catch {
    return { code: "internal", message: "the control role gave no reason" };
  }
}

interface Failure {
  readonly status: number;
  readonly problem: Problem;
}

function fail(reply: FastifyReply, { status, problem }: Failure): FastifyReply {
  if (status === 401) reply.header("www-authenticate", "Bearer");
  if (status === 429 || status === 503) reply.header("retry-after", retryAfter(problem));
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemDetails(status, problem)));
}

/** In seconds: as the hint of a delayed login says, else the shortest. */
function retryAfter({ hint = "" }: Problem): string {
  return /in ([0-9]+) s\./.exec(hint)?.[1] ?? "1";
}

function problemOf(error: unknown, onDefect: (text: string) => void): Failure {
  if (error instanceof ProblemError)
    return { status: problemStatus(error.problem.code), problem: error.problem };
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 413 || status === 415)
    return { status, problem: { code: "not-acceptable-body", message, hint: "Send application/json." } };
  if (status >= 400 && status < 500) return { status, problem: { code: "bad-request", message } };
  onDefect(message);
  return { status: 500, problem: { code: "internal", message: "a defect of the API ended the request" } };
}

function unknownPath(
  table: ApiOptions["table"],
  { method, url }: FastifyRequest,
  reply: FastifyReply,
): Failure {
  const path = url.split("?")[0] ?? "";
  const match = matchOperation(table, method, path);
  const allowed = "allowed" in match ? match.allowed : [];
  if (allowed.length === 0) {
    const problem = {
      code: "no-such-operation",
      message: "there is nothing of this path",
      hint: "/openapi.json",
    };
    return { status: 404, problem };
  }
  reply.header("allow", allowed.join(", "));
  return {
    status: 405,
    problem: { code: "method-not-allowed", message: `not with this method, only ${allowed.join(", ")}` },
  };
}

function takeOne(limits: RequestLimits, who: string): void {
  if (limits.take(performance.now(), who)) return;
  throw new ProblemError({
    code: "too-many-requests",
    message: "more requests came than are answered in this time",
    hint: "Try again in 1 s.",
  });
}

function tokenOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer ([A-Za-z0-9_-]{1,200})$/i.exec(headers.authorization ?? "")?.[1];
}

function refuseStranger(operation: Operation, owner: Session | undefined): void {
  if (mayAsk(operation, owner?.role)) return;
  if (owner === undefined)
    throw new ProblemError({
      code: "not-authenticated",
      message: "the request carries no valid token",
      hint: "Send one as Authorization: Bearer TOKEN; POST /v1/session gives one.",
    });
  throw new ProblemError({
    code: "not-allowed",
    message: `${owner.name} is ${owner.role} here, and this needs ${operation.least}`,
  });
}

function check(
  schema: NonNullable<Operation["body"]>,
  value: unknown,
  code: "bad-request" | "bad-filter",
): void {
  const result = schema.safeParse(value);
  if (result.success) return;
  const [issue] = result.error.issues;
  const path = issue?.path.join(".") ?? "";
  const message = `${path === "" ? "" : `${path}: `}${issue?.message ?? "not understood"}`;
  throw new ProblemError({ code, message, ...(path === "" ? {} : { path }) });
}

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ProblemError({ code: "bad-request", message: "the body is not JSON" });
  }
}
