import { ControlClient } from "../../client/control-client.ts";
import { findSocket, type SocketWish } from "../../client/find-socket.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

/** Prints a node's metrics as they are. */
export async function showMetrics(wish: SocketWish): Promise<ExitStatus> {
  process.stdout.write(await new ControlClient(await findSocket(wish)).metrics());
  return exitStatus.ok;
}
