import type { Problem } from "../../base/problem.ts";
import type { ClusterStatus, NodeStatus } from "../../contract/status.ts";

/** Why this node should not be set aside: a group that nobody else could serve with every connection; undefined when it may. */
export function standbyRefusal(status: ClusterStatus, name: string): Problem | undefined {
  const others = status.nodes.filter((node) => node.name !== name);
  const group = status.groups.find((one) => !others.some((node) => obstacle(node, one.name) === undefined));
  if (group === undefined) return undefined;
  const why = others.map((node) => obstacle(node, group.name)).join("; ");
  const what = status.groups.length === 1 ? "" : ` of the group ${group.name}`;
  return {
    code: "standby-leaves-nobody",
    message: `without ${name} nobody could take over every connection${what}: ${why === "" ? "it is the only node" : why}`,
    hint: "Wait until tocha status shows a complete standby. With --force it is done all the same: connections may be lost.",
  };
}

/** Why a node is no substitute in a group; undefined when it is one. */
function obstacle(node: NodeStatus, group: string): string | undefined {
  if (!node.reachable) return `${node.name} does not answer`;
  if (node.maintenance !== undefined) return `${node.name} is set aside itself`;
  const own = node.groups.find((one) => one.name === group);
  if (own === undefined) return `${node.name} does not say what it is`;
  if (own.role === "active") return undefined;
  if (own.role !== "standby") return `${node.name} could not: ${own.cause}`;
  return own.complete ? undefined : `${node.name} does not hold all connections yet`;
}
