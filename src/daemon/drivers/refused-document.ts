import { type Problem, ProblemError } from "../../base/problem.ts";
import type { Plan } from "../../contract/config-plan.ts";

// Why a document is not applied.

export function wrongDocument(problems: readonly [Problem, ...Problem[]]): ProblemError {
  const [first, ...rest] = problems;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more problems: tocha check lists them)`;
  return new ProblemError({ ...first, message: `${first.message}${more}` });
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
