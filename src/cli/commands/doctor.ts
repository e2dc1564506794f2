import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import { type DoctorReport, doctorReportSchema } from "../../contract/doctor.ts";
import { doctorText } from "../doctor-text.ts";
import { examineHere } from "../examine-here.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";

export interface DoctorOptions extends NodeWish {
  readonly config?: string;
  readonly runDir?: string;
  readonly stateDir?: string;
  readonly output: string;
}

/** A node waits up to 15 s for the others. */
const ANSWER_LIMIT_MS = 30_000;

/** Examines all nodes of the running cluster; with a document, this machine alone, on which no daemon needs to run. */
export async function doctor({ output, ...wish }: DoctorOptions): Promise<ExitStatus> {
  const { config } = wish;
  const report =
    config === undefined
      ? await whileWaiting("the nodes are examined", askNode(wish))
      : await whileWaiting(
          "this machine is examined",
          examineHere({ ...wish, config }, "report", doctorReportSchema),
        );
  process.stdout.write(
    output === "json" ? `${JSON.stringify(report, null, 2)}\n` : doctorText(report, paperOf(process.stdout)),
  );
  return report.verdict === "ok" ? exitStatus.ok : exitStatus.notOk;
}

async function askNode(wish: NodeWish): Promise<DoctorReport> {
  const client = await clientOrHint(wish, "tocha doctor");
  return await client.ask("doctor", { timeoutMs: ANSWER_LIMIT_MS });
}

/** Where no node runs, there is another way. */
export async function clientOrHint(wish: NodeWish, command: string): Promise<ControlClient> {
  try {
    return await clientFor(wish);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.code !== "no-running-node") throw error;
    const hint = `${error.problem.hint ?? ""} Without one: "${command} --config FILE --node NAME" looks at this machine.`;
    throw new ProblemError({ ...error.problem, hint: hint.trim() });
  }
}
