import { ProblemError } from "../../base/problem.ts";
import { ControlClient } from "../../client/control-client.ts";
import { heldAndAnnouncedUs } from "../../contract/failover-history.ts";
import { controlSocket } from "../lab-folder.ts";

/**
 * How long the takeover took that made this node active, by its own stamps: from the last sign of the node before until all virtual
 * addresses were in the kernel and had been announced, in milliseconds. The lab's observer is later the more addresses move.
 *
 * @returns null where the node does not say
 */
export async function announcedAfterMs(lab: string, node: string): Promise<number | null> {
  const client = new ControlClient(controlSocket(lab, node), { timeoutMs: 2_000 });
  try {
    const { entries } = await client.history(new URLSearchParams({ node, limit: "1" }));
    const us = entries[0] === undefined ? undefined : heldAndAnnouncedUs(entries[0]);
    return us === undefined ? null : us / 1_000;
  } catch (error) {
    if (error instanceof ProblemError) return null;
    throw error;
  }
}
