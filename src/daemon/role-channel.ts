import { flushCompileCache } from "node:module";
import { Socket } from "node:net";
import {
  type Envelope,
  EnvelopeReader,
  encodeEnvelope,
  type LogLevel,
  type RoleMessage,
  type RoleName,
} from "./role-message.ts";

/** The supervisor's end is descriptor 3 in every role. */
export const CHANNEL_FD = 3;

/** By then a role has run most of its code once. */
const CODE_KEPT_AFTER_MS = 5_000;

/**
 * Signals that a terminal or a service manager sends to all processes of a node are the supervisor's to follow: it ends the
 * roles in order. A role ends when its channel closes.
 */
export function ignoreSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
}

/** Visible in ps: which node and which role a process is. */
export function roleTitle(role: RoleName, node: string): string {
  return `tochad-${role}-${node}`;
}

/** A role's connection to the others, for roles that run Node's event loop. When the supervisor is gone, the role ends. */
export class RoleChannel {
  readonly #role: RoleName;
  readonly #socket: Socket;
  readonly #reader = new EnvelopeReader();

  constructor(role: RoleName, receive: (envelope: Envelope) => void) {
    this.#role = role;
    ignoreSignals();
    this.#socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
    this.#socket.on("data", (chunk: Buffer) => {
      for (const envelope of this.#reader.push(chunk)) {
        const { message } = envelope;
        if (message.kind === "settings" || message.kind === "api-settings")
          process.title = roleTitle(role, message.settings.node);
        if (message.kind === "heartbeat") this.send("supervisor", { ...message, kind: "heartbeat-answer" });
        else receive(envelope);
      }
    });
    this.#socket.on("error", () => process.exit(1));
    this.#socket.on("close", () => process.exit(0));
    // The next start is quicker with the compiled code of this one, also when this one is killed one day.
    setTimeout(flushCompileCache, CODE_KEPT_AFTER_MS).unref();
  }

  send(to: RoleName, message: RoleMessage): void {
    this.#socket.write(encodeEnvelope({ to, from: this.#role, message }));
  }

  log(level: LogLevel, text: string): void {
    this.send("supervisor", { kind: "log", level, text });
  }
}
