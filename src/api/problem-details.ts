import * as z from "zod";
import type { Problem } from "../base/problem.ts";
import { problemCodes } from "../contract/problem-codes.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** An error over HTTP (RFC 9457). `code` is from the closed list of the guide; `type` is the same as a URI. */
export const problemDetailsSchema = z.object({
  type: z.string(),
  /** What the code means, in general. */
  title: z.string(),
  status: z.int(),
  /** What was wrong this time. */
  detail: z.string(),
  code: z.string(),
  /** What to do next. */
  hint: z.string().optional(),
  /** Where in the body or document. */
  path: z.string().optional(),
  line: z.number().optional(),
  column: z.number().optional(),
  /** All that is wrong with a document, in the order of its text; at most 100. The first of them is the one above. */
  problems: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        hint: z.string().optional(),
        path: z.string().optional(),
        /** Of a file that the document names; absent in the document itself. */
        file: z.string().optional(),
        line: z.number().optional(),
        column: z.number().optional(),
      }),
    )
    .optional(),
});

export type ProblemDetails = z.output<typeof problemDetailsSchema>;

export function problemDetails(status: number, { code, message, ...rest }: Problem): ProblemDetails {
  const { hint, path, line, column, problems } = rest;
  const more = { hint, path, line, column, problems };
  return {
    type: `urn:problem-type:tocha:${code}`,
    title: titles.get(code) ?? code,
    ...{ status, detail: message, code },
    ...Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined)),
  };
}

const titles: ReadonlyMap<string, string> = new Map(Object.entries(problemCodes));
