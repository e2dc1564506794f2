import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/** Nothing moves without the arbiter, but nothing breaks a tie either. A node that it keeps down says so as its role's cause. */
export function arbiterProblems(nodes: readonly NodeStatus[]): StatusProblem[] {
  return nodes.flatMap((node): StatusProblem[] => {
    const silent = node.arbiter?.find(({ reachable }) => reachable === false);
    if (silent === undefined) return [];
    const message = `${node.name} gets no answer from the arbiter: ${silent.problem ?? ""}`;
    const hint = `Is etcd up, and reachable from ${node.name}? On ${node.name}: etcdctl --endpoints ... --cacert ... endpoint health. Nothing moves because of it.`;
    return [{ severity: "warning", node: node.name, code: "arbiter-unreachable", message, hint }];
  });
}
