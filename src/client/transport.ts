import { type IncomingMessage, request } from "node:http";
import type { Problem } from "../base/problem.ts";

export interface TransportRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly text: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal;
}

/** A way to a node. */
export interface Transport {
  /** What is asked, for messages: "the node behind /run/tocha/gw1/control.sock". */
  readonly place: string;
  open(request: TransportRequest): Promise<IncomingMessage>;
  /** Why a request came to nothing; with a time when that was the reason. */
  unavailable(error: unknown, expiredMs: number | undefined): Problem;
}

/** The headers of a request with or without a body. */
export function headersFor({ text, headers = {} }: TransportRequest): Record<string, string | number> {
  return text === undefined
    ? { ...headers }
    : { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(text) };
}

/** The control socket of a node on this machine. */
export class SocketTransport implements Transport {
  readonly place: string;
  readonly #path: string;
  readonly #caller: string | undefined;
  readonly #from: string | undefined;

  /**
   * @param caller who gives the command, for the audit log
   * @param from where that one comes from, as sshCaller() says it
   */
  constructor(path: string, caller?: string, from?: string) {
    this.#path = path;
    this.#from = from;
    this.place = `the node behind ${path}`;
    this.#caller = caller?.replace(/[^\x20-\x7e]/g, "?").slice(0, 100);
  }

  open(wish: TransportRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { method, path, text, signal } = wish;
    const caller = this.#caller === undefined ? {} : { "x-tocha-caller": this.#caller };
    const from = this.#from === undefined ? {} : { "x-tocha-from": this.#from };
    const headers = { ...headersFor(wish), ...caller, ...from };
    // One connection per request: the process ends after a few.
    const outgoing = request(
      { socketPath: this.#path, method, path, headers, signal, agent: false },
      resolve,
    );
    outgoing.on("error", reject);
    outgoing.end(text);
    return promise;
  }

  unavailable(error: unknown, expiredMs: number | undefined): Problem {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (expiredMs !== undefined) {
      return {
        code: "unavailable",
        message: `${this.place} did not answer within ${expiredMs / 1_000} s`,
        hint: "It may be overloaded or stopped: look at its log, for example with journalctl -u tocha.",
      };
    }
    if (code === "EACCES") {
      return {
        code: "not-root",
        message: `${this.#path} may not be opened`,
        hint: "Run the command as root (sudo), or use the API: --url.",
      };
    }
    if (code === "ENOENT" || code === "ECONNREFUSED") {
      return {
        code: "unavailable",
        message: `no node answers on ${this.#path}: it is not running`,
        hint: 'Start it with "tocha run", or look into its log to see why it ended.',
      };
    }
    return {
      code: "unavailable",
      message: `${this.place} cannot be asked: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Look into its log.",
    };
  }
}
