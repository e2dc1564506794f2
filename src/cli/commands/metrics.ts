import { clientFor, type NodeWish } from "../../client/client-for.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";

/** Prints a node's metrics as they are. */
export async function showMetrics(wish: NodeWish): Promise<ExitStatus> {
  process.stdout.write(await (await clientFor(wish)).metrics());
  return exitStatus.ok;
}
