import { randomBytes } from "node:crypto";
import { ProblemError } from "../../base/problem.ts";
import {
  NAMES_MAX,
  type TokenRecord,
  type UserPart,
  type UserRecord,
} from "../../contract/access-records.ts";
import type { Audit } from "../../contract/audit.ts";
import { contentName } from "../../contract/document-revision.ts";
import { AUDIT_LIMIT_DEFAULT, AUDIT_LIMIT_MAX } from "../../contract/query-words.ts";
import type {
  Session,
  SessionFirst,
  SessionOpened,
  SessionWish,
  TokenAdd,
  UserAdd,
  UserList,
} from "../../contract/users.ts";
import { USERS_MAX } from "../../contract/users-schema.ts";
import { type KeptUser, newUser } from "../../core/access/declared-users.ts";
import {
  passwordSet,
  tokenAdded,
  tokenRemoved,
  userAdded,
  userRemoved,
} from "../../core/access/user-records.ts";
import { type AccessControl, declaredOnly } from "./access-control.ts";
import type { AccessPeers } from "./access-peers.ts";
import type { AuditLog } from "./audit-log.ts";
import { VersionedAnswer } from "./control-answer.ts";
import { type OperationCall, type OperationHandlers, requireVersion } from "./operation-dispatch.ts";
import { digestOf, newSecret } from "./sessions.ts";
import type { UserStore } from "./user-store.ts";

const TOKENS_MAX = 100;
const REMOVED_TOKENS_MAX = 1_000;
const DAY_MS = 86_400_000;

const done = { ok: true } as const;

type AccessHandlers = Pick<
  OperationHandlers,
  | `session.${"first" | "open" | "read" | "close" | "password"}`
  | `users.${"list" | "add" | "remove" | "password" | "first-code"}`
  | `tokens.${"add" | "remove"}`
  | "node.access"
  | "audit.list"
>;

/** Carries out what is asked about users, their tokens and sessions, and about what was done. */
export class UserAnswers {
  readonly #store: UserStore;
  readonly #access: AccessControl;
  readonly #audit: AuditLog;
  readonly #peers: AccessPeers;

  constructor(options: {
    readonly store: UserStore;
    readonly access: AccessControl;
    readonly audit: AuditLog;
    readonly peers: AccessPeers;
  }) {
    this.#store = options.store;
    this.#access = options.access;
    this.#audit = options.audit;
    this.#peers = options.peers;
  }

  handlers(): AccessHandlers {
    return {
      "session.first": (call) => this.#first(call),
      "session.open": (call) => this.#open(call),
      "session.read": (call) => sessionOf(call),
      "session.close": (call) => this.#close(call),
      "session.password": (call) => this.#changeOwn(call),
      "users.list": () => new VersionedAnswer(this.#version(), this.#list()),
      "users.add": (call) => this.#add(call),
      "users.remove": (call) => this.#remove(call),
      "users.password": (call) => this.#setPassword(call),
      "users.first-code": () => this.#firstCode(),
      "node.access": ({ body }) => this.#peers.carryOut(body),
      "tokens.add": (call) => this.#addToken(call),
      "tokens.remove": (call) => this.#removeToken(call),
      "audit.list": ({ query }) => this.#last(query),
    };
  }

  #list(): UserList {
    const declared = this.#store.declared();
    const out =
      declared === undefined ? [] : this.#store.kept().filter(({ name }) => !Object.hasOwn(declared, name));
    const shown = (user: KeptUser, standing: UserList["users"][number]["standing"]) => {
      const { name, role, created, password, tokens } = user;
      return {
        ...{
          name,
          role,
          standing,
          created: user.life === 0 ? null : created,
          hasPassword: password !== null,
        },
        tokens: tokens.map(({ digest: _digest, ...token }) => ({
          ...token,
          lastUsed: this.#access.lastUse(token.id),
        })),
      };
    };
    return {
      users: [
        ...this.#store.read().map((user) => shown(user, declared === undefined ? "added" : "declared")),
        ...out.map((user) => shown(user, "kept-out")),
      ],
    };
  }

  /** The code may have been used on another node, and there may be an admin there. */
  async #first({ body, caller }: OperationCall<SessionFirst>) {
    await this.#peers.look();
    const opened = await this.#access.exchangeFirstCode(body, addressOf(caller));
    return { ...opened, missing: await this.#peers.share([opened.name]) };
  }

  async #firstCode() {
    await this.#peers.look();
    const code = this.#access.newFirstCode();
    await this.#peers.share();
    return code;
  }

  async #open({ body, caller }: OperationCall<SessionWish>): Promise<SessionOpened> {
    const opened = await this.#access.logIn(body.name, body.password, addressOf(caller));
    await this.#peers.share();
    return opened;
  }

  async #add(call: OperationCall<UserAdd>) {
    const { name, role, password } = call.body;
    this.#refuseDeclared(`${name} is not one of them`, `set users.${name}.role ${role}`);
    const hash = password === undefined ? null : await this.#access.hash(password);
    // Another document may apply since.
    this.#refuseDeclared(`${name} is not one of them`, `set users.${name}.role ${role}`);
    const users = this.#current(call);
    if (users.some((user) => user.name === name))
      throw new ProblemError({ code: "user-exists", message: `there is a user ${name} already` });
    if (users.length >= USERS_MAX) throw tooMany("users");
    return await this.#changed(this.#added(name, { ...newUser, role, password: hash }));
  }

  async #remove(call: OperationCall) {
    const users = this.#current(call);
    const user = this.#keptOut(call) ?? find(users, call);
    if (users.includes(user)) this.#refuseDeclared(`${user.name} is one of them`, `unset users.${user.name}`);
    const rest = users.filter((one) => one !== user);
    // Over the API nobody would be left who could let others in; root on the console still can.
    if (call.caller.kind === "api" && !rest.some(({ role }) => role === "admin"))
      throw new ProblemError({ code: "last-admin", message: `${user.name} is the last administrator` });
    return await this.#changed(userRemoved(this.#record(user.name, (part) => part)));
  }

  async #setPassword(call: OperationCall<{ readonly password: string }>) {
    const hash = await this.#access.hash(call.body.password);
    const user = find(this.#current(call), call);
    return await this.#changed(this.#record(user.name, (part) => passwordSet(part, hash)));
  }

  async #changeOwn(call: OperationCall<{ readonly old: string; readonly password: string }>) {
    const { name } = sessionOf(call);
    await this.#access.confirm(name, call.body.old, addressOf(call.caller));
    return await this.#setPassword({ ...call, body: call.body, parameters: { name } });
  }

  async #close({ caller }: OperationCall) {
    const token = caller.kind === "api" ? caller.user?.token : undefined;
    if (token === undefined || !this.#access.closeSession(token))
      throw new ProblemError({
        code: "no-such-entry",
        message: "the request does not come with the token of a session",
        hint: "Tokens of programs are removed with tocha user token remove.",
      });
    await this.#peers.share();
    return done;
  }

  async #addToken(call: OperationCall<TokenAdd>) {
    const user = find(this.#current(call), call);
    if (user.tokens.length >= TOKENS_MAX) throw tooMany(`tokens of ${user.name}`);
    if (user.removedTokens.length >= REMOVED_TOKENS_MAX)
      throw tooMany(`removed tokens of ${user.name}: remove the user, and add it again`);
    const token = newSecret("token");
    const now = Date.now();
    const { label, role = user.role, days } = call.body;
    const expires = days === undefined ? null : new Date(now + days * DAY_MS).toISOString();
    const kept: TokenRecord = {
      ...{ id: randomBytes(6).toString("hex"), label, role, expires },
      ...{ digest: digestOf(token), created: new Date(now).toISOString() },
    };
    const { missing } = await this.#changed(this.#record(user.name, (part) => tokenAdded(part, kept)));
    return { id: kept.id, token, expires, missing };
  }

  async #removeToken(call: OperationCall) {
    const user = this.#keptOut(call) ?? find(this.#current(call), call);
    const id = call.parameters["id"] ?? "";
    if (!user.tokens.some((token) => token.id === id))
      throw new ProblemError({ code: "no-such-token", message: `${user.name} has no token ${id}` });
    return await this.#changed(this.#record(user.name, (part) => tokenRemoved(part, id)));
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
    requireVersion(call, this.#version());
    return this.#store.read();
  }

  /** What the document says of users belongs to it. */
  #version(): string {
    const declared = this.#store.declared();
    return declared === undefined ? this.#store.version() : contentName([this.#store.version(), declared]);
  }

  #refuseDeclared(message: string, change: string): void {
    if (this.#store.declared() !== undefined) throw new ProblemError(declaredOnly(message, change));
  }

  /** The user of a call whom the document does not name: nobody comes in with what is kept, but all of it can be removed. */
  #keptOut({ parameters }: OperationCall): KeptUser | undefined {
    const { name = "" } = parameters;
    const declared = this.#store.declared();
    if (declared === undefined || Object.hasOwn(declared, name)) return undefined;
    return this.#store.kept().find((user) => user.name === name);
  }

  /**
   * A changed record, with the role that it has and not that of the document: a document that is taken back must leave no trace. Whom
   * only the document knew, is kept from now on.
   */
  #record(name: string, change: (user: UserPart) => UserPart): UserRecord {
    const known = this.#store.records().find((one) => one.name === name);
    if (known === undefined || known.user === null) return this.#added(name, change(newUser));
    return { ...known, user: change(known.user) };
  }

  #added(name: string, user: UserPart): UserRecord {
    const known = this.#store.records();
    if (known.length >= NAMES_MAX) throw tooMany("users, with those that were removed");
    return userAdded(
      known.find((one) => one.name === name),
      name,
      { ...user, created: new Date().toISOString() },
    );
  }

  /** On the disk of this node first, then on the others. */
  async #changed(record: UserRecord) {
    this.#store.merge([record]);
    return { ...done, missing: await this.#peers.share([record.name]) };
  }
}

function sessionOf({ caller }: OperationCall): Session {
  const { kind } = caller;
  if (kind !== "api") return { name: caller.name, role: "admin", kind, expires: null };
  if (caller.user === undefined) throw new Error("the table lets nobody without a token ask this");
  const { name, role, tokenKind, expires } = caller.user;
  return { name, role, kind: tokenKind, expires };
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
