import { ProblemError } from "../../base/problem.ts";
import type { AuditEntry } from "../../contract/audit.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import {
  changesSomething,
  matchOperation,
  mayAsk,
  type Operation,
  type UserRole,
} from "../../contract/operation.ts";
import { type BodyOf, type OperationId, operations } from "../../contract/operations.ts";
import type { ControlRequest } from "./control-server.ts";
import type { KeyedRequests } from "./keyed-requests.ts";

/** Who asks. */
export type Caller =
  /** Who may open the control socket: root of this machine. */
  | {
      readonly kind: "console";
      readonly name: string;
      /** The SSH connection by which the command was given, if that is known. */
      readonly way?: CallerWay | undefined;
    }
  /** Another node of the cluster, by its certificate. */
  | { readonly kind: "node"; readonly name: string }
  /** Somebody at the API; without a user where no valid token came along. */
  | { readonly kind: "api"; readonly address: string; readonly user: CallingUser | undefined };

export interface CallingUser {
  readonly name: string;
  readonly role: UserRole;
  readonly token: string;
  readonly tokenKind: "session" | "token";
  readonly expires: string | null;
}

/** One request, found to be allowed and of the right shape. */
export interface OperationCall<Body = unknown> {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly caller: Caller;
  /** The version that the caller knows; undefined where it does not say. */
  readonly ifMatch: string | undefined;
  /** The event that the caller has seen last. */
  readonly lastEventId: string | undefined;
}

/** What carries each operation out. The answer becomes JSON, or is one of control-answer.ts. */
export type OperationHandlers = {
  readonly [Id in OperationId]: (call: OperationCall<BodyOf<Id>>) => unknown;
};

export interface OperationDispatchOptions {
  readonly node: string;
  readonly handlers: OperationHandlers;
  readonly keyed: KeyedRequests;
  /** Told of every change, done or refused. */
  readonly onChange: (entry: AuditEntry) => void;
}

/** Finds the operation that is asked for, checks that it may be, hands it to what carries it out, and reports changes. */
export class OperationDispatch {
  readonly #options: OperationDispatchOptions;

  constructor(options: OperationDispatchOptions) {
    this.#options = options;
  }

  /** @throws ProblemError when there is no such operation, or it may not be asked, or is not asked rightly */
  async handle(request: ControlRequest): Promise<unknown> {
    const { method, path, query, body, caller, ifMatch, lastEventId } = request;
    const match = matchOperation<OperationId>(operations, method, path);
    if ("allowed" in match) throw new ProblemError(unknownOperation(request, match.allowed));
    const { id, parameters } = match;
    const operation: Operation = operations[id];
    const isChange = changesSomething(operation, body);
    try {
      refuseStranger(operation, caller);
      if (operation.version === "write-required" && ifMatch === undefined)
        throw new ProblemError({
          code: "version-needed",
          message: "this changes something that others may have changed meanwhile",
          hint: "Send the ETag of what you have read as If-Match.",
        });
      const call: OperationCall = {
        ...{ operation, parameters, query, caller, ifMatch, lastEventId },
        body: checkedBody(operation, body),
      };
      const handler = this.#options.handlers[id] as (call: OperationCall) => unknown;
      const work = async () => await handler(call);
      const answer = isChange ? await this.#change(id, request, work) : await work();
      if (isChange) this.#report(id, request, parameters, "ok");
      return answer;
    } catch (error) {
      // Strangers are not written down: they could fill the disk. Failed logins come slowly, and are.
      const isStranger = caller.kind === "api" && caller.user === undefined && operation.least !== "anyone";
      if (isChange && !isStranger)
        this.#report(
          id,
          request,
          parameters,
          error instanceof ProblemError ? error.problem.code : "internal",
        );
      throw error;
    }
  }

  async #change(
    id: OperationId,
    { caller, idempotencyKey, path, body }: ControlRequest,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    if (idempotencyKey === undefined || operations[id].least === "anyone") return await work();
    const operation: Operation = operations[id];
    const answerKept = operation.answerKept === true;
    const content = JSON.stringify([id, path, body ?? null]);
    const open = answerKept ? content : JSON.stringify([id, path]);
    const who = callerName(caller);
    const request = { who, key: idempotencyKey, operation: id, content, open, answerKept };
    return await this.#options.keyed.run(request, work);
  }

  #report(
    id: OperationId,
    { caller, body, ifMatch }: ControlRequest,
    parameters: Readonly<Record<string, string>>,
    result: string,
  ): void {
    const { secrets = [] }: Operation = operations[id];
    const said = { ...(isObject(body) ? body : {}), ...parameters };
    const what = Object.fromEntries(
      Object.entries(said)
        .slice(0, KEYS_MAX)
        .map(([key, value]) => [key.slice(0, TEXT_MAX), secrets.includes(key) ? "***" : shortened(value)]),
    );
    const isApi = caller.kind === "api";
    this.#options.onChange({
      ...{
        at: new Date().toISOString(),
        node: this.#options.node,
        who: callerName(caller),
        via: caller.kind,
      },
      ...{ role: isApi ? (caller.user?.role ?? null) : null, from: isApi ? caller.address : null },
      ...{ operation: id, what: { ...what, ...(ifMatch === undefined ? {} : { ifMatch }) }, result },
    });
  }
}

/** @throws ProblemError when the caller knows another version */
export function requireVersion({ ifMatch }: OperationCall, current: string): void {
  if (ifMatch === undefined || ifMatch === "*" || ifMatch === current) return;
  throw new ProblemError({
    code: "version-differs",
    message: `it was changed meanwhile: its version is ${current}, not ${ifMatch.slice(0, TEXT_MAX)}`,
    hint: "Read it again, and decide anew.",
  });
}

/** Of one text in the audit log. */
const TEXT_MAX = 200;
const KEYS_MAX = 32;

function shortened(value: unknown): unknown {
  if (typeof value === "string") return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value;
  if (!isObject(value)) return value;
  return shortened(JSON.stringify(value));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Who a change is by, for others to read. A user of the API cannot speak in another name. */
export function authorOf(said: string | undefined, caller: Caller): string {
  return caller.kind === "api" ? `${callerName(caller)}@${caller.address}` : (said ?? caller.name);
}

/** Where somebody comes from over the network; undefined at the console, and for other nodes. */
export function wayOf(caller: Caller): CallerWay | undefined {
  if (caller.kind === "console") return caller.way;
  if (caller.kind !== "api") return undefined;
  const { address, user } = caller;
  return {
    ...{ by: "api", address },
    ...(user === undefined ? {} : { user: { name: user.name, role: user.role } }),
  };
}

export function callerName(caller: Caller): string {
  return caller.kind === "api" ? (caller.user?.name ?? "nobody") : caller.name;
}

function unknownOperation({ method, path }: ControlRequest, allowed: readonly string[]) {
  const hint = allowed.length === 0 ? {} : { hint: `Known here: ${allowed.join(", ")}.` };
  return { code: "no-such-operation", message: `there is no ${method} ${path}`, ...hint };
}

function refuseStranger(operation: Operation, caller: Caller): void {
  if (caller.kind === "console") return;
  if (caller.kind === "node") {
    if (operation.peers === true) return;
    throw new ProblemError({ code: "not-allowed", message: "this is not for other nodes" });
  }
  if (mayAsk(operation, caller.user?.role)) return;
  if (operation.console === true)
    throw new ProblemError({ code: "not-allowed", message: "this is for the console of the node only" });
  if (caller.user === undefined)
    throw new ProblemError({
      code: "not-authenticated",
      message: "the request carries no valid token",
      hint: "Send one as Authorization: Bearer TOKEN.",
    });
  throw new ProblemError({
    code: "not-allowed",
    message: `${caller.user.name} is ${caller.user.role}, and this needs ${operation.least}`,
  });
}

/** @throws ProblemError for a body that the operation does not know */
function checkedBody({ body: schema, bodyOptional }: Operation, body: unknown): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(body ?? (bodyOptional === true ? {} : body));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new ProblemError({
    code: "bad-request",
    message: `the request is wrong${where === "" ? "" : ` at ${where}`}: ${issue?.message ?? "not understood"}`,
    ...(where === "" ? {} : { path: where }),
  });
}
