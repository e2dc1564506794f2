import { createServer, type Server, type TLSSocket } from "node:tls";
import { type Problem, ProblemError } from "../base/problem.ts";
import { RateLimit } from "../base/rate-limit.ts";
import { readLine } from "./join-line.ts";
import {
  JOIN_PROTOCOL,
  type JoinAnswer,
  type JoinRequest,
  joinEnvelopeSchema,
  joinRequestSchema,
  REQUEST_BYTES_MAX,
} from "./join-messages.ts";
import { equalBytes, exporterOf, type JoinToken, proofOf } from "./join-token.ts";
import type { NodeKeys } from "./read-keys.ts";

/** Somebody may paste the wrong one once or twice; 128 bits are guessed by nobody. */
const WRONG_PROOFS_MAX = 5;
const HANDSHAKE_LIMIT_MS = 5_000;
const REQUEST_LIMIT_MS = 10_000;
const CONNECTIONS_MAX = 8;
/** Strangers may knock; a node that joins needs one connection. */
const HANDSHAKES = { burst: 20, perSecond: 5 } as const;

export interface JoinDeskOptions {
  readonly token: JoinToken;
  /** Of the node on whose machine the desk stands. */
  readonly keys: NodeKeys;
  /** Where to listen; undefined for every address of the machine. */
  readonly host: string | undefined;
  readonly lifetimeMs: number;
  /** Lets a node in whose token was right, or throws a ProblemError, which it is told; the token is not used up then. */
  readonly admit: (request: JoinRequest) => Promise<JoinAnswer>;
  /** What people at this machine should know. */
  readonly onNotice: (text: string) => void;
}

type DeskEnd =
  | { readonly kind: "joined"; readonly node: string; readonly address: string }
  | { readonly kind: "expired" }
  /** Too many wrong proofs. */
  | { readonly kind: "spoiled" }
  | { readonly kind: "closed" };

type DeskState = "open" | "admitting" | DeskEnd["kind"];

/**
 * Waits for one node with one token, over TLS. The token lives in this object alone: what is not on a disk cannot be read
 * there, and with the process it is gone.
 */
export class JoinDesk {
  /** Resolves when the token is used, has expired, or is spoiled. Only then close(). */
  readonly end: Promise<DeskEnd>;
  readonly #options: JoinDeskOptions;
  readonly #server: Server;
  readonly #handshakes = new RateLimit(HANDSHAKES);
  readonly #timer: NodeJS.Timeout;
  #state: DeskState = "open";
  #wrongProofs = 0;
  #finish: (end: DeskEnd) => void;

  private constructor(options: JoinDeskOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    const { promise, resolve } = Promise.withResolvers<DeskEnd>();
    this.end = promise;
    this.#finish = resolve;
    server.on("connection", (socket) => {
      if (!this.#handshakes.take(performance.now())) socket.destroy();
    });
    server.on("secureConnection", (socket) => void this.#serve(socket));
    // Whatever a stranger sends instead of TLS ends its own connection, and nothing else.
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    this.#timer = setTimeout(() => {
      if (this.#state === "open") this.#settle({ kind: "expired" });
    }, options.lifetimeMs);
  }

  /** Rejects with a ProblemError when nothing can listen there. */
  static async open(options: JoinDeskOptions): Promise<JoinDesk> {
    const { keys, token, host } = options;
    const server = createServer({
      key: keys.privateKey,
      // With the authority's: it is what the token pins.
      cert: `${keys.certificate}${keys.issuer}`,
      minVersion: "TLSv1.3",
      ALPNProtocols: [JOIN_PROTOCOL],
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
    });
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const message = `cannot listen for the other machine on port ${token.port}: ${error.message}`;
        const hint = 'Does another "tocha token" wait already? Else choose another port: --port.';
        reject(new ProblemError({ code: "join-cannot-listen", message, hint }));
      });
      server.listen({ port: token.port, ...(host === undefined ? {} : { host }) }, resolve);
    });
    return new JoinDesk(options, server);
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#state === "open") this.#settle({ kind: "closed" });
    this.#server.close();
  }

  #settle(end: DeskEnd): void {
    this.#state = end.kind;
    clearTimeout(this.#timer);
    this.#finish(end);
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const address = socket.remoteAddress ?? "an unknown address";
    socket.on("error", () => socket.destroy());
    try {
      const line = await readLine(socket, { bytesMax: REQUEST_BYTES_MAX, limitMs: REQUEST_LIMIT_MS });
      const answer = await this.#answer(socket, line, address);
      socket.end(`${JSON.stringify(answer)}\n`);
    } catch (error) {
      this.#options.onNotice(`${address} was sent away: ${error instanceof Error ? error.message : error}`);
      socket.destroy();
    }
  }

  async #answer(socket: TLSSocket, line: string, address: string): Promise<JoinAnswer | Refusal> {
    const envelope = joinEnvelopeSchema.safeParse(jsonOrNothing(line));
    if (!envelope.success) throw new Error("what it sent is no request");
    const { request: text, proof } = envelope.data;
    const exporter = exporterOf(socket);
    const right = proofOf(this.#options.token.secret, exporter, text);
    if (!equalBytes(Buffer.from(proof, "hex"), right)) return this.#wrongProof(address);
    const refusal = tokenRefusals[this.#state];
    if (refusal !== undefined) return { ok: false, problem: refusal };
    const request = joinRequestSchema.safeParse(jsonOrNothing(text));
    if (!request.success) {
      const [issue] = request.error.issues;
      const message = `the request is not understood at ${issue?.path.join(".")}: ${issue?.message}`;
      const hint = "Is the same release of tocha installed on both machines? tocha version";
      return { ok: false, problem: { code: "join-refused", message, hint } };
    }
    return await this.#admit(request.data, address);
  }

  async #admit(request: JoinRequest, address: string): Promise<JoinAnswer | Refusal> {
    this.#state = "admitting";
    try {
      const answer = await this.#options.admit(request);
      // Before the answer is sent: a token whose answer got lost is used all the same.
      this.#settle({ kind: "joined", node: request.node, address });
      return answer;
    } catch (error) {
      this.#state = "open";
      if (!(error instanceof ProblemError)) throw error;
      this.#options.onNotice(`${request.node} at ${address} cannot join yet: ${error.problem.message}`);
      const { code, message, hint } = error.problem;
      return { ok: false, problem: { code, message, ...(hint === undefined ? {} : { hint }) } };
    }
  }

  #wrongProof(address: string): Refusal {
    this.#wrongProofs++;
    this.#options.onNotice(`${address} has a wrong token (${this.#wrongProofs} of ${WRONG_PROOFS_MAX})`);
    if (this.#wrongProofs >= WRONG_PROOFS_MAX && this.#state === "open") this.#settle({ kind: "spoiled" });
    const message = "this is not the token that is waited for";
    const hint = 'Copy it again, or make another one on the first machine: "tocha token".';
    return { ok: false, problem: { code: "join-refused", message, hint } };
  }
}

interface Refusal {
  readonly ok: false;
  readonly problem: Problem;
}

const another = 'Make another one on the first machine: "tocha token".';

const tokenRefusals: Readonly<Record<DeskState, Problem | undefined>> = {
  open: undefined,
  admitting: {
    code: "token-used",
    message: "another machine is joining with this token just now",
    hint: another,
  },
  joined: { code: "token-used", message: "this token was used already", hint: another },
  expired: { code: "token-expired", message: "this token has expired", hint: another },
  spoiled: {
    code: "token-spoiled",
    message: "this token does not count any more: too many wrong ones were tried",
    hint: another,
  },
  closed: { code: "token-expired", message: "nobody waits with this token any more", hint: another },
};

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
