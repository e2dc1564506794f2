import * as z from "zod";
import { userRoles } from "./operation.ts";
import { userName } from "./users.ts";

/** What nodes tell each other about users and sessions, and keep of them (docs/protocol/users.md). */

export const RECORDS_PER_MESSAGE = 20;
export const SESSIONS_MAX = 1_000;
/** Of the records of users, the removed ones included. */
export const NAMES_MAX = 10_000;
/** More than one node ever makes (src/daemon/drivers/user-answers.ts): what was made on two sides of a cut is put together. */
const TOKENS_MAX = 300;
const REMOVED_TOKENS_MAX = 3_000;

const count = z.int().min(1).max(1_000_000_000);
/** SHA-256, hexadecimal. */
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** ISO 8601, UTC. */
const time = z.string().max(40);
const tokenId = z.string().regex(/^[a-z0-9-]{1,32}$/);

const tokenRecordSchema = z.object({
  id: tokenId,
  label: z.string().max(100),
  /** The token itself is 256 random bits, so that no slow hash is needed. */
  digest,
  role: z.enum(userRoles),
  created: time,
  expires: time.nullable(),
});

const userPartSchema = z.object({
  role: z.enum(userRoles),
  created: time,
  /** As of password-hash.ts; null: only tokens. */
  password: z.string().min(1).max(500).nullable(),
  /** How often it was set; a session of another number has ended. */
  passwordChange: count,
  /** In the order of their ids. */
  tokens: z.array(tokenRecordSchema).max(TOKENS_MAX),
  /** Ids of tokens that must not come back from a node that was away. */
  removedTokens: z.array(tokenId).max(REMOVED_TOKENS_MAX),
});

/** A user, or that there was one. `life` counts how often the name was added and removed: it is odd while there is a user. */
export const userRecordSchema = z
  .object({ name: userName, life: count, user: userPartSchema.nullable() })
  .refine(({ life, user }) => (life % 2 === 1) === (user !== null), "the life is odd where there is a user");

export const sessionRecordSchema = z.object({
  digest,
  name: userName,
  /** Of the user when the session was opened: with another one it has ended. */
  life: count,
  passwordChange: count,
  untilMs: z.int().min(0),
  closed: z.boolean(),
});

/** The one-time code that the console gave last; without a digest it was used. */
export const firstCodeRecordSchema = z.object({
  number: count,
  digest: digest.nullable(),
  untilMs: z.int().min(0),
});

const sessionsSchema = z.array(sessionRecordSchema).max(SESSIONS_MAX);

/** POST /v1/node/access */
export const accessRequestSchema = z.discriminatedUnion("do", [
  /** What do you have? With the digests of what the asking node has. */
  z.strictObject({ do: z.literal("tell"), users: z.string().max(64), sessions: z.string().max(64) }),
  z.strictObject({ do: z.literal("give"), names: z.array(userName).max(RECORDS_PER_MESSAGE) }),
  /** Put this together with what you have. */
  z.strictObject({
    do: z.literal("take"),
    users: z.array(userRecordSchema).max(RECORDS_PER_MESSAGE),
    sessions: sessionsSchema,
    firstCode: firstCodeRecordSchema.nullable(),
  }),
]);

export const accessTellSchema = z.object({
  /** A stamp of each record; null where all are as the asking node has them. */
  users: z
    .array(z.object({ name: userName, stamp: z.string().max(64) }))
    .max(10 * NAMES_MAX)
    .nullable(),
  sessions: sessionsSchema.nullable(),
  firstCode: firstCodeRecordSchema.nullable(),
});
export const accessGiveSchema = z.object({ users: z.array(userRecordSchema).max(RECORDS_PER_MESSAGE) });
export const accessTakeSchema = z.object({ ok: z.literal(true) });
export const accessAnswerSchema = z.union([accessTellSchema, accessGiveSchema, accessTakeSchema]);

export type AccessRequest = z.output<typeof accessRequestSchema>;
export type AccessAnswer = z.output<typeof accessAnswerSchema>;
export type TokenRecord = z.output<typeof tokenRecordSchema>;
export type UserPart = z.output<typeof userPartSchema>;
export type UserRecord = z.output<typeof userRecordSchema>;
export type SessionRecord = z.output<typeof sessionRecordSchema>;
export type FirstCodeRecord = z.output<typeof firstCodeRecordSchema>;
