import { ProblemError } from "../../base/problem.ts";
import { matchOperation, mayAsk, type Operation, type UserRole } from "../../contract/operation.ts";
import { type BodyOf, type OperationId, operations } from "../../contract/operations.ts";
import type { ControlRequest } from "./control-server.ts";

/** Who asks. */
export type Caller =
  /** Who may open the control socket: root of this machine. */
  | { readonly kind: "console"; readonly name: string }
  /** Another node of the cluster, by its certificate. */
  | { readonly kind: "node"; readonly name: string }
  /** Somebody at the API; without a user where no token came along. */
  | { readonly kind: "api"; readonly address: string; readonly user: CallingUser | undefined };

export interface CallingUser {
  readonly name: string;
  readonly role: UserRole;
}

/** One request, found to be allowed and of the right shape. */
export interface OperationCall<Body = unknown> {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly caller: Caller;
}

/** What carries each operation out. The answer becomes JSON, or is a TextAnswer or a StreamAnswer. */
export type OperationHandlers = {
  readonly [Id in OperationId]: (call: OperationCall<BodyOf<Id>>) => unknown;
};

/** Finds the operation that is asked for, checks that it may be, and hands it to what carries it out. */
export class OperationDispatch {
  readonly #handlers: OperationHandlers;

  constructor(handlers: OperationHandlers) {
    this.#handlers = handlers;
  }

  /** @throws ProblemError when there is no such operation, or it may not be asked, or is not asked rightly */
  async handle({ method, path, query, body, caller }: ControlRequest): Promise<unknown> {
    const match = matchOperation<OperationId>(operations, method, path);
    if ("allowed" in match) {
      const hint = match.allowed.length === 0 ? {} : { hint: `Known here: ${match.allowed.join(", ")}.` };
      throw new ProblemError({
        code: "no-such-operation",
        message: `there is no ${method} ${path}`,
        ...hint,
      });
    }
    const operation: Operation = operations[match.id];
    refuseStranger(operation, caller);
    const handler = this.#handlers[match.id] as (call: OperationCall) => unknown;
    const { parameters } = match;
    return await handler({ operation, parameters, query, body: checkedBody(operation, body), caller });
  }
}

function refuseStranger(operation: Operation, caller: Caller): void {
  if (caller.kind === "console") return;
  if (caller.kind === "node") {
    if (operation.peers === true) return;
    throw new ProblemError({ code: "not-allowed", message: "this is not for other nodes" });
  }
  if (mayAsk(operation, caller.user?.role)) return;
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
