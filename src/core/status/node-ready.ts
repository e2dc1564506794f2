import type { NodeStatus } from "../../contract/status.ts";

/** Whether a node serves each group, or could take it over with every connection. */
export function isNodeReady({ reachable, groups }: NodeStatus): boolean {
  if (!reachable || groups.length === 0) return false;
  return groups.every(({ role, complete }) => role === "active" || (role === "standby" && complete));
}
