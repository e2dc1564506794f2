import { accessAnswerSchema, accessRequestSchema } from "./access-records.ts";
import { auditQuerySchema, auditSchema } from "./audit.ts";
import { nodeEventSchema, readySchema, requestRecordSchema } from "./node-events.ts";
import { type Operation, operation } from "./operation.ts";
import {
  doneSchema,
  firstCodeSchema,
  sessionFirstOpenedSchema,
  sessionFirstSchema,
  sessionOpenedSchema,
  sessionOpenSchema,
  sessionPasswordSchema,
  sessionSchema,
  tokenAddedSchema,
  tokenAddSchema,
  userAddSchema,
  userListSchema,
  userPasswordSchema,
  usersChangedSchema,
} from "./users.ts";

/** The part of the table that is about the API itself: who may use it, what was done, what happens. */
export const accessOperations = {
  "session.first": operation({
    ...{ method: "POST", path: "/v1/session/first", least: "anyone" },
    summary: "Makes the first administrator, by the one-time code that the console gave.",
    ...{ body: sessionFirstSchema, secrets: ["code", "password"] },
    answer: { kind: "json", schema: sessionFirstOpenedSchema },
  }),
  "session.open": operation({
    ...{ method: "POST", path: "/v1/session", least: "anyone" },
    summary: "Gives a token for some hours, for a name and a password.",
    ...{ body: sessionOpenSchema, secrets: ["password"] },
    answer: { kind: "json", schema: sessionOpenedSchema },
  }),
  "session.read": operation({
    ...{ method: "GET", path: "/v1/session", least: "viewer" },
    summary: "Who asks, with which role.",
    answer: { kind: "json", schema: sessionSchema },
  }),
  "session.close": operation({
    ...{ method: "DELETE", path: "/v1/session", least: "viewer" },
    summary: "Ends the session whose token comes along.",
    answer: { kind: "json", schema: doneSchema },
  }),
  "session.password": operation({
    ...{ method: "PUT", path: "/v1/session/password", least: "viewer" },
    summary: "Changes the password of whoever asks, and ends the user's sessions.",
    ...{ body: sessionPasswordSchema, secrets: ["old", "password"] },
    answer: { kind: "json", schema: usersChangedSchema },
  }),
  "users.list": operation({
    ...{ method: "GET", path: "/v1/users", least: "admin", version: "read" },
    summary: "All users and their tokens, without secrets.",
    answer: { kind: "json", schema: userListSchema },
  }),
  "users.add": operation({
    ...{ method: "POST", path: "/v1/users", least: "admin", version: "write" },
    summary: "Adds a user.",
    ...{ body: userAddSchema, secrets: ["password"] },
    answer: { kind: "json", schema: usersChangedSchema },
  }),
  "users.remove": operation({
    ...{ method: "DELETE", path: "/v1/users/{name}", least: "admin", version: "write" },
    summary: "Removes a user with all tokens and sessions.",
    answer: { kind: "json", schema: usersChangedSchema },
  }),
  "users.password": operation({
    ...{ method: "PUT", path: "/v1/users/{name}/password", least: "admin", version: "write" },
    summary: "Sets the password of a user, and ends the user's sessions.",
    ...{ body: userPasswordSchema, secrets: ["password"] },
    answer: { kind: "json", schema: usersChangedSchema },
  }),
  "tokens.add": operation({
    ...{ method: "POST", path: "/v1/users/{name}/tokens", least: "admin", version: "write" },
    summary: "Makes a token for programs; it is shown this once.",
    body: tokenAddSchema,
    answer: { kind: "json", schema: tokenAddedSchema },
  }),
  "tokens.remove": operation({
    ...{ method: "DELETE", path: "/v1/users/{name}/tokens/{id}", least: "admin", version: "write" },
    summary: "Makes a token invalid.",
    answer: { kind: "json", schema: usersChangedSchema },
  }),
  "users.first-code": operation({
    ...{ method: "POST", path: "/v1/users/first-code", least: "admin", console: true },
    summary: "Gives a one-time code for the first administrator.",
    answer: { kind: "json", schema: firstCodeSchema },
  }),
  "node.access": operation({
    ...{ method: "POST", path: "/v1/node/access", least: "admin", peers: true, console: true },
    summary: "Between nodes: tells, gives or takes users and sessions.",
    ...{ body: accessRequestSchema, changes: false },
    answer: { kind: "json", schema: accessAnswerSchema },
  }),
  "audit.list": operation({
    ...{ method: "GET", path: "/v1/audit", least: "admin" },
    summary: "What was changed on this node, by whom and from where, the newest first.",
    query: auditQuerySchema,
    answer: { kind: "json", schema: auditSchema },
  }),
  "operations.read": operation({
    ...{ method: "GET", path: "/v1/operations/{id}", least: "viewer" },
    summary: "What has become of a request of one's own, by the Idempotency-Key that it came with.",
    answer: { kind: "json", schema: requestRecordSchema },
  }),
  events: operation({
    ...{ method: "GET", path: "/v1/events", least: "viewer" },
    summary: "What happens, from now on, or after the event that Last-Event-ID names.",
    answer: { kind: "events", schema: nodeEventSchema },
  }),
  health: operation({
    ...{ method: "GET", path: "/healthz", least: "anyone" },
    summary: "Answers as long as the process lives.",
    answer: { kind: "json", schema: doneSchema },
  }),
  ready: operation({
    ...{ method: "GET", path: "/readyz", least: "anyone" },
    summary: "Whether this node serves, or could take over with every connection; status 503 when not.",
    answer: { kind: "json", schema: readySchema },
  }),
} as const satisfies Readonly<Record<string, Operation>>;
