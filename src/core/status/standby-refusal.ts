import type { Problem } from "../../base/problem.ts";
import { type ClusterStatus, type NodeStatus, nodeInGroup } from "../../contract/status.ts";
import { isSeverelyIll } from "../election/health.ts";
import { ailmentWords } from "./node-ailments.ts";

/**
 * Why this node should not be set aside: a group that nobody else could serve as well as it does and with every connection; undefined
 * when it may.
 */
export function standbyRefusal(status: ClusterStatus, name: string): Problem | undefined {
  const itself = status.nodes.find((node) => node.name === name);
  const others = status.nodes.filter((node) => node.name !== name);
  const why = (group: string) => {
    const isIll = itself !== undefined && itself.maintenance === undefined && isIllIn(itself, group);
    return others.map((node) => obstacle(node, group, isIll));
  };
  const group = status.groups.find((one) => !why(one.name).includes(undefined));
  if (group === undefined) return undefined;
  const obstacles = others.length === 0 ? "it is the only node" : why(group.name).join("; ");
  const what = status.groups.length === 1 ? "" : ` of the group ${group.name}`;
  return {
    code: "standby-leaves-nobody",
    message: `without ${name} nobody could take over every connection${what}: ${obstacles}`,
    hint: "Wait until tocha status shows a complete standby that is well. With --force it is done all the same: connections may be lost.",
  };
}

/** Why a node is no substitute in a group for one that is severely ill itself, or is not; undefined when it is one. */
function obstacle(node: NodeStatus, group: string, isOtherIll: boolean): string | undefined {
  if (!node.reachable) return `${node.name} does not answer`;
  if (node.maintenance !== undefined) return `${node.name} is set aside itself`;
  const own = node.groups.find((one) => one.name === group);
  if (own === undefined) return `${node.name} does not say what it is`;
  if (own.role === "active") return undefined;
  if (own.role !== "standby") return `${node.name} could not: ${own.cause}`;
  if (!own.complete) return `${node.name} does not hold all connections yet`;
  // Of two that are as ill neither serves better.
  if (isOtherIll || !isIllIn(node, group)) return undefined;
  return `${node.name} is not well: ${ailmentWords(nodeInGroup(node, group), group)}`;
}

/** With a face down, or a veto, it serves somebody at best. What is set aside has the lowest priority, whatever its health. */
function isIllIn({ groups }: NodeStatus, group: string): boolean {
  const own = groups.find(({ name }) => name === group);
  return own !== undefined && isSeverelyIll(own.priority, own.effectivePriority);
}
