import * as z from "zod";

/** What `tocha doctor` says (GET /v1/doctor). */

/** From good to bad. `note`: nothing is wrong, but it is good to know. */
export const findingSeverities = ["ok", "note", "warning", "error"] as const;

export const doctorFindingSchema = z.object({
  /** Empty where it concerns the cluster as a whole. */
  node: z.string(),
  severity: z.enum(findingSeverities),
  /** Of src/contract/doctor-codes.ts; with `ok`, the name of the check that found nothing. */
  code: z.string(),
  /** What was found, in a sentence. */
  what: z.string(),
  /** On what: a device, a setting, a file, another node. */
  on: z.string(),
  /** Why it matters, in a sentence. */
  why: z.string(),
  /** The command that helps, or that shows more; empty where none does. */
  command: z.string(),
});

export const doctorReportSchema = z.object({
  cluster: z.string(),
  asOf: z.string(),
  /** The worst of all findings, notes left out. */
  verdict: z.enum(["ok", "warning", "error"]),
  /** One sentence. */
  summary: z.string(),
  /** In the order of the document. */
  nodes: z.array(z.object({ name: z.string(), examined: z.boolean() })),
  /** By node, the worst first. */
  findings: z.array(doctorFindingSchema),
});

export type DoctorFinding = z.output<typeof doctorFindingSchema>;
export type DoctorReport = z.output<typeof doctorReportSchema>;
export type FindingSeverity = DoctorFinding["severity"];
