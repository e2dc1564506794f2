import * as z from "zod";
import { singleProblemSchema } from "./status.ts";

/** What a change of the document would do, node by node, in sentences (src/core/config/plan.ts makes it). */

/** What a step is about. */
export const planParts = [
  "rules",
  "sysctls",
  "routes",
  "virtual-addresses",
  "failover",
  "replication",
  "control",
  "keys",
  "api",
] as const;
export type PlanPart = (typeof planParts)[number];

/** Said of connections and roles that a step leaves alone. */
export const untouched = "untouched";

/** The processes of a node that a change has start anew, in the order of their names. */
export const restartedRoles = ["api", "control", "failover", "replicator"] as const;
export type RestartedRole = (typeof restartedRoles)[number];

export const planStepSchema = z.object({
  part: z.enum(planParts),
  /** Where in the document, as in `nat.source.guests`: items of lists by their ids. */
  path: z.string(),
  sentence: z.string(),
  /** `untouched`, or which connections are touched, and how. */
  connections: z.string(),
  /** `untouched`, or what becomes of the node's role. */
  role: z.string(),
});
export type PlanStep = z.infer<typeof planStepSchema>;

export const nodePlanSchema = z.object({
  node: z.string(),
  steps: z.array(planStepSchema),
  restarts: z.array(z.enum(restartedRoles)),
});
export type NodePlan = z.infer<typeof nodePlanSchema>;

export const groupPlanSchema = z.object({
  group: z.string(),
  /** Who hands over to whom, and who is active in the end. */
  sentence: z.string(),
});
export type GroupPlan = z.infer<typeof groupPlanSchema>;

export const planSchema = z.object({
  /** In one sentence. */
  summary: z.string(),
  /** Of the document that runs; null where there is none yet. */
  revisionBefore: z.string().nullable(),
  revision: z.string(),
  /** Things in the document that differ. None: there is nothing to do, even where the text differs. */
  changes: z.number(),
  nodes: z.array(nodePlanSchema),
  /** The groups whose role moves. */
  groups: z.array(groupPlanSchema),
  /** What should be known before. */
  warnings: z.array(singleProblemSchema),
  /** Why it is better not done. */
  refusals: z.array(singleProblemSchema),
  /** The texts compared, as a unified diff; empty when they are the same. */
  difference: z.string(),
});
export type Plan = z.infer<typeof planSchema>;
