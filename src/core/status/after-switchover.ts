import { formatDurationMs } from "../../base/duration.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { illness, isSeverelyIll } from "../election/health.ts";
import { CHECK_HOLD_MS_MIN, wellMs } from "../election/timing.ts";
import { byPriority, type GroupPolicy, preemptsBecause } from "./group-policy.ts";
import { ailmentWords } from "./node-ailments.ts";

/**
 * Why a node that a switchover makes active would not stay that: it is not well, or another one asks for the role. All are as they are
 * in the group; `from` is active now.
 */
export function afterSwitchover(
  target: NodeStatus,
  nodes: readonly NodeStatus[],
  { from, policy }: { readonly from: string; readonly policy: GroupPolicy },
): string[] {
  const higher = nodes.filter(couldServe).filter((one) => one.effectivePriority > target.effectivePriority);
  higher.sort(byPriority(policy));
  const asking = higher.flatMap((one) => askingSentence(one, { isBack: one.name === from, policy }));
  if (illnessOf(target) === 0) return asking;
  const notWell = `${target.name} is not well (${ailmentWords(target, policy.name)})`;
  const heir = higher.find((one) => illnessOf(one) < illnessOf(target));
  const isFaceDown = isSevere(target) && target.interfaces.some(({ up }) => !up);
  // Preemption does not wait for so long as a check does.
  if (heir === undefined || (!isFaceDown && asking.length > 0)) return [`${notWell}.`, ...asking];
  const handsOver = `it would hand the role ${heir.name === from ? "back" : "on"} to ${heir.name}`;
  const when = isFaceDown ? "" : `, after ${formatDurationMs(CHECK_HOLD_MS_MIN)} at the earliest`;
  return [`${notWell}: ${handsOver} as soon as that one holds every connection${when}.`];
}

function couldServe({ reachable, role, maintenance }: NodeStatus): boolean {
  return reachable && (role === "active" || role === "standby") && maintenance === undefined;
}

/** What a node that ranks higher does about it. */
function askingSentence(
  node: NodeStatus,
  { isBack, policy }: { readonly isBack: boolean; readonly policy: GroupPolicy },
): string[] {
  const because = preemptsBecause(policy, node);
  if (because === undefined || isSevere(node)) return [];
  const wellFor = formatDurationMs(wellMs(policy.preemptDelayMs, node.priority, policy.intervalMs));
  const asks = `it asks for the role ${isBack ? "again " : ""}when it has been a standby with every connection for ${wellFor}`;
  return [`${node.name} ranks higher and ${because}: ${asks}.`];
}

function illnessOf({ priority, effectivePriority }: NodeStatus): number {
  return illness(priority, effectivePriority);
}

function isSevere({ priority, effectivePriority }: NodeStatus): boolean {
  return isSeverelyIll(priority, effectivePriority);
}
