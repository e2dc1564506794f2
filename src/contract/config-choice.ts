import * as z from "zod";
import { planSchema } from "./config-plan.ts";
import { revisionIdSchema } from "./config-revision.ts";

/** A revision that nodes have at the end of their history. */
const sideHead = {
  id: revisionIdSchema,
  number: z.number(),
  author: z.string(),
  /** ISO 8601, UTC. */
  at: z.string(),
  message: z.string(),
};

/** POST /v1/config/choose with dryRun: what would go away on which nodes. */
export const foreseenChoiceSchema = z.looseObject({
  chosen: z.looseObject({ node: z.string(), ...sideHead }),
  /** Those whose document would not count any more, by what they have. Empty: all have that of the chosen node. */
  sides: z.array(
    z.looseObject({
      nodes: z.array(z.string()),
      ...sideHead,
      /** From what these nodes run to what was chosen. */
      plan: planSchema.loose(),
    }),
  ),
});

export type ForeseenChoice = z.output<typeof foreseenChoiceSchema>;
