import { createHash, randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import * as z from "zod";

const SESSION_MS = 12 * 60 * 60_000;
const SESSIONS_MAX = 1_000;
const SECRET_BYTES = 32;

/** @param kind a word by which secret scanners and people know what it is */
export function newSecret(kind: "session" | "token"): string {
  return `tocha_${kind}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

interface Session {
  readonly name: string;
  readonly untilMs: number;
}

/**
 * Who has logged in, by the digest of the token that they were given. A file in the run folder keeps them over a restart of this
 * process, which a new document may bring; they end with a boot.
 */
export class Sessions {
  readonly #path: string | undefined;
  readonly #sessions: Map<string, Session>;

  /** @param path without one, they end with this process */
  constructor(path?: string) {
    this.#path = path;
    this.#sessions = new Map(path === undefined ? [] : kept(path));
  }

  open(nowMs: number, name: string): { readonly token: string; readonly untilMs: number } {
    const token = newSecret("session");
    const untilMs = nowMs + SESSION_MS;
    this.#sessions.set(digestOf(token), { name, untilMs });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > SESSIONS_MAX && oldest !== undefined) this.#sessions.delete(oldest);
    this.#keep();
    return { token, untilMs };
  }

  find(nowMs: number, digest: string): Session | undefined {
    const session = this.#sessions.get(digest);
    if (session === undefined || nowMs < session.untilMs) return session;
    this.#sessions.delete(digest);
    return undefined;
  }

  close(digest: string): boolean {
    const isClosed = this.#sessions.delete(digest);
    this.#keep();
    return isClosed;
  }

  closeAllOf(name: string): void {
    for (const [digest, session] of this.#sessions) if (session.name === name) this.#sessions.delete(digest);
    this.#keep();
  }

  #keep(): void {
    if (this.#path === undefined) return;
    writeFileSync(`${this.#path}.new`, JSON.stringify([...this.#sessions]), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

const keptSchema = z.array(z.tuple([z.string(), z.object({ name: z.string(), untilMs: z.number() })]));

/** What cannot be read is no session: whoever had one logs in again. */
function kept(path: string): [string, Session][] {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return [];
  }
}
