import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { ForeseenSwitchover } from "../../contract/failover-why.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf, wrap } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";

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
  const answer = await whileWaiting("the standby gets every connection", client.switchover(request));
  if (output === "json") process.stdout.write(`${JSON.stringify(answer)}\n`);
  else {
    const what = group === undefined ? "" : ` the group ${answer.group}`;
    process.stdout.write(
      `${paperOf(process.stdout).paint("green", "ok")}  ${answer.to} takes over${what} from ${answer.from}.\n`,
    );
  }
  return exitStatus.ok;
}

function foresee(answer: ForeseenSwitchover, output: string): ExitStatus {
  const paper = paperOf(process.stdout);
  const lines = wrap(answer.sentences.join(" "), paper.width - 4);
  const text = `${paper.paint("green", "ok")}  ${lines.join("\n    ")}\n${paper.paint("dim", "    Nothing was changed.")}\n`;
  process.stdout.write(output === "json" ? `${JSON.stringify(answer)}\n` : text);
  return exitStatus.ok;
}
