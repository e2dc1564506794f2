import * as z from "zod";

/** What one node gives into a support bundle (GET /v1/node/support): texts without secrets. */
export const supportPartSchema = z.object({
  node: z.string(),
  files: z.array(z.object({ name: z.string(), text: z.string(), about: z.string() })),
  /** What is not there, and why. */
  leftOut: z.array(z.object({ name: z.string(), why: z.string() })),
  /** How many secrets were found in these texts, and taken out. */
  removed: z.number(),
});

export const supportQuerySchema = z.object({ node: z.string().optional() });

export type SupportPart = z.output<typeof supportPartSchema>;
