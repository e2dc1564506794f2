import type { ProblemCode } from "./problem-codes.ts";

/** The HTTP status of refusals; all others are 409: the request is right, and the state of the node does not allow it. */
const statusByCode: Partial<Record<ProblemCode, number>> = {
  "bad-request": 400,
  "bad-filter": 400,
  "not-authenticated": 401,
  "login-failed": 401,
  "not-allowed": 403,
  "not-a-node": 403,
  "node-not-in-document": 403,
  "no-such-operation": 404,
  "no-such-entry": 404,
  "no-such-user": 404,
  "no-such-token": 404,
  "no-such-request": 404,
  "method-not-allowed": 405,
  "version-differs": 412,
  "not-acceptable-body": 415,
  "request-key-reused": 422,
  "version-needed": 428,
  "login-delayed": 429,
  "too-many-requests": 429,
  "walks-busy": 429,
  internal: 500,
  "users-unreadable": 500,
  "no-answer": 503,
  unavailable: 503,
  "node-unreachable": 504,
};

export function problemStatus(code: string): number {
  return Object.hasOwn(statusByCode, code) ? (statusByCode[code as ProblemCode] ?? 409) : 409;
}
