import type { Problem } from "../base/problem.ts";
import {
  type NodePlan,
  type Plan,
  type PlanStep,
  type RestartedRole,
  untouched,
} from "../contract/config-plan.ts";
import { listText } from "../core/config/change-words.ts";
import { problemText } from "./problem-text.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

/** More of them nobody reads on a screen. */
const STEPS_SHOWN = 40;

const roleNames: Readonly<Record<RestartedRole, string>> = {
  api: "the API",
  control: "control",
  failover: "failover",
  replicator: "replication",
};

/** A plan for people: the verdict, what each node does, who is active, warnings. The difference of the texts is apart. */
export function planText(plan: Plan, paper: Paper): string {
  const verdict = plan.refusals.length > 0 ? "red" : plan.changes === 0 ? "green" : "bold";
  const parts = [
    `${paper.paint(verdict, plan.summary)}\n`,
    ...nodesAlike(plan.nodes).map(({ names, steps, restarts }) =>
      nodesText(names, { steps, restarts }, paper),
    ),
    ...(plan.groups.length === 0 ? [] : [rolesText(plan, paper)]),
    ...plan.warnings.map((one) => problemText(problemOf(one), paper, { severity: "warning" })),
    ...plan.refusals.map((one) => problemText(problemOf(one), paper)),
  ];
  return parts.join("\n");
}

/** A problem of a plan is about two documents: it has no place in a file. */
function problemOf({ code, message, hint }: Plan["warnings"][number]): Problem {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** Nodes that do the same are told of together. */
function nodesAlike(nodes: readonly NodePlan[]): (Omit<NodePlan, "node"> & { readonly names: string[] })[] {
  const alike = new Map<string, Omit<NodePlan, "node"> & { readonly names: string[] }>();
  for (const { node, ...plan } of nodes) {
    const key = JSON.stringify(plan);
    const found = alike.get(key);
    if (found === undefined) alike.set(key, { names: [node], ...plan });
    else found.names.push(node);
  }
  return [...alike.values()];
}

function nodesText(
  names: readonly string[],
  { steps, restarts }: Omit<NodePlan, "node">,
  paper: Paper,
): string {
  const shown = steps.slice(0, STEPS_SHOWN);
  const width = Math.max(0, ...shown.map(({ part }) => part.length));
  let text = `${paper.paint("bold", names.join(", "))}\n`;
  let last = "";
  for (const step of shown) {
    text += stepText(step, { width, isSame: step.part === last }, paper);
    last = step.part;
  }
  const more = steps.length - shown.length;
  if (more > 0) text += `  and ${more} more step${more === 1 ? "" : "s"}: -o json shows all\n`;
  if (restarts.length === 0) return text;
  const roles = restarts.map((role) => roleNames[role]);
  const inTurn = names.length > 1 && restarts.includes("failover") ? ", one node after the other" : "";
  const verb = roles.length === 1 ? "starts" : "start";
  return `${text}  ${paper.paint("cyan", "->")} ${listText(roles)} ${verb} anew${inTurn}\n`;
}

/** The part stands once before all of its steps. */
function stepText(
  { part, sentence, connections }: PlanStep,
  { width, isSame }: { readonly width: number; readonly isSame: boolean },
  paper: Paper,
): string {
  const room = Math.max(30, paper.width - width - 4);
  const [first = "", ...rest] = wrap(sentence, room);
  const under = " ".repeat(width + 4);
  const head = paper.paint("dim", (isSame ? "" : part.replace("-", " ")).padEnd(width));
  let text = `  ${head}  ${first}\n${indent(rest, under)}`;
  if (connections !== untouched) {
    const lines = wrap(`! ${connections}`, room);
    text += lines.map((line) => `${under}${paper.paint("yellow", line)}\n`).join("");
  }
  return text;
}

function rolesText({ groups }: Plan, paper: Paper): string {
  const lines = groups.map(({ group, sentence }) => {
    const [first = "", ...rest] = wrap(`group ${group}: ${sentence}`, paper.width - 2);
    return `  ${first}\n${indent(rest, "    ")}`;
  });
  return `${paper.paint("bold", "roles")}\n${lines.join("")}`;
}

/** A unified diff, in colours where there are any. */
export function differenceText(difference: string, paper: Paper): string {
  return difference
    .split("\n")
    .map((line) => {
      if (line.startsWith("--- ") || line.startsWith("+++ ")) return paper.paint("bold", line);
      if (line.startsWith("@@")) return paper.paint("cyan", line);
      if (line.startsWith("-")) return paper.paint("red", line);
      return line.startsWith("+") ? paper.paint("green", line) : line;
    })
    .join("\n");
}
