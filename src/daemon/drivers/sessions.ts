import { createHash, randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import * as z from "zod";
import {
  type FirstCodeRecord,
  firstCodeRecordSchema,
  type SessionRecord,
  sessionRecordSchema,
} from "../../contract/access-records.ts";
import type { KeptUser } from "../../core/access/declared-users.ts";
import { mergeFirstCode, mergeSessions } from "../../core/access/session-records.ts";

const SESSION_MS = 12 * 60 * 60_000;
const SECRET_BYTES = 32;

/** @param kind a word by which secret scanners and people know what it is */
export function newSecret(kind: "session" | "token"): string {
  return `tocha_${kind}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

const keptSchema = z.object({
  sessions: z.array(sessionRecordSchema),
  firstCode: firstCodeRecordSchema.nullable(),
});

/**
 * Who has logged in, by the digest of the token that they were given, and the last one-time code: on this node, and on others. A
 * file in the run folder keeps them over a restart of this process, which a new document may bring.
 */
export class Sessions {
  readonly #path: string | undefined;
  #sessions: readonly SessionRecord[] = [];
  #firstCode: FirstCodeRecord | undefined;

  /** @param path without one, they end with this process */
  constructor(path?: string) {
    this.#path = path;
    const known = path === undefined ? undefined : kept(path);
    this.#sessions = known?.sessions ?? [];
    this.#firstCode = known?.firstCode ?? undefined;
  }

  get firstCode(): FirstCodeRecord | undefined {
    return this.#firstCode;
  }

  /** Those that have not ended by their time. */
  records(nowMs: number): readonly SessionRecord[] {
    return this.#sessions.filter(({ untilMs }) => untilMs > nowMs);
  }

  open(
    nowMs: number,
    { name, life, passwordChange }: KeptUser,
  ): { readonly token: string; readonly untilMs: number } {
    const token = newSecret("session");
    const untilMs = nowMs + SESSION_MS;
    const session = { digest: digestOf(token), name, life, passwordChange, untilMs, closed: false };
    this.merge(nowMs, [session], undefined);
    return { token, untilMs };
  }

  /** @returns undefined as well for one that was closed */
  find(nowMs: number, digest: string): SessionRecord | undefined {
    return this.records(nowMs).find((session) => session.digest === digest && !session.closed);
  }

  close(nowMs: number, digest: string): boolean {
    const session = this.find(nowMs, digest);
    if (session === undefined) return false;
    this.merge(nowMs, [{ ...session, closed: true }], undefined);
    return true;
  }

  /** Puts what has changed, or what another node has, together with what there is. */
  merge(
    nowMs: number,
    sessions: readonly SessionRecord[],
    firstCode: FirstCodeRecord | undefined | null,
  ): void {
    this.#sessions = mergeSessions(this.records(nowMs), sessions);
    this.#firstCode = mergeFirstCode(this.#firstCode, firstCode ?? undefined);
    this.#keep();
  }

  #keep(): void {
    if (this.#path === undefined) return;
    const text = JSON.stringify({ sessions: this.#sessions, firstCode: this.#firstCode ?? null });
    writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/** What cannot be read is no session: whoever had one logs in again. */
function kept(path: string): z.output<typeof keptSchema> | undefined {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
