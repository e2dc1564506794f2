import * as z from "zod";
import { userRoles } from "./operation.ts";

/** Who may use the API: users with roles, their sessions and tokens (/v1/users, /v1/session). */

export const PASSWORD_LENGTH_MIN = 12;
const PASSWORD_LENGTH_MAX = 200;
const TOKEN_DAYS_MAX = 3_650;

export const userNamePattern = /^[a-z][a-z0-9._-]{0,31}$/;
export const userName = z.string().regex(userNamePattern, "small letters, digits, and . _ - after a letter");
const role = z.enum(userRoles);
/** Kept only as a hash. */
const password = z.string().min(PASSWORD_LENGTH_MIN).max(PASSWORD_LENGTH_MAX);
/** ISO 8601, UTC. */
const time = z.string();

/** Nodes that did not answer and do not have the change yet: they get it when they are back. */
const missingNodes = z.array(z.string());

const tokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  /** What it may do: never more than its user may. */
  role,
  created: time,
  /** Null: it does not end. */
  expires: time.nullable(),
  lastUsed: time.nullable(),
});

export const userSchema = z.object({
  name: z.string(),
  role,
  /**
   * `added`: on the nodes. `declared`: the document names the user, and says the role, and is where that is changed. `kept-out`: the
   * document names others; nobody comes in with what is kept.
   */
  standing: z.enum(["added", "declared", "kept-out"]),
  /** Null: the document names the user, who never had a password or a token. */
  created: time.nullable(),
  /** Without one the user has only tokens. */
  hasPassword: z.boolean(),
  tokens: z.array(tokenSchema),
});

export const userListSchema = z.object({ users: z.array(userSchema) });

export const userAddSchema = z.strictObject({ name: userName, role, password: password.optional() });
export const userPasswordSchema = z.strictObject({ password });
export const tokenAddSchema = z.strictObject({
  label: z
    .string()
    .max(100)
    .regex(/^\P{Cc}*$/u)
    .default(""),
  /** Default: the role of the user. */
  role: role.optional(),
  /** Default: it does not end. */
  days: z.int().min(1).max(TOKEN_DAYS_MAX).optional(),
});

/** The only time that the token is shown: the node keeps a digest. */
export const tokenAddedSchema = z.object({
  id: z.string(),
  token: z.string(),
  expires: time.nullable(),
  missing: missingNodes,
});

export const firstCodeSchema = z.object({ code: z.string(), expires: time });
export const sessionFirstSchema = z.strictObject({
  /** As printed by `tocha user first-code`. */
  code: z.string().max(50),
  name: userName,
  password,
});
export const sessionOpenSchema = z.strictObject({
  name: z.string().max(100),
  password: z.string().max(1_000),
});
export const sessionPasswordSchema = z.strictObject({ old: z.string().max(1_000), password });

/** The token goes with every request as `Authorization: Bearer TOKEN`. */
export const sessionOpenedSchema = z.object({ token: z.string(), name: z.string(), role, expires: time });
export const sessionSchema = z.object({
  name: z.string(),
  role,
  kind: z.enum(["console", "session", "token", "node"]),
  expires: time.nullable(),
});

/** The first admin is a user as well. */
export const sessionFirstOpenedSchema = sessionOpenedSchema.extend({ missing: missingNodes });
/** A change of users is answered when all nodes that can be reached have it. */
export const usersChangedSchema = z.object({ ok: z.literal(true), missing: missingNodes });
export const doneSchema = z.object({ ok: z.literal(true) });

export type UserList = z.output<typeof userListSchema>;
export type UserAdd = z.output<typeof userAddSchema>;
export type TokenAdd = z.output<typeof tokenAddSchema>;
export type SessionFirst = z.output<typeof sessionFirstSchema>;
export type SessionWish = z.output<typeof sessionOpenSchema>;
export type SessionOpened = z.output<typeof sessionOpenedSchema>;
export type Session = z.output<typeof sessionSchema>;
