import type { TakenBack } from "../../contract/config-operations.ts";
import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/** What is unsettled about the document. */
export function configProblems(nodes: readonly NodeStatus[]): StatusProblem[] {
  return [
    ...unconfirmed(nodes),
    ...takenBack(nodes),
    ...nodes.flatMap(wentApart),
    ...nodes.flatMap(refused),
    ...nodes.flatMap(damaged),
    ...nodes.flatMap(notSent),
  ];
}

/** Once for the cluster: all nodes wait for the same. */
function unconfirmed(nodes: readonly NodeStatus[]): StatusProblem[] {
  const waiting = nodes.flatMap(({ name, config }) => {
    return config?.change?.phase === "made" ? [{ name, change: config.change }] : [];
  });
  const [first] = waiting;
  if (first === undefined) return [];
  const { number, author, secondsLeft } = first.change;
  return [
    {
      severity: "warning",
      code: "change-unconfirmed",
      message: `revision ${number} of ${author} is made on ${waiting.map(({ name }) => name).join(" and ")} and not confirmed: it is taken back in ${secondsLeft} s`,
      hint: "Keep it: tocha config confirm. Take it back now: tocha config revert.",
    },
  ];
}

/** It is good to know, and asks for no repair: the verdict stays as it is. */
export const TAKEN_BACK = "change-taken-back";

/** Once for all nodes that took the same change back for the same reason. */
function takenBack(nodes: readonly NodeStatus[]): StatusProblem[] {
  const found = new Map<string, { readonly record: TakenBack; readonly names: string[] }>();
  for (const { name, config } of nodes) {
    const record = config?.takenBack;
    if (record === undefined) continue;
    const same = `${record.id} ${record.why}`;
    const known = found.get(same);
    if (known === undefined) found.set(same, { record, names: [name] });
    else known.names.push(name);
  }
  return [...found.values()].map(({ record: { id, number, author, at, why }, names }) => ({
    severity: "warning",
    code: TAKEN_BACK,
    message: `revision ${number} of ${author} was taken back on ${names.join(" and ")} at ${at}: ${why}`,
    hint: `What it was: tocha config show ${id}. If it is still wanted: tocha config apply, and tocha config confirm in time. This is told until another change applies, and for a day.`,
  }));
}

function wentApart({ name, config }: NodeStatus): StatusProblem[] {
  return (config?.diverged ?? []).map((other) => ({
    severity: "error",
    node: name,
    code: "config-went-apart",
    message: `the configurations of ${name} and ${other.node} were changed while they did not hear each other: nothing is merged by guess`,
    hint: `On ${name}: tocha config diff --other ${other.node} shows what is different. Choose the node whose history counts: tocha config choose NODE.`,
  }));
}

function refused({ name, config }: NodeStatus): StatusProblem[] {
  return (config?.refusedBy ?? []).map((other) => ({
    severity: "error",
    node: name,
    code: "node-not-in-document",
    message: `${other.node} refuses ${name}: ${other.message}`,
    hint: `If ${name} was removed, it must not run any more: on ${name}, systemctl disable --now tocha@${name}. If it joins: tocha config apply on ${other.node}, with a document that has it.`,
  }));
}

function damaged({ name, config }: NodeStatus): StatusProblem[] {
  const history = config?.history;
  if (history === undefined || history.problem === null) return [];
  return [
    {
      severity: "error",
      node: name,
      code: "history-broken",
      message: `the stored history of the document on ${name} is damaged: ${history.problem}`,
      hint: `Take it from another node: on ${name}, systemctl stop tocha@${name}; mv ${history.directory} ${history.directory}.broken; systemctl start tocha@${name}. What applies stays as it is.`,
    },
  ];
}

function notSent({ name, config }: NodeStatus): StatusProblem[] {
  const remote = config?.remote;
  if (remote === undefined || remote.problem === null) return [];
  return [
    {
      severity: "warning",
      node: name,
      code: "history-remote",
      message: `${name} cannot send the history of the document to ${remote.url}: ${remote.problem}`,
      hint: `Try it on ${name}, as root: git ls-remote ${remote.url}. Every node has the history all the same.`,
    },
  ];
}
