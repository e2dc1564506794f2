import { ControlClient } from "../../client/control-client.ts";
import { findSocket, type SocketWish } from "../../client/find-socket.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf } from "../terminal.ts";

export interface SwitchoverOptions extends SocketWish {
  readonly group?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly output: string;
}

/** Asks for a planned handover and says who is active then. */
export async function switchover({
  group,
  to,
  reason,
  output,
  ...wish
}: SwitchoverOptions): Promise<ExitStatus> {
  const client = new ControlClient(await findSocket(wish));
  const answer = await client.switchover({
    ...(group === undefined ? {} : { group }),
    ...(to === undefined ? {} : { to }),
    ...(reason === undefined ? {} : { reason }),
  });
  if (output === "json") process.stdout.write(`${JSON.stringify(answer)}\n`);
  else {
    const what = group === undefined ? "" : ` the group ${answer.group}`;
    process.stdout.write(
      `${paperOf(process.stdout).paint("green", "ok")}  ${answer.to} takes over${what} from ${answer.from}.\n`,
    );
  }
  return exitStatus.ok;
}
