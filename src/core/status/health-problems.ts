import type { CheckStatus, NodeStatus, StatusProblem } from "../../contract/status.ts";

/** What a node has found out about itself, and that it is set aside. */
export function healthProblems(node: NodeStatus): StatusProblem[] {
  return [
    ...maintenanceProblems(node),
    ...(node.checks ?? []).flatMap((check) => checkProblems(node, check)),
  ];
}

function maintenanceProblems({ name, maintenance, groups }: NodeStatus): StatusProblem[] {
  if (maintenance === undefined) return [];
  const { by, reason, since } = maintenance;
  const active = groups.filter(({ role }) => role === "active");
  const still =
    active.length === 0 ? "" : ", but still active, for nobody else can serve with every connection";
  const message = `${name} is set aside since ${since} by ${by}${reason === "" ? "" : ` (${reason})`}${still}`;
  const hint = `When the work is done: tocha node resume ${name}`;
  return [{ severity: "warning", node: name, code: "in-maintenance", message, hint }];
}

function checkProblems(
  { name, groups }: NodeStatus,
  { state, name: check, group, failure, heldSeconds, flaps, veto, words, ...rest }: CheckStatus,
): StatusProblem[] {
  if (state !== "failing") return [];
  const place = groups.length > 1 ? ` of the group ${group}` : "";
  // It answers again, but came and went too often to be believed at once.
  const held =
    heldSeconds === null
      ? ""
      : `; now it says "${words}", but it flapped ${flaps} times and is believed in ${Math.ceil(heldSeconds)} s`;
  const message = `check ${check}${place} fails on ${name}: ${failure}${held}`;
  const hint = `To see it yourself, on ${name}: ${rest.try}`;
  return [{ severity: veto ? "error" : "warning", node: name, code: "check-failing", message, hint }];
}
