import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

const DAY_MS = 86_400_000;
/** When to say that a certificate ends: early enough for a calendar, and when it is high time. */
const WARNING_DAYS = 30;
const ERROR_DAYS = 7;
/** An authority takes longer to exchange: every node must be there. */
const AUTHORITY_WARNING_DAYS = 90;

/** Certificates that end soon, and keys whose exchange is not complete. */
export function keyProblems(nodes: readonly NodeStatus[], asOf: string): StatusProblem[] {
  return [
    ...nodes.flatMap((node) => [...certificateProblems(node, asOf), ...authorityProblems(node, asOf)]),
    ...exchangeProblems(nodes),
  ];
}

function certificateProblems({ name, keys }: NodeStatus, asOf: string): StatusProblem[] {
  const problem = endingProblem(keys?.expires, asOf, {
    warningDays: WARNING_DAYS,
    code: "certificate-expires",
  });
  if (problem === undefined) return [];
  const message = `the certificate of ${name} ${problem.words}: then it takes no part in the cluster any more`;
  return [
    { ...problem.base, node: name, message, hint: `Where the authority's key is: tocha keys renew ${name}` },
  ];
}

function authorityProblems({ name, keys }: NodeStatus, asOf: string): StatusProblem[] {
  const limits = { warningDays: AUTHORITY_WARNING_DAYS, code: "authority-expires" };
  const problem = endingProblem(keys?.authorityExpires, asOf, limits);
  if (problem === undefined) return [];
  const message = `the authority that has signed the certificate of ${name} ${problem.words}`;
  const hint = "Where the authority's key is, with all nodes running: tocha keys rotate --authority";
  return [{ ...problem.base, node: name, message, hint }];
}

function endingProblem(
  ends: string | undefined,
  asOf: string,
  { warningDays, code }: { readonly warningDays: number; readonly code: string },
): { readonly base: Pick<StatusProblem, "severity" | "code">; readonly words: string } | undefined {
  if (ends === undefined) return undefined;
  const days = (Date.parse(ends) - Date.parse(asOf)) / DAY_MS;
  if (!(days <= warningDays)) return undefined;
  const whole = Math.floor(days);
  const when = whole >= 2 ? `in ${whole} days` : whole === 1 ? "tomorrow" : "today";
  const words = days < 0 ? `ended on ${ends.slice(0, 10)}` : `ends on ${ends.slice(0, 10)}, ${when}`;
  return { base: { severity: days <= ERROR_DAYS ? "error" : "warning", code }, words };
}

/** While keys are exchanged the nodes accept the old and the new. If that lasts, somebody has left it half done. */
function exchangeProblems(nodes: readonly NodeStatus[]): StatusProblem[] {
  const told = nodes.flatMap(({ name, keys }) => (keys === undefined ? [] : [{ name, ...keys }]));
  const newest = Math.max(0, ...told.map(({ letter }) => letter));
  const behind = told.filter(({ letter }) => letter < newest);
  const problems = behind.map(({ name, letter }): StatusProblem => {
    const message = `${name} has the authority's letter ${letter}, others have ${newest}: it does not trust and refuse what they do`;
    const hint = "It asks the others every minute. If this lasts, its log says why.";
    return { severity: "warning", node: name, code: "keys-differ", message, hint };
  });
  const between = told.filter(({ authorities, clusterKeys }) => authorities > 1 || clusterKeys > 1);
  if (between.length === 0) return problems;
  const names = between.map(({ name }) => name).join(" and ");
  const message = `the exchange of keys is not complete: ${names} ${between.length === 1 ? "accepts" : "accept"} the old and the new`;
  const hint = "Where the authority's key is, with all nodes running: tocha keys rotate";
  return [...problems, { severity: "warning", code: "rotation-unfinished", message, hint }];
}
