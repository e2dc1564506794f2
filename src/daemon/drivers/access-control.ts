import { randomInt } from "node:crypto";
import { addressKey } from "../../base/address-key.ts";
import { type Problem, ProblemError } from "../../base/problem.ts";
import type { UserPart } from "../../contract/access-records.ts";
import type { UserRole } from "../../contract/operation.ts";
import type { SessionOpened } from "../../contract/users.ts";
import { canBeAdmin, type KeptUser } from "../../core/access/declared-users.ts";
import { LoginThrottle } from "../../core/access/login-throttle.ts";
import { lesserRole, userAdded } from "../../core/access/user-records.ts";
import { checkPassword, hashPassword } from "./password-hash.ts";
import { digestOf, Sessions } from "./sessions.ts";
import type { UserStore } from "./user-store.ts";

const FIRST_CODE_MS = 15 * 60_000;
/** Without letters and digits that look alike. */
const CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/** Passwords that wait to be hashed: each takes a core for some tens of milliseconds. */
const WAITING_MAX = 8;

/** Whose token it is. */
export interface TokenOwner {
  readonly name: string;
  readonly role: UserRole;
  readonly kind: "session" | "token";
  readonly expires: string | null;
}

/** Decides who somebody is: by a token, by a password, or by the code that only the console could give. */
export class AccessControl {
  readonly #store: UserStore;
  readonly #now: () => number;
  readonly #throttle = new LoginThrottle();
  readonly #lastUses = new Map<string, string>();
  readonly sessions: Sessions;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(
    store: UserStore,
    { now = Date.now, sessions = new Sessions() }: { now?: () => number; sessions?: Sessions } = {},
  ) {
    this.#store = store;
    this.#now = now;
    this.sessions = sessions;
  }

  /** @returns undefined for a token that is none, or not any more */
  owner(token: string): TokenOwner | undefined {
    const digest = digestOf(token);
    const nowMs = this.#now();
    const session = this.sessions.find(nowMs, digest);
    for (const user of this.#store.read()) {
      const { name, role } = user;
      if (session !== undefined) {
        if (session.name !== name) continue;
        // Another password, or another user of the same name: the session has ended.
        if (session.life !== user.life || session.passwordChange !== user.passwordChange) return undefined;
        return { name, role, kind: "session", expires: new Date(session.untilMs).toISOString() };
      }
      const kept = user.tokens.find((one) => one.digest === digest);
      if (kept === undefined) continue;
      if (kept.expires !== null && Date.parse(kept.expires) <= nowMs) return undefined;
      this.#lastUses.set(kept.id, new Date(nowMs).toISOString());
      return { name, role: lesserRole(role, kept.role), kind: "token", expires: kept.expires };
    }
    return undefined;
  }

  /** When a token was used last, as far as this process knows. */
  lastUse(tokenId: string): string | null {
    return this.#lastUses.get(tokenId) ?? null;
  }

  /** @throws ProblemError when it is wrong, or was wrong too often */
  async logIn(name: string, password: string, address: string): Promise<SessionOpened> {
    const user = await this.#tried(address, name, async () => {
      const found = this.#store.read().find((one) => one.name === name);
      return (await checkPassword(password, found?.password)) ? found : undefined;
    });
    return this.#open(user);
  }

  /** @throws ProblemError when there is an administrator already */
  newFirstCode(): { readonly code: string; readonly expires: string } {
    this.#refuseSecondFirst();
    const declared = this.#store.declared();
    if (declared !== undefined && !Object.values(declared).some(({ role }) => role === "admin"))
      throw new ProblemError(declaredOnly("none of them is an admin", "set users.NAME.role admin"));
    const group = () =>
      Array.from({ length: 4 }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join("");
    const code = [group(), group(), group()].join("-");
    const untilMs = this.#now() + FIRST_CODE_MS;
    this.#replaceFirstCode(digestOf(code), untilMs);
    return { code, expires: new Date(untilMs).toISOString() };
  }

  /** Makes the first administrator. @throws ProblemError when the code is not the one that the console gave */
  async exchangeFirstCode(
    { code, name, password }: { readonly code: string; readonly name: string; readonly password: string },
    address: string,
  ): Promise<SessionOpened> {
    const user = await this.#tried(address, name, async () => {
      const known = this.sessions.firstCode;
      const given = digestOf(code.trim().toUpperCase());
      if (known === undefined || known.untilMs <= this.#now() || known.digest !== given) return undefined;
      this.#refuseSecondFirst();
      this.#refuseOtherName(name);
      const part: UserPart = {
        ...{ role: "admin", created: new Date(this.#now()).toISOString() },
        ...{ password: await hashPassword(password), passwordChange: 1, tokens: [], removedTokens: [] },
      };
      // Another one may have come from another node while the password was hashed.
      this.#refuseSecondFirst();
      const before = this.#store.records().find((one) => one.name === name);
      const record = userAdded(before, name, part);
      this.#store.merge([record]);
      this.#replaceFirstCode(null, this.#now());
      return { name, life: record.life, ...part };
    });
    return this.#open(user);
  }

  /** @throws ProblemError when the password is not the user's */
  async confirm(name: string, password: string, address: string): Promise<void> {
    await this.#tried(address, name, async () => {
      const found = this.#store.read().find((one) => one.name === name);
      return (await checkPassword(password, found?.password)) ? found : undefined;
    });
  }

  /** @returns false for what is not the token of a session */
  closeSession(token: string): boolean {
    return this.sessions.close(this.#now(), digestOf(token));
  }

  async hash(password: string): Promise<string> {
    return await this.#inTurn(() => hashPassword(password));
  }

  #replaceFirstCode(digest: string | null, untilMs: number): void {
    const number = (this.sessions.firstCode?.number ?? 0) + 1;
    this.sessions.merge(this.#now(), [], { number, digest, untilMs });
  }

  #refuseSecondFirst(): void {
    const nowMs = this.#now();
    if (!this.#store.read().some((user) => canBeAdmin(user, nowMs))) return;
    throw new ProblemError({
      code: "admin-exists",
      message: "there is an administrator already, who can come in",
      hint: "tocha user list; root of this machine can do everything else with tocha user, too.",
    });
  }

  /** Who is an administrator may stand in the document. */
  #refuseOtherName(name: string): void {
    const declared = this.#store.declared();
    if (declared === undefined || declared[name]?.role === "admin") return;
    throw new ProblemError(declaredOnly(`${name} is no admin of it`, `set users.${name}.role admin`));
  }

  #open(user: KeptUser): SessionOpened {
    const { name, role } = user;
    const { token, untilMs } = this.sessions.open(this.#now(), user);
    return { token, name, role, expires: new Date(untilMs).toISOString() };
  }

  /** One after the other: what is tried at the same time must not escape the delay. */
  async #tried(from: string, name: string, check: () => Promise<KeptUser | undefined>): Promise<KeptUser> {
    const address = addressKey(from);
    return await this.#inTurn(async () => {
      const waitMs = this.#throttle.waitMs(this.#now(), address, name);
      if (waitMs > 0) throw new ProblemError(delayed(waitMs));
      const user = await check();
      if (user === undefined) {
        this.#throttle.failed(this.#now(), address, name);
        throw new ProblemError({
          code: "login-failed",
          message: "the name, the password or the code is wrong",
        });
      }
      this.#throttle.succeeded(name);
      return user;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX)
      throw new ProblemError({
        code: "too-many-requests",
        message: "too many passwords are being checked",
        hint: "Try again in a moment.",
      });
    this.#waiting++;
    const turn = this.#queue.then(work);
    this.#queue = turn.then(nothing, nothing);
    return await turn.finally(() => {
      this.#waiting--;
    });
  }
}

function nothing(): void {}

function delayed(waitMs: number): Problem {
  const seconds = Math.ceil(waitMs / 1_000);
  return {
    code: "login-delayed",
    message: "after several failures nothing is tried for a while",
    hint: `Try again in ${seconds} s.`,
  };
}

/** What the document says of users is changed there. */
export function declaredOnly(message: string, change: string): Problem {
  return {
    code: "users-declared",
    message: `the document names the users, and ${message}`,
    hint: `Change the document: tocha config ${change}, then tocha config apply.`,
  };
}
