import * as z from "zod";

/** What was changed, by whom, from where (GET /v1/audit, the file audit.jsonl of the state folder). */
export const auditEntrySchema = z.object({
  /** When it was answered: ISO 8601, UTC. */
  at: z.string(),
  node: z.string(),
  /** The user of the API, who gave the command on the console, or the node that passed it on, or did it by itself. */
  who: z.string(),
  /** By which way it came. */
  via: z.enum(["console", "api", "node"]),
  /** The role of a user of the API. */
  role: z.string().nullable(),
  /** The address that a user of the API came from. */
  from: z.string().nullable(),
  /** The id of the operation; `config.taken-back`, which nobody asks for: the node went back to the document before. */
  operation: z.string(),
  /** Its parameters and body; secrets are left out, long texts cut. */
  what: z.record(z.string(), z.unknown()),
  /** `ok`, or the code of the problem. */
  result: z.string(),
});

export const auditQuerySchema = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,4}$/)
    .optional(),
});

export const auditSchema = z.object({
  /** The newest first. */
  entries: z.array(auditEntrySchema),
});

export type AuditEntry = z.output<typeof auditEntrySchema>;
export type Audit = z.output<typeof auditSchema>;
