import { ProblemError } from "../../base/problem.ts";
import { askOnce } from "../../client/ask-once.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { ControlClient } from "../../client/control-client.ts";
import type { ForeseenSwitchover } from "../../contract/failover-why.ts";
import type { SwitchoverAnswer, SwitchoverRequest } from "../../contract/status.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf, wrap } from "../terminal.ts";
import { whenItAnswers } from "../unanswered-change.ts";
import { whileWaiting } from "../waiting.ts";

/** Connections are copied to the end first. */
const SWITCHOVER_LIMIT_MS = 30_000;

export interface SwitchoverOptions extends NodeWish {
  readonly group?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly output: string;
}

/** Asks for a planned handover and says who is active then; with `dryRun`, what would happen. */
export async function switchover({
  group,
  to,
  reason,
  dryRun = false,
  output,
  ...wish
}: SwitchoverOptions): Promise<ExitStatus> {
  const client = await clientFor(wish);
  const request = {
    ...(group === undefined ? {} : { group }),
    ...(to === undefined ? {} : { to }),
    ...(reason === undefined ? {} : { reason }),
  };
  if (dryRun) return foresee(await client.foreseeSwitchover(request), output);
  const answer = await whileWaiting("the standby gets every connection", switchedOver(client, request));
  if (output === "json") process.stdout.write(`${JSON.stringify(answer)}\n`);
  else {
    const what = group === undefined ? "" : ` the group ${answer.group}`;
    const from = answer.from === "" ? "" : ` from ${answer.from}`;
    process.stdout.write(
      `${paperOf(process.stdout).paint("green", "ok")}  ${answer.to} takes over${what}${from}.\n`,
    );
  }
  return exitStatus.ok;
}

/** Who is active counts, also where the node that was asked was interrupted. */
async function switchedOver(client: ControlClient, wish: SwitchoverRequest): Promise<SwitchoverAnswer> {
  try {
    const answer = await askOnce(client, "switchover", { body: wish, timeoutMs: SWITCHOVER_LIMIT_MS });
    return answer as SwitchoverAnswer;
  } catch (error) {
    const isUnsure =
      error instanceof ProblemError &&
      ["request-interrupted", "outcome-unknown"].includes(error.problem.code);
    if (!isUnsure) throw error;
    const { groups } = await whenItAnswers(() => client.status());
    const moved = groups.find(({ name }) => wish.group === undefined || name === wish.group);
    if (moved === undefined || moved.activeNode === null || moved.activeNode !== wish.to) {
      const message = `${error.problem.message}; ${moved?.activeNode ?? "no node"} is active`;
      throw new ProblemError({ ...error.problem, message });
    }
    // Which node was active before is not known any more.
    return { ok: true, group: moved.name, from: "", to: wish.to };
  }
}

function foresee(answer: ForeseenSwitchover, output: string): ExitStatus {
  const paper = paperOf(process.stdout);
  const lines = wrap(answer.sentences.join(" "), paper.width - 4);
  const text = `${paper.paint("green", "ok")}  ${lines.join("\n    ")}\n${paper.paint("dim", "    Nothing was changed.")}\n`;
  process.stdout.write(output === "json" ? `${JSON.stringify(answer)}\n` : text);
  return exitStatus.ok;
}
