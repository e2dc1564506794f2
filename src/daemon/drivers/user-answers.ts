import { randomBytes } from "node:crypto";
import { ProblemError } from "../../base/problem.ts";
import type { Audit } from "../../contract/audit.ts";
import { AUDIT_LIMIT_DEFAULT, AUDIT_LIMIT_MAX } from "../../contract/query-words.ts";
import type { Session, SessionOpened, TokenAdd, UserAdd, UserList } from "../../contract/users.ts";
import type { AccessControl } from "./access-control.ts";
import type { AuditLog } from "./audit-log.ts";
import { VersionedAnswer } from "./control-answer.ts";
import { type OperationCall, type OperationHandlers, requireVersion, wayOf } from "./operation-dispatch.ts";
import { digestOf, newSecret } from "./sessions.ts";
import type { KeptToken, KeptUser, UserStore } from "./user-store.ts";

const USERS_MAX = 1_000;
const TOKENS_MAX = 100;
const DAY_MS = 86_400_000;

const done = { ok: true } as const;

type AccessHandlers = Pick<
  OperationHandlers,
  | `session.${"first" | "open" | "read" | "close" | "password"}`
  | `users.${"list" | "add" | "remove" | "password" | "first-code"}`
  | `tokens.${"add" | "remove"}`
  | "audit.list"
>;

/** Carries out what is asked about users, their tokens and sessions, and about what was done. */
export class UserAnswers {
  readonly #store: UserStore;
  readonly #access: AccessControl;
  readonly #audit: AuditLog;

  constructor(options: {
    readonly store: UserStore;
    readonly access: AccessControl;
    readonly audit: AuditLog;
  }) {
    this.#store = options.store;
    this.#access = options.access;
    this.#audit = options.audit;
  }

  handlers(): AccessHandlers {
    return {
      "session.first": ({ body, caller }) => this.#access.exchangeFirstCode(body, addressOf(caller)),
      "session.open": ({ body, caller }): Promise<SessionOpened> =>
        this.#access.logIn(body.name, body.password, addressOf(caller)),
      "session.read": (call) => sessionOf(call),
      "session.close": (call) => this.#close(call),
      "session.password": (call) => this.#changeOwn(call),
      "users.list": () => new VersionedAnswer(this.#store.version(), this.#list()),
      "users.add": (call) => this.#add(call),
      "users.remove": (call) => this.#remove(call),
      "users.password": (call) => this.#setPassword(call),
      "users.first-code": () => this.#access.newFirstCode(),
      "tokens.add": (call) => this.#addToken(call),
      "tokens.remove": (call) => this.#removeToken(call),
      "audit.list": ({ query }) => this.#last(query),
    };
  }

  #list(): UserList {
    return {
      users: this.#store.read().map(({ name, role, created, password, tokens }) => ({
        ...{ name, role, created, hasPassword: password !== null },
        tokens: tokens.map(({ digest: _digest, ...token }) => ({
          ...token,
          lastUsed: this.#access.lastUse(token.id),
        })),
      })),
    };
  }

  async #add(call: OperationCall<UserAdd>) {
    const { name, role, password } = call.body;
    const hash = password === undefined ? null : await this.#access.hash(password);
    const users = this.#current(call);
    if (users.some((user) => user.name === name))
      throw new ProblemError({ code: "user-exists", message: `there is a user ${name} already` });
    if (users.length >= USERS_MAX) throw tooMany("users");
    const created = new Date().toISOString();
    this.#store.write([...users, { name, role, created, password: hash, tokens: [] }]);
    return done;
  }

  #remove(call: OperationCall) {
    const users = this.#current(call);
    const user = find(users, call);
    const rest = users.filter((one) => one !== user);
    // Over the API nobody would be left who could let others in; root on the console still can.
    if (call.caller.kind === "api" && !rest.some(({ role }) => role === "admin"))
      throw new ProblemError({ code: "last-admin", message: `${user.name} is the last administrator` });
    this.#store.write(rest);
    this.#access.sessions.closeAllOf(user.name);
    return done;
  }

  async #setPassword(call: OperationCall<{ readonly password: string }>) {
    const hash = await this.#access.hash(call.body.password);
    const user = find(this.#current(call), call);
    this.#replace({ ...user, password: hash });
    this.#access.sessions.closeAllOf(user.name);
    return done;
  }

  async #changeOwn(call: OperationCall<{ readonly old: string; readonly password: string }>) {
    const { name } = sessionOf(call);
    await this.#access.confirm(name, call.body.old, addressOf(call.caller));
    return await this.#setPassword({ ...call, body: call.body, parameters: { name } });
  }

  #close({ caller }: OperationCall) {
    const token = caller.kind === "api" ? caller.user?.token : undefined;
    if (token === undefined || !this.#access.sessions.close(digestOf(token)))
      throw new ProblemError({
        code: "no-such-entry",
        message: "the request does not come with the token of a session",
        hint: "Tokens of programs are removed with tocha user token remove.",
      });
    return done;
  }

  #addToken(call: OperationCall<TokenAdd>) {
    const user = find(this.#current(call), call);
    if (user.tokens.length >= TOKENS_MAX) throw tooMany(`tokens of ${user.name}`);
    const token = newSecret("token");
    const now = Date.now();
    const { label, role = user.role, days } = call.body;
    const expires = days === undefined ? null : new Date(now + days * DAY_MS).toISOString();
    const kept: KeptToken = {
      ...{ id: randomBytes(6).toString("hex"), label, role, expires },
      ...{ digest: digestOf(token), created: new Date(now).toISOString() },
    };
    this.#replace({ ...user, tokens: [...user.tokens, kept] });
    return { id: kept.id, token, expires };
  }

  #removeToken(call: OperationCall) {
    const user = find(this.#current(call), call);
    const id = call.parameters["id"];
    const tokens = user.tokens.filter((token) => token.id !== id);
    if (tokens.length === user.tokens.length)
      throw new ProblemError({ code: "no-such-token", message: `${user.name} has no token ${id}` });
    this.#replace({ ...user, tokens });
    return done;
  }

  #last(query: URLSearchParams): Audit {
    const limit = Number(query.get("limit") ?? AUDIT_LIMIT_DEFAULT);
    if (!Number.isInteger(limit) || limit < 1 || limit > AUDIT_LIMIT_MAX)
      throw new ProblemError({
        code: "bad-request",
        message: `limit is a number from 1 to ${AUDIT_LIMIT_MAX}`,
      });
    return { entries: this.#audit.last(limit) };
  }

  /** The users, if they are still those that the caller knows. */
  #current(call: OperationCall): readonly KeptUser[] {
    requireVersion(call, this.#store.version());
    return this.#store.read();
  }

  #replace(changed: KeptUser): void {
    this.#store.write(this.#store.read().map((user) => (user.name === changed.name ? changed : user)));
  }
}

function sessionOf({ caller }: OperationCall): Session {
  const { kind } = caller;
  const way = wayOf(caller);
  const from = way === undefined ? {} : { from: way };
  if (kind !== "api") return { name: caller.name, role: "admin", kind, expires: null, ...from };
  if (caller.user === undefined) throw new Error("the table lets nobody without a token ask this");
  const { name, role, tokenKind, expires } = caller.user;
  return { name, role, kind: tokenKind, expires, ...from };
}

function addressOf(caller: OperationCall["caller"]): string {
  return caller.kind === "api" ? caller.address : caller.kind;
}

function find(users: readonly KeptUser[], { parameters }: OperationCall): KeptUser {
  const name = parameters["name"];
  const user = users.find((one) => one.name === name);
  if (user !== undefined) return user;
  throw new ProblemError({
    code: "no-such-user",
    message: `there is no user ${name}`,
    hint: "tocha user list shows them.",
  });
}

function tooMany(what: string): ProblemError {
  return new ProblemError({ code: "too-many-users", message: `there are too many ${what}` });
}
