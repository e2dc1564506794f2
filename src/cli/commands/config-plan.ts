import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { Plan } from "../../contract/config-plan.ts";
import { type PlannedDocument, planChange } from "../../core/config/plan.ts";
import { DocumentProblems, readDocumentFile } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { differenceText, planText } from "../plan-text.ts";
import { paperOf } from "../terminal.ts";

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
  // First, because it needs no node: a wrong document is told of in any case.
  const after = plannedFile(file);
  const plan =
    against === undefined
      ? await planAgainstRunning(after, wish)
      : planChange({ before: plannedBefore(against), after });
  showPlan(plan, { output, diff });
  return statusOf(plan);
}

async function planAgainstRunning({ name, text }: PlannedDocument, wish: NodeWish): Promise<Plan> {
  const client = await clientFor(wish);
  return await client.ask("config.plan", { body: { name, text } });
}

/** A valid document out of a file. */
function plannedFile(path: string): PlannedDocument {
  const { text, whole, document, problems, notices } = readDocumentFile(path);
  if (document === undefined) throw new DocumentProblems(problems, text, path);
  // With the files that it names, as it would be applied.
  return { name: path, text: whole, document, notices };
}

/** An empty file, such as /dev/null, stands for a cluster that has no document yet. */
function plannedBefore(path: string): PlannedDocument | undefined {
  return readDocumentFile(path).text === "" ? undefined : plannedFile(path);
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
