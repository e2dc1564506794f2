import { counted } from "../../base/number-text.ts";
import type { Problem } from "../../base/problem.ts";
import type { ForeseenSwitchover } from "../../contract/failover-why.ts";
import { type NodeStatus, nodeInGroup } from "../../contract/status.ts";
import type { PeerView } from "../election/election-types.ts";
import { handoverRunningProblem, noTargetProblem, notActiveProblem } from "../election/handover.ts";
import { afterSwitchover } from "./after-switchover.ts";
import { protection, protectionSentences } from "./foreseen-takeover.ts";
import { byPriority, type GroupPolicy } from "./group-policy.ts";

/** What the active's own election says; it decides, whatever the nodes say of themselves. */
export interface ActiveView {
  readonly role: string;
  readonly activeNode: string | undefined;
  readonly draining: boolean;
  readonly peers: readonly Pick<PeerView, "name" | "alive" | "role" | "priority" | "tableComplete">[];
}

export interface SwitchoverWish {
  /** This one, which is to be active. */
  readonly node: string;
  readonly to: string | undefined;
  readonly policy: GroupPolicy;
}

/** The standby that a planned switchover goes to: `to`, or else the best; undefined when it would be refused. */
function switchoverTarget({ peers }: ActiveView, { to, policy }: SwitchoverWish): string | undefined {
  const fit = peers.flatMap(({ name, alive, role, tableComplete, priority = 0 }) => {
    const isFit = alive && role === "standby" && tableComplete && priority > 0;
    return isFit ? [{ name, effectivePriority: priority }] : [];
  });
  if (to !== undefined) return fit.some(({ name }) => name === to) ? to : undefined;
  return fit.sort(byPriority(policy))[0]?.name;
}

/** As the election has it: a standby that offers no priority is one that somebody has set aside. */
function isSetAside({ alive, role, priority }: ActiveView["peers"][number]): boolean {
  return alive && role === "standby" && priority === 0;
}

/** What a switchover would do now, on the node that is active; or why it would be refused. */
export function foreseeSwitchover(
  view: ActiveView,
  wish: SwitchoverWish,
  statuses: readonly NodeStatus[],
): ForeseenSwitchover | Problem {
  const { node, to, policy } = wish;
  if (view.role !== "active") return notActiveProblem(node, view.activeNode);
  if (view.draining) return handoverRunningProblem;
  const target = switchoverTarget(view, wish);
  if (target === undefined)
    return noTargetProblem(
      to,
      view.peers.filter(isSetAside).map(({ name }) => name),
    );
  const nodes = statuses.map((one) => (one.reachable ? nodeInGroup(one, policy.name) : one));
  const active = nodes.find(({ name }) => name === node);
  const standby = nodes.find(({ name }) => name === target);
  // The active hears that it has everything; what it says of itself is not known if it cannot be asked.
  const isKnown = standby?.reachable === true;
  const held = !isKnown
    ? { complete: true, connections: active?.flows ?? null, notProtected: 0, lagRecords: 0, lagMs: null }
    : protection(active, standby);
  return {
    ...({ ok: true, dryRun: true, group: policy.name, from: node, to: target } as const),
    ...held,
    sentences: [
      `${target} would take over from ${node}.`,
      held.lagRecords === 0
        ? "Nothing would have to be waited for."
        : `First ${counted(held.lagRecords, "change")} would be brought to it: the switchover waits for that, and is refused if it takes more than a second.`,
      ...protectionSentences(target, held),
      ...(isKnown ? afterSwitchover(standby, nodes, { from: node, policy }) : []),
    ],
  };
}
