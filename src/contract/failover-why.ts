import * as z from "zod";

/** The present state of each group in sentences (GET /v1/failover/why). */

/** Why a node is not active. */
export const standbyReasons = {
  unreachable: "The node does not answer over the sync network.",
  init: "It has just started: it listens, or lacks what a standby needs.",
  unable:
    "It cannot serve: no interface of the group is up, its rules are not in place, or it gave the role up to an arbiter or a tie-breaker.",
  stopped: "It was stopped.",
  "set-aside": "It is set aside for maintenance.",
  incomplete: "Its kernel does not hold every connection yet.",
  degraded: "An interface of it is down or a check fails, which lowers its priority.",
  lower: "It ranks lower.",
  "preempt-off": "It ranks higher, but preemption is off.",
  waiting:
    "It ranks higher, preemption is on or it is the address owner, and it has not been well for long enough yet.",
  equal: "It could take over, and nothing asks it to.",
} as const;

const takeoverSchema = z.object({
  /** Who would take over, as far as is known; null when nobody could, or one of several that are heard and cannot be asked. */
  node: z.string().nullable(),
  /** At most so long after the active has died; null when nobody could, or that node cannot be asked. */
  withinMs: z.number().nullable(),
  /** It has every mirrored connection; false when it cannot be asked. */
  complete: z.boolean(),
  /** Connections in the table of the active. */
  connections: z.number().nullable(),
  /** Connections that its kernel refused to take. */
  notProtected: z.number(),
  /** Changes on their way to it, and the age of the oldest. */
  lagRecords: z.number(),
  lagMs: z.number().nullable(),
  sentences: z.array(z.string()),
});

/** The answer to POST /v1/switchover with `dryRun`: nothing was changed. A refusal is a problem, as without it. */
export const foreseenSwitchoverSchema = z.object({
  ok: z.literal(true),
  dryRun: z.literal(true),
  group: z.string(),
  from: z.string(),
  to: z.string(),
  ...takeoverSchema.omit({ node: true, withinMs: true }).shape,
});

const groupWhySchema = z.object({
  name: z.string(),
  /** Null where none or several are active; the address of a router that is active and no node of the cluster. */
  activeNode: z.string().nullable(),
  /** How long it has been active; null when it cannot be asked. */
  sinceSeconds: z.number().nullable(),
  /** Who is active, since when, and why. */
  sentences: z.array(z.string()),
  /** The last change that made it active: `tocha failover history show ID`. */
  historyId: z.string().nullable(),
  others: z.array(
    z.object({
      node: z.string(),
      /** One of `standbyReasons`; a newer node may know more. */
      reason: z.string(),
      /** Of a node that cannot be asked: the active hears it. */
      canTakeOver: z.boolean(),
      sentences: z.array(z.string()),
    }),
  ),
  ifActiveDied: takeoverSchema,
});

export const whySchema = z.object({
  cluster: z.string(),
  asOf: z.string(),
  groups: z.array(groupWhySchema),
});

export type FailoverWhy = z.output<typeof whySchema>;
export type GroupWhy = z.output<typeof groupWhySchema>;
export type ForeseenTakeover = z.output<typeof takeoverSchema>;
export type ForeseenSwitchover = z.output<typeof foreseenSwitchoverSchema>;
export type StandbyReason = keyof typeof standbyReasons;
