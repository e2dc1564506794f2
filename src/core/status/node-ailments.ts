import type { NodeStatus } from "../../contract/status.ts";

/** What lowers a node's priority in a group, in words. Interfaces are told of the whole node: with several groups it may be another's. */
export function nodeAilments({ interfaces, checks = [] }: NodeStatus, group: string): string[] {
  const down = interfaces.filter(({ up }) => !up).map(({ name }) => name);
  const failing = checks.filter(
    (check) => check.group === group && check.state === "failing" && lowers(check),
  );
  return [
    ...(down.length === 0 ? [] : [`interface${down.length === 1 ? "" : "s"} ${down.join(" and ")} down`]),
    ...failing.map(({ name, failure }) => `check ${name} fails: ${failure}`),
  ];
}

/** A tie-breaker alone does not. */
function lowers({ weight, veto }: { readonly weight: number; readonly veto: boolean }): boolean {
  return veto || weight > 0;
}

/** Why a node is not well: as it is in the group. */
export function ailmentWords(node: NodeStatus, group: string): string {
  const ailments = nodeAilments(node, group);
  return ailments.length > 0
    ? ailments.join("; ")
    : `priority ${node.effectivePriority} instead of ${node.priority}`;
}
