import { receiveFrom, sendTo } from "../../linux/libc.ts";
import { CHANNEL_FD } from "../role-channel.ts";
import {
  type Envelope,
  EnvelopeReader,
  encodeEnvelope,
  type LogLevel,
  type RoleMessage,
  type RoleName,
} from "../role-message.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The failover role's connection to the others: it never waits for them. */
export class BlockingChannel {
  readonly fd = CHANNEL_FD;
  /** Messages that were dropped because the supervisor did not read. */
  dropped = 0;
  readonly #reader = new EnvelopeReader();
  readonly #bytes = new Uint8Array(65_536);
  #unsent: Uint8Array = new Uint8Array(0);

  send(to: RoleName, message: RoleMessage): void {
    const line = new TextEncoder().encode(encodeEnvelope({ to, from: "failover", message }));
    if (!this.#flush()) {
      this.dropped++;
      return;
    }
    const sent = sendTo(this.fd, line, line.length, MSG_DONTWAIT | MSG_NOSIGNAL, null);
    if (sent < 0) this.dropped++;
    else this.#unsent = line.subarray(sent);
  }

  log(level: LogLevel, text: string): void {
    this.send("supervisor", { kind: "log", level, text });
  }

  /** @returns what has arrived, or "closed": the supervisor is gone */
  receive(): Envelope[] | "closed" {
    const envelopes: Envelope[] = [];
    for (;;) {
      const length = receiveFrom(this.fd, this.#bytes, MSG_DONTWAIT, null);
      if (length === 0) return "closed";
      if (length < 0) return envelopes;
      for (const envelope of this.#reader.push(this.#bytes.subarray(0, length))) {
        const { message } = envelope;
        if (message.kind === "heartbeat") this.send("supervisor", { ...message, kind: "heartbeat-answer" });
        else envelopes.push(envelope);
      }
    }
  }

  /** A line that went out in part goes on first, or the stream would be torn. @returns false while it cannot */
  #flush(): boolean {
    if (this.#unsent.length === 0) return true;
    const sent = sendTo(this.fd, this.#unsent, this.#unsent.length, MSG_DONTWAIT | MSG_NOSIGNAL, null);
    if (sent > 0) this.#unsent = this.#unsent.subarray(sent);
    return this.#unsent.length === 0;
  }
}
