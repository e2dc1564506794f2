import { chmodSync, readlinkSync, rmSync } from "node:fs";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { type Problem, ProblemError } from "../../base/problem.ts";
import { type CallerWay, parseSshConnection } from "../../contract/caller-way.ts";
import { problemStatus } from "../../contract/problem-status.ts";
import { StatusAnswer, StreamAnswer, TextAnswer, VersionedAnswer } from "./control-answer.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Caller, CallingUser } from "./operation-dispatch.ts";
import type { PeerGate } from "./peer-gate.ts";
import { peerNode } from "./tls-name.ts";

/** A document and the revisions before it. */
const BODY_BYTES_MAX = 16 << 20;
const REQUEST_LIMIT_MS = 10_000;
const LISTEN_RETRY_MS = 1_000;

/** Whoever reads a long answer may pause, as in a pager; but what it holds is given back some time. */
const STALL_LIMIT_MS = 300_000;

/** Who gives a command on this machine, as far as the command knows. */
const CALLER_HEADER = "x-tocha-caller";
/** The SSH connection by which it was given, and the network namespace that it came to (src/client/ssh-caller.ts). */
const FROM_HEADER = "x-tocha-from";
/** Where a request to the API comes from. */
export const ADDRESS_HEADER = "x-tocha-address";
const CALLER_LENGTH_MAX = 100;
const HEADER_LENGTH_MAX = 300;

export interface ControlRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed JSON, or undefined when there was none. */
  readonly body: unknown;
  readonly caller: Caller;
  /** The version that the caller knows (If-Match), without its quotes. */
  readonly ifMatch: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly lastEventId: string | undefined;
}

/** Answers a request, usually with what becomes JSON. A thrown ProblemError becomes an answer of its status. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

/** HTTP on a UNIX socket that only its owner may open: the console. */
export function listenLocally(path: string, handle: ControlHandler, onError: (text: string) => void): Server {
  return listenOnSocket({ path, mode: 0o600, identify: consoleCaller, handle, onError });
}

/**
 * HTTP on a UNIX socket for the api role, which says where a request comes from, and passes on its token. Whoever else came to
 * it could do no more than at the API itself; but the folder keeps others away (src/daemon/api-folder.ts).
 *
 * @returns the server, for who wants to close it
 */
export function listenForApi(
  path: string,
  options: {
    readonly ownerOf: (token: string) => CallingUser | undefined;
    readonly handle: ControlHandler;
    readonly onError: (text: string) => void;
  },
): Server {
  const { ownerOf, handle, onError } = options;
  const identify = ({ headers }: IncomingMessage): Caller => {
    const token = /^Bearer ([A-Za-z0-9_-]{1,200})$/.exec(headers.authorization ?? "")?.[1];
    const address = header(headers[ADDRESS_HEADER]) ?? "unknown";
    return { kind: "api", address, user: token === undefined ? undefined : ownerOf(token) };
  };
  return listenOnSocket({ path, mode: 0o666, identify, handle, onError });
}

function listenOnSocket(options: {
  readonly path: string;
  readonly mode: number;
  readonly identify: Identify;
  readonly handle: ControlHandler;
  readonly onError: (text: string) => void;
}): Server {
  const { path, mode, identify, handle, onError } = options;
  rmSync(path, { force: true });
  const server = createHttpServer(listener(handle, identify));
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.on("error", (error) => {
    onError(`cannot listen on ${path}: ${error.message}`);
    setTimeout(() => listenOnSocket(options), LISTEN_RETRY_MS);
  });
  server.once("listening", () => chmodSync(path, mode));
  // The mask is set while the socket file is made: it is never open to others, not even for a moment. It is made before listen()
  // returns; a git that is started after that must not make folders that nobody can enter.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  return server;
}

export interface PeerListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly ring: KeyRing;
  readonly gate: PeerGate;
  readonly handle: ControlHandler;
  readonly onError: (text: string) => void;
}

/**
 * The same for the other nodes of the cluster, over mutual TLS on the sync address.
 *
 * @returns the server, for who wants to close it
 */
export function listenForPeers(options: PeerListenerOptions): Server {
  const { address, port, ring, gate, handle, onError } = options;
  const server = createHttpsServer(
    { ...ring.tls, requestCert: true, rejectUnauthorized: true },
    listener(handle, (request) => nodeCaller(request, { ring, gate })),
  );
  ring.onChange(() => server.setSecureContext(ring.tls));
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.maxConnections = 64;
  server.on("error", (error) => {
    onError(`cannot listen on ${address} port ${port}: ${error.message}`);
    setTimeout(() => listenForPeers(options), LISTEN_RETRY_MS);
  });
  return server.listen({ host: address, port });
}

type Identify = (request: IncomingMessage) => Caller | undefined;

/** Who may open the socket is believed what it says of itself: it is only for the log. */
function consoleCaller({ headers }: IncomingMessage): Caller {
  const said = headers[CALLER_HEADER];
  const name = typeof said === "string" ? said.slice(0, CALLER_LENGTH_MAX) : "root";
  return { kind: "console", name, way: wayHere(header(headers[FROM_HEADER])) };
}

/** An SSH connection that came to another network than this node's own, such as the host of a lab, does not pass its rules. */
function wayHere(said: string | undefined): CallerWay | undefined {
  const [, connection = "", network] = /^(.{1,200}) (net:\[[0-9]+\])$/.exec(said ?? "") ?? [];
  return network === readlinkSync("/proc/self/ns/net") ? parseSshConnection(connection) : undefined;
}

/** Asked of every request: a connection that was made before a node was removed is worth no more than a new one. */
function nodeCaller(
  request: IncomingMessage,
  { ring, gate }: { readonly ring: KeyRing; readonly gate: PeerGate },
): Caller | undefined {
  const name = peerNode(request.socket as TLSSocket, ring);
  if (name === undefined) return undefined;
  gate.check(name);
  return { kind: "node", name };
}

function listener(handle: ControlHandler, identify: Identify): RequestListener {
  return (request, response) => {
    void respond(request, response, handle, identify);
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  handle: ControlHandler,
  identify: Identify,
): Promise<void> {
  try {
    const caller = identify(request);
    if (caller === undefined)
      throw new ProblemError(
        problem("not-a-node", "the certificate is not that of a node of this cluster, or is revoked"),
      );
    const body = await readBody(request);
    const [path = "/", ...query] = (request.url ?? "/").split("?");
    const method = request.method ?? "GET";
    const { headers } = request;
    const result = await handle({
      ...{ method, path, query: new URLSearchParams(query.join("?")), body, caller },
      // Strong comparison; some proxies make tags weak (RFC 9110 8.8.3).
      ifMatch: header(headers["if-match"])?.replace(/^(?:W\/)?"(.*)"$/, "$1"),
      idempotencyKey: header(headers["idempotency-key"]),
      lastEventId: header(headers["last-event-id"]),
    });
    if (result instanceof StreamAnswer) await stream(response, result);
    else if (result instanceof TextAnswer)
      response.writeHead(200, { "content-type": result.contentType }).end(result.text);
    else if (result instanceof StatusAnswer) answer(response, result.status, result.body);
    else if (result instanceof VersionedAnswer)
      answer(response, 200, result.body, { etag: `"${result.version}"` });
    else answer(response, 200, result);
  } catch (error) {
    if (response.headersSent) {
      // What was sent is no whole answer: the reader sees that it was cut off.
      response.destroy();
      return;
    }
    if (error instanceof ProblemError) answer(response, problemStatus(error.problem.code), error.problem);
    else answer(response, 500, problem("internal", error instanceof Error ? error.message : String(error)));
  }
}

async function stream(response: ServerResponse, { contentType, pieces }: StreamAnswer): Promise<void> {
  try {
    for await (const piece of pieces) {
      // Only now: what goes wrong before the first piece is answered with its own status.
      if (!response.headersSent) response.writeHead(200, { "content-type": contentType });
      if (response.closed) return;
      if (!response.write(piece) && !(await drained(response))) return;
    }
    response.end();
  } finally {
    if (response.headersSent && !response.writableEnded) response.destroy();
  }
}

/** @returns false when the reader has gone, or stood still for too long */
function drained(response: ServerResponse): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => settle(false), STALL_LIMIT_MS);
  const onDrain = () => settle(true);
  const onClose = () => settle(false);
  const settle = (result: boolean) => {
    clearTimeout(timer);
    response.off("drain", onDrain).off("close", onClose);
    resolve(result);
  };
  response.once("drain", onDrain).once("close", onClose);
  return promise;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX)
      throw new ProblemError(problem("bad-request", "the request is too long"));
  }
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ProblemError(problem("bad-request", "the request is not JSON"));
  }
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, HEADER_LENGTH_MAX) : undefined;
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function problem(code: string, message: string): Problem {
  return { code, message };
}
