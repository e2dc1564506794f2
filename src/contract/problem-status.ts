import type { ProblemCode } from "./problem-codes.ts";

/** The HTTP status of refusals; all others are 409: the request is right, and the state of the node does not allow it. */
const statusByCode: Partial<Record<ProblemCode, number>> = {
  "bad-request": 400,
  "bad-filter": 400,
  "no-such-operation": 404,
  "no-such-entry": 404,
  internal: 500,
};

export function problemStatus(code: string): number {
  return Object.hasOwn(statusByCode, code) ? (statusByCode[code as ProblemCode] ?? 409) : 409;
}
