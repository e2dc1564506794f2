import * as z from "zod";
import { RateLimit } from "../base/rate-limit.ts";
import type { Envelope } from "./role-message.ts";

/** Longer than anything that the api role has to say. */
const LINE_CHARACTERS_MAX = 4_096;
const TEXT_CHARACTERS_MAX = 500;

const messageSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("heartbeat-answer"), number: z.int() }),
  z.object({
    kind: z.literal("log"),
    level: z.enum(["error", "warning", "info", "debug"]),
    text: z.string().transform((text) => text.slice(0, TEXT_CHARACTERS_MAX)),
  }),
]);

/**
 * What the supervisor hears of the api role, which speaks with the whole network and may have been taken over: that it lives, and
 * lines for the log, no more of them than can be read. Anything else is a reason to end it.
 */
export class UntrustedRole {
  readonly #decoder = new TextDecoder();
  readonly #lines = new RateLimit({ burst: 50, perSecond: 5 });
  #held = "";

  /** @returns undefined when it said something that it has no right to say */
  push(chunk: Uint8Array, nowMs: number): Envelope[] | undefined {
    const lines = (this.#held + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#held = lines.pop() ?? "";
    const envelopes: Envelope[] = [];
    for (const line of [...lines, this.#held]) if (line.length > LINE_CHARACTERS_MAX) return undefined;
    for (const line of lines) {
      const message = parse(line);
      if (message === undefined) return undefined;
      if (message.kind !== "log" || this.mayLog(nowMs))
        envelopes.push({ to: "supervisor", from: "api", message });
    }
    return envelopes;
  }

  /** Whether one more line of it may go into the log. */
  mayLog(nowMs: number): boolean {
    return this.#lines.take(nowMs);
  }
}

function parse(line: string): z.output<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse((JSON.parse(line) as { message?: unknown }).message).data;
  } catch {
    return undefined;
  }
}
