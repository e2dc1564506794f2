import { ProblemError } from "../../base/problem.ts";
import type { ClusterGroupStatus, ClusterStatus, SwitchoverRequest } from "../../contract/status.ts";

/** @throws ProblemError when the wish does not say which, or names one that does not exist */
export function chooseGroup(
  { groups }: ClusterStatus,
  { group: wished, dryRun = false }: SwitchoverRequest,
): ClusterGroupStatus {
  const names = groups.map(({ name }) => name).join(", ");
  const [first, ...others] = groups;
  if (wished === undefined) {
    if (first !== undefined && others.length === 0) return first;
    throw new ProblemError({
      code: "which-group",
      message: `there are several failover groups: ${names}`,
      hint: `Say which: tocha switchover ${dryRun ? "--dry-run " : ""}--group ${first?.name ?? "NAME"}`,
    });
  }
  const found = groups.find(({ name }) => name === wished);
  if (found !== undefined) return found;
  const message = `there is no failover group ${wished}`;
  throw new ProblemError({ code: "no-such-group", message, hint: `Groups: ${names}.` });
}
