import * as z from "zod";
import { historyEntrySchema } from "./failover-history.ts";
import { clusterStatusSchema, problemSchema } from "./status.ts";

const problem = clusterStatusSchema.shape.problems.element;

/**
 * What happens, as a stream (GET /v1/events, text/event-stream): the name of each event, and its data as JSON. A newer
 * node may send others.
 */
export const nodeEventSchemas = {
  /** A change of role of this node. */
  transition: historyEntrySchema.omit({ evidence: true, stamps: true }),
  /** Another node, or none, is active for a group now. */
  active: z.object({ group: z.string(), node: z.string().nullable() }),
  /** A problem of the cluster appeared, or is gone. */
  "problem-appeared": problem,
  "problem-vanished": problem,
  /** Something was changed over the API or on the console of this node. */
  change: z.object({ who: z.string(), operation: z.string(), result: z.string() }),
  /** What came after the id that was named is not known any more: ask for the status. */
  gap: z.object({}),
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type NodeEventName = keyof typeof nodeEventSchemas;

export const nodeEventSchema = z.object({
  id: z.string(),
  event: z.enum(Object.keys(nodeEventSchemas) as [NodeEventName, ...NodeEventName[]]),
  data: z.union(Object.values(nodeEventSchemas)),
});

/** A request with an Idempotency-Key, as it is now (GET /v1/operations/{id}). */
export const requestRecordSchema = z.object({
  id: z.string(),
  operation: z.string(),
  state: z.enum(["running", "done", "failed"]),
  /** ISO 8601, UTC. */
  started: z.string(),
  ended: z.string().nullable(),
  /** What it was answered, once it is done. */
  answer: z.unknown().optional(),
  /** Why it failed. */
  problem: problemSchema.optional(),
});

/** By these headers a long request can be asked about after a time-out, and repeated without being done twice. */
export const IDEMPOTENCY_HEADER = "idempotency-key";
export const idempotencyKeySchema = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);

export const readySchema = z.object({ ready: z.boolean() });

export type RequestRecord = z.output<typeof requestRecordSchema>;
