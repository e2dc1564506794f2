import { clientFor, type NodeWish } from "../../client/client-for.ts";
import { PLAN_LIMIT_MS } from "../../contract/config-operations.ts";
import type { Plan } from "../../contract/config-plan.ts";
import { handedDocument } from "../ask-with-document.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { differenceText, planText } from "../plan-text.ts";
import { paperOf } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";

export interface ConfigPlanOptions extends NodeWish {
  /** The file to compare with, instead of what runs. */
  readonly against?: string;
  readonly output: string;
  /** Undefined: where it is short and somebody looks. */
  readonly diff?: boolean;
}

/** Shows what would happen if a file became the cluster's document. */
export async function configPlan(
  file: string,
  { against, output, diff, ...wish }: ConfigPlanOptions,
): Promise<ExitStatus> {
  const plan =
    against === undefined
      ? await whileWaiting("planning", planAgainstRunning(file, wish))
      : (await import("../plan-of-files.ts")).planOfFiles(against, file);
  showPlan(plan, { output, diff });
  return statusOf(plan);
}

async function planAgainstRunning(file: string, wish: NodeWish): Promise<Plan> {
  const { text, refused } = await handedDocument(file);
  const client = await clientFor(wish).catch(refused);
  return await client
    .ask("config.plan", { body: { name: file, text }, timeoutMs: PLAN_LIMIT_MS })
    .catch(refused);
}

/** A plan is nothing to do, changes, or better not done. */
function statusOf({ changes, refusals }: Plan): ExitStatus {
  if (refusals.length > 0) return exitStatus.badInput;
  return changes === 0 ? exitStatus.ok : exitStatus.notOk;
}

/** A difference that is longer hides the plan above it. */
const DIFF_LINES_SHOWN = 60;

export function showPlan(
  plan: Plan,
  { output, diff }: { readonly output: string; readonly diff?: boolean | undefined },
): void {
  if (output === "json") {
    process.stdout.write(`${JSON.stringify(plan, null, 2)}\n`);
    return;
  }
  const paper = paperOf(process.stdout);
  process.stdout.write(planText(plan, paper));
  const isShort = plan.difference.split("\n").length <= DIFF_LINES_SHOWN;
  if (plan.difference === "" || !(diff ?? (process.stdout.isTTY && isShort))) return;
  process.stdout.write(`\n${differenceText(plan.difference, paper)}`);
}
