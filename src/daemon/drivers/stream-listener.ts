import { createServer, type Server, type TLSSocket } from "node:tls";
import { RateLimit } from "../../base/rate-limit.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import type { KeyRing } from "./key-ring.ts";
import { peerNode } from "./tls-name.ts";

const LISTEN_RETRY_MS = 1_000;
const HANDSHAKE_LIMIT_MS = 3_000;
/** A handshake costs about a millisecond; peers begin one at a time, and wait between. */
const HANDSHAKES = { burst: 20, perSecond: 10 } as const;
/** Whoever knocks again and again shall not fill the log: refusals in between are only counted. */
const REFUSAL_LOG_MS = 5_000;

export interface StreamListenerOptions {
  readonly settings: NodeSettings;
  readonly ring: KeyRing;
  /** A peer's stream, its certificate verified. */
  readonly onStream: (peer: string, socket: TLSSocket) => void;
  readonly log: (level: LogLevel, text: string) => void;
}

/** Accepts the streams of the other nodes: from their addresses, with their certificates, and not too many at once. */
export class StreamListener {
  /** Connections that were no stream of a node. */
  refused = 0;
  readonly #options: StreamListenerOptions;
  readonly #handshakes = new RateLimit(HANDSHAKES);
  readonly #accepted = new Set<TLSSocket>();
  #server: Server | undefined;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    options.ring.onChange(() => this.#keysChanged());
    this.#listen();
  }

  #keysChanged(): void {
    const { ring } = this.#options;
    this.#server?.setSecureContext(ring.tls);
    for (const socket of this.#accepted) if (ring.isRevoked(socket)) socket.destroy();
  }

  #listen(): void {
    const { settings, ring, log } = this.#options;
    const { sync, ports, peers } = settings;
    const server: Server = createServer({
      ...ring.tls,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
    });
    this.#server = server;
    server.maxConnections = 4 * Math.max(1, peers.length);
    server.on("connection", (socket) => {
      if (!peers.some(({ syncAddress }) => syncAddress === socket.remoteAddress))
        this.#refuse(`${socket.remoteAddress} is not the address of a node`);
      else if (!this.#handshakes.take(performance.now()))
        this.#refuse("too many connections in a short time");
      else return;
      socket.destroy();
    });
    server.on("secureConnection", (socket) => this.#accept(socket));
    // Of a certificate that is refused the error says only that the connection has ended.
    server.on("tlsClientError", (error, { authorizationError }) =>
      this.#refuse(authorizationError ? `its certificate: ${authorizationError}` : error.message),
    );
    server.on("error", (error) => {
      log("error", `cannot listen on ${sync.address} port ${ports.replication}: ${error.message}`);
      setTimeout(() => this.#listen(), LISTEN_RETRY_MS);
    });
    server.listen({ host: sync.address, port: ports.replication });
  }

  #accept(socket: TLSSocket): void {
    const peer = peerNode(socket, this.#options.ring);
    if (peer !== undefined && this.#options.settings.peers.some(({ name }) => name === peer)) {
      this.#accepted.add(socket);
      socket.once("close", () => this.#accepted.delete(socket));
      this.#options.onStream(peer, socket);
      return;
    }
    this.#refuse(`the certificate from ${socket.remoteAddress} is not that of a node of this cluster`);
    socket.destroy();
  }

  #refuse(reason: string): void {
    this.refused++;
    const now = performance.now();
    if (now - this.#refusalLoggedMs < REFUSAL_LOG_MS) return;
    this.#refusalLoggedMs = now;
    this.#options.log("warning", `refused a stream: ${reason} (${this.refused} so far)`);
  }
}
