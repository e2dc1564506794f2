import * as z from "zod";
import type { CallerWay } from "./caller-way.ts";
import {
  DOCUMENT_BYTES_MAX,
  revisionIdSchema,
  revisionSchema,
  revisionSummarySchema,
} from "./config-revision.ts";

/** What is asked of a node about the cluster document, and its answers. What nodes ask each other is below. */

const transaction = z.string().min(1).max(100);

export const CONFIRM_SECONDS = { least: 5, most: 3_600, usual: 60 } as const;

/** The change that is under way on a node. */
export const changeViewSchema = z.looseObject({
  transaction,
  phase: z.enum(["prepared", "made", "settled"]),
  number: z.number(),
  author: z.string(),
  message: z.string(),
  coordinator: z.string(),
  /** Until it is given up. */
  secondsLeft: z.number(),
});

/** A change that a node has taken back. */
export const takenBackSchema = z.looseObject({
  id: revisionIdSchema,
  number: z.number(),
  author: z.string(),
  /** Whole seconds, ISO 8601, UTC. */
  at: z.string(),
  why: z.string(),
});

/** GET /v1/config/state: of one node. */
export const configStateSchema = z.looseObject({
  node: z.string(),
  /** Null before the first apply. */
  head: z.looseObject({ id: revisionIdSchema, number: z.number() }).nullable(),
  /** Names the document that it runs by its content. */
  revision: z.string(),
  change: changeViewSchema.nullable(),
  /** The last one, for a day, and until another change applies. */
  takenBack: takenBackSchema.optional(),
  /** The node whose history and this one's own went apart. */
  diverged: z.array(z.looseObject({ node: z.string(), id: revisionIdSchema, number: z.number() })),
  /** Nodes that answer and refuse this one, because their document does not have it; absent where there are none. */
  refusedBy: z.array(z.looseObject({ node: z.string(), message: z.string() })).optional(),
  /** When the stored history was read as a whole, and what was wrong with it; absent until that has been done. */
  history: z
    .looseObject({ directory: z.string(), checked: z.string(), problem: z.string().nullable() })
    .optional(),
  /** Where the history is sent, and why it could not be; absent where the document names nothing, and before the first try. */
  remote: z.looseObject({ url: z.string(), problem: z.string().nullable() }).optional(),
  /** The file that the node was started with says something else than what applies; null: it does not. */
  fileDiffers: z.string().nullable(),
});

/** GET /v1/config */
export const configSchema = z.looseObject({
  head: z.looseObject({ id: revisionIdSchema, number: z.number() }).nullable(),
  revision: z.string(),
  text: z.string(),
});

/** POST /v1/config/plan */
export const planRequestSchema = z.strictObject({
  text: z.string().max(DOCUMENT_BYTES_MAX),
  /** What the text is called in the difference. */
  name: z.string().max(1_000).default("wished"),
});

/** A large document takes a node a second, beside other work more. */
export const PLAN_LIMIT_MS = 60_000;

/** POST /v1/config/apply */
export const applyRequestSchema = z.strictObject({
  text: z.string().max(DOCUMENT_BYTES_MAX),
  message: z.string().max(10_000).default(""),
  /** Who changes it; over the API it is the user, whatever is said here. */
  author: z.string().min(1).max(200).optional(),
  /** The revision that the text was made from; null: before the first; left out: whatever applies. */
  base: revisionIdSchema.nullable().optional(),
  /** Also where the plan says that it is better not done. */
  force: z.boolean().default(false),
  confirmSeconds: z.int().min(CONFIRM_SECONDS.least).max(CONFIRM_SECONDS.most).default(CONFIRM_SECONDS.usual),
});

export const applyAnswerSchema = z.looseObject({
  transaction,
  id: revisionIdSchema,
  number: z.number(),
  plan: z.array(z.string()),
  /** `away`: it did not answer, and catches up when it is back. */
  nodes: z.array(z.looseObject({ name: z.string(), state: z.enum(["made", "away"]) })),
  confirmSeconds: z.number(),
  /** The control role of the node that answers starts again in a moment: it does not answer meanwhile. */
  startsAgain: z.boolean(),
});

/** POST /v1/config/confirm, /v1/config/revert */
export const transactionRequestSchema = z.strictObject({ transaction: transaction.optional() });

export const transactionAnswerSchema = z.looseObject({
  ok: z.literal(true),
  number: z.number(),
  nodes: z.array(z.looseObject({ name: z.string(), problem: z.string().nullable() })),
});

/** GET /v1/config/history */
export const configHistorySchema = z.looseObject({ revisions: z.array(revisionSummarySchema.loose()) });

export const historyQueryOfConfigSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(50),
});

/** POST /v1/config/choose: of histories that went apart, that of this node counts from now on. */
export const chooseRequestSchema = z.strictObject({
  node: z.string().min(1).max(63),
  /** Only say what would go away. */
  dryRun: z.boolean().optional(),
  /** The revision of that node that was looked at: if it has another one by now, nothing is chosen. */
  id: revisionIdSchema.optional(),
});

/** Between nodes: POST /v1/config/prepare */
export const prepareRequestSchema = z.strictObject({
  transaction,
  coordinator: z.string().min(1).max(63),
  /** What the node does not have yet, oldest first: the last one is what shall apply. */
  revisions: z.array(revisionSchema).min(1).max(1_000),
  confirmMs: z.int().min(1),
});

/** Between nodes: POST /v1/config/make, /v1/config/settle, /v1/config/give-up */
export const stepRequestSchema = z.strictObject({ transaction });

/** Between nodes: POST /v1/config/adopt */
export const adoptRequestSchema = z.strictObject({
  id: revisionIdSchema,
  /** The whole history up to it, oldest first. */
  revisions: z.array(revisionSchema).max(100_000),
});

export const okSchema = z.looseObject({ ok: z.literal(true) });

/** Between nodes: GET /v1/config/after?id=… */
export const afterQuerySchema = z.strictObject({ id: revisionIdSchema.optional() });

export const afterAnswerSchema = z.looseObject({
  /** Null: the histories went apart. */
  revisions: z.array(revisionSchema).nullable(),
  head: revisionIdSchema.nullable(),
});

export type TakenBack = z.output<typeof takenBackSchema>;
export type ChangeView = z.output<typeof changeViewSchema>;
export type ConfigState = z.output<typeof configStateSchema>;
export type Config = z.output<typeof configSchema>;
/** With whoever it is by, and where that one comes from: undefined at the console. */
export type ApplyWish = z.output<typeof applyRequestSchema> & {
  readonly author: string;
  readonly caller: CallerWay | undefined;
};
export type ChooseWish = z.output<typeof chooseRequestSchema>;
export type ApplyAnswer = z.output<typeof applyAnswerSchema>;
export type TransactionAnswer = z.output<typeof transactionAnswerSchema>;
export type PrepareRequest = z.output<typeof prepareRequestSchema>;
