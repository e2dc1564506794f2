import type * as z from "zod";

/** What users may do, each what those before it may as well. */
export const userRoles = ["viewer", "operator", "admin"] as const;
export type UserRole = (typeof userRoles)[number];

/** What is answered: one JSON value, one a line (NDJSON), text, or events that do not end (text/event-stream). */
export type OperationAnswer =
  | { readonly kind: "json"; readonly schema: z.ZodType }
  | { readonly kind: "lines"; readonly schema: z.ZodType }
  | { readonly kind: "text"; readonly contentType: string }
  | { readonly kind: "events"; readonly schema: z.ZodType };

/** Something that a node can be asked for over HTTP: on its control socket, by other nodes, and over the API. */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Parts in braces are parameters: `/v1/users/{name}`. */
  readonly path: string;
  /** Who may ask over the API: at least this role; `anyone` needs no token. The console, which is root, may ask everything. */
  readonly least: UserRole | "anyone";
  /** What it does: one sentence. */
  readonly summary: string;
  /** Other nodes of the cluster may ask this, too. */
  readonly peers?: true;
  /** Only the console may ask: it is not in the API. */
  readonly console?: true;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  readonly answer: OperationAnswer;
  /**
   * `read`: the answer has an ETag, the version of what it shows. `write`: it may come with If-Match, and is refused where
   * that version is no longer the current one. `write-required`: it must.
   */
  readonly version?: "read" | "write" | "write-required";
  /** Whether it changes anything: it is written into the audit log. Default: every method but GET. */
  readonly changes?: boolean;
  /** Bodies that change nothing all the same, such as a question of what would happen. */
  readonly onlyAsks?: (body: unknown) => boolean;
  /** Keys of the body that the audit log must not show. */
  readonly secrets?: readonly string[];
  /**
   * Neither the body nor the answer holds a secret: of a request with an Idempotency-Key they may lie in the run folder, so that it can
   * be asked about after the process has started again.
   */
  readonly answerKept?: true;
}

/** Keeps the exact type of each entry of the table. */
export function operation<const T extends Operation>(one: T): T {
  return one;
}

/** @param body of one request; without it, whether any may */
export function changesSomething({ method, changes, onlyAsks }: Operation, body?: unknown): boolean {
  if (body !== undefined && onlyAsks?.(body) === true) return false;
  return changes ?? method !== "GET";
}

/** Whether a body has this value under this key. */
export function says(key: string, value: unknown): (body: unknown) => boolean {
  return (body) =>
    typeof body === "object" && body !== null && Object.hasOwn(body, key) && Reflect.get(body, key) === value;
}

/** Whether a user of this role may ask for it; undefined: somebody without a token. */
export function mayAsk({ least, console }: Operation, role: UserRole | undefined): boolean {
  if (console === true) return false;
  if (least === "anyone") return true;
  return role !== undefined && userRoles.indexOf(role) >= userRoles.indexOf(least);
}

/** The path of an operation with its parameters filled in. */
export function pathOf({ path }: Operation, parameters: Readonly<Record<string, string>> = {}): string {
  return path.replace(/\{([a-z]+)\}/gi, (_whole, name: string) => encodeURIComponent(parameters[name] ?? ""));
}

/** The names in braces. */
export function parameterNames({ path }: Operation): string[] {
  return Array.from(path.matchAll(/\{([a-z]+)\}/gi), ([, name = ""]) => name);
}

export interface OperationMatch<Id extends string> {
  readonly id: Id;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Finds what is asked for by method and path (without the query).
 *
 * @returns the methods of that path where there is none for this method: empty where the path is none
 */
export function matchOperation<Id extends string>(
  table: Readonly<Record<Id, Operation>>,
  method: string,
  path: string,
): OperationMatch<Id> | { readonly allowed: readonly string[] } {
  const parts = path.split("/");
  const allowed: string[] = [];
  for (const id of Object.keys(table) as Id[]) {
    const parameters = matchPath(table[id].path.split("/"), parts);
    if (parameters === undefined) continue;
    if (table[id].method === method) return { id, parameters };
    allowed.push(table[id].method);
  }
  return { allowed };
}

function matchPath(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (!wanted.startsWith("{")) {
      if (wanted !== part) return undefined;
      continue;
    }
    const value = decoded(part);
    if (value === undefined || value === "") return undefined;
    parameters[wanted.slice(1, -1)] = value;
  }
  return parameters;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
