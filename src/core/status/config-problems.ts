import type { TakenBack } from "../../contract/config-operations.ts";
import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/** What is unsettled about the document. @param revision that of the node that answers */
export function configProblems(nodes: readonly NodeStatus[], revision: string): StatusProblem[] {
  return [
    ...unconfirmed(nodes),
    ...differing(nodes, revision),
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

/** A change that is under way, and histories that went apart, are told as that. */
function differing(nodes: readonly NodeStatus[], revision: string): StatusProblem[] {
  if (nodes.some(({ config }) => config !== undefined && config.change !== null)) return [];
  const apart = new Set(
    nodes.flatMap(({ name, config }) => (config?.diverged ?? []).flatMap(({ node }) => [name, node])),
  );
  const compared = nodes.filter(({ name, reachable }) => reachable && !apart.has(name));
  const most = Math.max(0, ...compared.map(numberOf));
  const newest = most === 0 ? undefined : compared.find((node) => numberOf(node) === most);
  return compared.flatMap((node) => {
    if (node.config !== undefined && newest !== undefined && numberOf(node) < most)
      // Of a history that cannot be read nothing is known; that is told.
      return typeof node.config.history?.problem === "string" ? [] : [outOfSync(node, newest)];
    return node.revision === (newest?.revision ?? revision) ? [] : [otherDocument(node, revision, newest)];
  });
}

function numberOf({ config }: NodeStatus): number {
  return config?.head?.number ?? 0;
}

function outOfSync(node: NodeStatus, newest: NodeStatus): StatusProblem {
  const has =
    numberOf(node) === 0 ? "no revision of the document" : `revision ${numberOf(node)} of the document`;
  return {
    severity: "error",
    node: node.name,
    code: "out-of-sync",
    message: `${node.name} is out of sync: it has ${has}, and ${newest.name} has revision ${numberOf(newest)}`,
    hint: `It catches up by itself, within seconds. If this stays, its log says why: journalctl -u tocha@${node.name} | grep "catch up".`,
  };
}

function otherDocument(node: NodeStatus, revision: string, newest: NodeStatus | undefined): StatusProblem {
  const other = newest?.revision ?? revision;
  const where = newest === undefined ? "here" : `on ${newest.name}`;
  return {
    severity: "error",
    node: node.name,
    code: "revision-differs",
    message: `${node.name} runs another document (revision ${node.revision}, ${where} ${other})`,
    hint:
      newest === undefined
        ? `Nothing was applied yet, so each runs its own file: copy the document to ${node.name}, and restart tocha there.`
        : `Their histories are compared within seconds. If this stays, see the log of tocha run on ${node.name}, and tocha version on both.`,
  };
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
