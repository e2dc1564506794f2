import { type Problem, ProblemError } from "../../base/problem.ts";
import type { Plan } from "../../contract/config-plan.ts";

// Why a document is not applied.

/** Who has made more mistakes begins with these. */
const PROBLEMS_MAX = 100;

/** @param name what the document was called when it was read */
export function wrongDocument(problems: readonly [Problem, ...Problem[]], name: string): ProblemError {
  const [first, ...rest] = problems;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return new ProblemError({ ...first, message: `${first.message}${more}`, problems: allOf(problems, name) });
}

/** In messages to others the document has no name: whoever asks knows it by another one. */
export function allOf(problems: readonly Problem[], name: string): Problem[] {
  return problems.slice(0, PROBLEMS_MAX).map(({ file, ...problem }) => ({
    ...problem,
    ...(file === undefined || file === name ? {} : { file }),
  }));
}

/** @throws ProblemError where a change is better not made */
export function refuseHazards({ refusals }: Plan): void {
  const [refusal, ...others] = refusals;
  if (refusal === undefined) return;
  const { code, hint } = refusal;
  const more = others.length === 0 ? "" : ` (and ${others.length} more: tocha config plan)`;
  const message = `${refusal.message}${more}`;
  const forced = "With --force it is made all the same.";
  throw new ProblemError({ code, message, hint: hint === undefined ? forced : `${hint} ${forced}` });
}
