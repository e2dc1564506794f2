import { formatDurationMs } from "../base/duration.ts";
import { counted, grouped, short } from "../base/number-text.ts";
import {
  type ClusterStatus,
  type NodeStatus,
  nodeInGroup,
  type ReplicationStreamStatus,
  replicationSchema,
  replicationStreamSchema,
} from "../contract/status.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

/** How replication stands, in words: what is protected, and what is not and why. */
export interface SyncSummary {
  readonly sentences: readonly string[];
  /** Empty when every other node could take over with every connection that is mirrored. */
  readonly unprotected: readonly string[];
}

/** A table with less room than this will soon refuse flows. */
const TABLE_FULL = 0.95;

export function summarizeSync(status: ClusterStatus): SyncSummary {
  const { groups, summary } = status;
  if (groups.length === 1) return summarizeGroup(status.nodes, status.activeNode, summary);
  const all = groups.map(({ name, activeNode }) => {
    const one = summarizeGroup(nodesIn(status, name), activeNode, summary);
    const named = (sentence: string) => `${name}: ${sentence}`;
    return { sentences: one.sentences.map(named), unprotected: one.unprotected.map(named) };
  });
  return {
    sentences: all.flatMap(({ sentences }) => sentences),
    unprotected: all.flatMap(({ unprotected }) => unprotected),
  };
}

function summarizeGroup(
  nodes: readonly NodeStatus[],
  activeNode: string | null,
  summary: string,
): SyncSummary {
  const active = nodes.find(({ name }) => name === activeNode);
  if (active === undefined) return { sentences: [], unprotected: [`No single node is active: ${summary}.`] };
  const others = nodes.filter((node) => node !== active);
  const sentences = [
    `${active.name} is active with ${counted(active.flows, "connection")} in its table.`,
    ...others.filter(isComplete).map((node) => completeSentence(node, active)),
    ...nodes.flatMap(missingSentence),
    ...active.replication.streams.flatMap((stream) => [...sweepSentences(stream), ...passSentences(stream)]),
  ];
  const unprotected = [
    ...(others.length === 0 ? [`${active.name} is the only node: nobody could take over.`] : []),
    ...others.flatMap((node) => unprotectedBy(node, active)),
    ...(active.replication.overruns > 0 ? [overrunSentence(active)] : []),
  ];
  return { sentences, unprotected };
}

/** Whether a takeover now would keep all that is mirrored: what happened before and was made up for does not count. */
export function isProtected(status: ClusterStatus): boolean {
  return status.groups.every(({ name, activeNode }) => {
    const others = nodesIn(status, name).filter((node) => node.name !== activeNode);
    return (
      activeNode !== null &&
      others.length > 0 &&
      others.every((node) => isComplete(node) && refusals(node).length === 0)
    );
  });
}

function nodesIn({ groups, nodes }: ClusterStatus, group: string): readonly NodeStatus[] {
  return groups.length === 1 ? nodes : nodes.map((node) => nodeInGroup(node, group));
}

function isComplete({ reachable, replication }: NodeStatus): boolean {
  return reachable && replication.complete;
}

function completeSentence(node: NodeStatus, active: NodeStatus): string {
  const stream = active.replication.streams.find((one) => one.direction === "to" && one.peer === node.name);
  const all = `${node.name} holds every connection that is mirrored`;
  if (stream === undefined || stream.lagRecords === 0) return `${all}, and nothing is on its way.`;
  const age = stream.lagMs === null ? "" : `, the oldest for ${formatDurationMs(stream.lagMs)}`;
  return `${all}, but for ${counted(stream.lagRecords, "record")} on the way${age}.`;
}

function sweepSentences({ peer, sweeps }: ReplicationStreamStatus): string[] {
  if (sweeps === undefined || sweeps.ended === 0) return [];
  const { ended, bucketsDiffering, flowsMended, flowsPurged, periodMs } = sweeps;
  const often = `The tables were compared with ${peer} ${counted(ended, "time")} (every ${formatDurationMs(periodMs)})`;
  if (bucketsDiffering === 0) return [`${often}: they were equal.`];
  return [
    `${often}: ${counted(bucketsDiffering, "part")} differed; ${counted(flowsMended, "connection")} sent anew, ${grouped(flowsPurged)} removed there.`,
  ];
}

function missingSentence({ name, replication: { missingKinds = [] } }: NodeStatus): string[] {
  if (missingKinds.length === 0) return [];
  return [
    `The kernel of ${name} cannot hold connections with ${missingKinds.join(", ")}: these are not mirrored there.`,
  ];
}

const passWords: Readonly<Record<string, string>> = {
  compare: "compared with",
  copy: "copied to",
  purge: "tidied up for",
};

function passSentences({ peer, pass }: ReplicationStreamStatus): string[] {
  if (pass === undefined) return [];
  const percent = Math.min(100, Math.floor((100 * pass.seen) / Math.max(1, pass.total)));
  const word = passWords[pass.what] ?? `read (${pass.what}) for`;
  return [
    `The table is being ${word} ${peer}: ${grouped(pass.seen)} of about ${grouped(pass.total)} (${percent}%).`,
  ];
}

function unprotectedBy(node: NodeStatus, active: NodeStatus): string[] {
  if (!node.reachable) return [`${node.name} does not answer: what it holds is not known.`];
  const sentences: string[] = [];
  if (!node.replication.complete) {
    const stream = active.replication.streams.find((one) => one.direction === "to" && one.peer === node.name);
    const why =
      stream === undefined ? "there is no stream to it" : `the stream to it is ${stateWords(stream)}`;
    sentences.push(`${node.name} does not hold every connection: ${why}.`);
  }
  const refused = refusals(node);
  if (refused.length > 0) {
    const kinds = refused.map(([kind, count]) => `${kind}: ${grouped(count)}`).join(", ");
    sentences.push(`The kernel of ${node.name} has refused connections (${kinds}): they would be lost.`);
  }
  if (node.flowsMax > 0 && node.flows >= TABLE_FULL * node.flowsMax) {
    sentences.push(
      `The table of ${node.name} is nearly full (${grouped(node.flows)} of ${grouped(node.flowsMax)}): raise net.netfilter.nf_conntrack_max there.`,
    );
  }
  return sentences;
}

function overrunSentence({ name, replication }: NodeStatus): string {
  return `The kernel of ${name} dropped events ${counted(replication.overruns, "time")}, for they were not read fast enough; each time the table was compared or copied again.`;
}

function stateWords({ connected, state }: ReplicationStreamStatus): string {
  return connected ? state : `not connected (${state})`;
}

/** The same refusals stand at every stream that comes in. */
function refusals({ replication }: NodeStatus): [string, number][] {
  const all = replication.streams.flatMap(({ refused }) => Object.entries(refused));
  return [...new Map(all)].filter(([, count]) => count > 0);
}

const columns: readonly Column[] = [
  { title: "NODE" },
  { title: "STREAM" },
  { title: "STATE" },
  { title: "LAG", right: true },
  { title: "AGE", right: true },
  { title: "RECORDS", right: true },
  { title: "BYTES", right: true },
  { title: "COPIES" },
  { title: "REFUSED" },
];

export function syncText(status: ClusterStatus, paper: Paper): string {
  const { sentences, unprotected } = summarizeSync(status);
  const lines = (texts: readonly string[]) => texts.flatMap((text) => wrap(text, paper.width));
  const design =
    'By design, connections in the middle of their handshake and single exchanges are not mirrored: "tocha connections list --mirrored no" shows them.';
  const parts = [
    `${paper.paint("bold", status.cluster)} ${isProtected(status) ? paper.paint("green", "PROTECTED") : paper.paint("yellow", "NOT PROTECTED")}\n`,
    indent(lines(sentences), ""),
    ...unprotected.map((text) => {
      const [first = "", ...rest] = wrap(text, paper.width - 2);
      return `${paper.paint("yellow", "!")} ${first}\n${indent(rest, "  ")}`;
    }),
    paper.paint("dim", indent(lines([design]), "").trimEnd()),
    `\n\n${streamTable(status.nodes, paper)}`,
    furtherText(status.nodes, paper),
  ];
  return parts.join("");
}

function streamTable(nodes: readonly NodeStatus[], paper: Paper): string {
  const rows = nodes.flatMap((node) =>
    node.reachable
      ? node.replication.streams.map((stream) => streamRow(node.name, stream))
      : [[[node.name], ["?"]]],
  );
  return tableLines(columns, rows, (text, row) => (row < 0 ? paper.paint("dim", text) : text))
    .map((line) => `${line}\n`)
    .join("");
}

function streamRow(node: string, stream: ReplicationStreamStatus): Cell[] {
  return [
    [node],
    [`${stream.direction} ${stream.peer}`],
    [stateWords(stream)],
    [short(stream.lagRecords)],
    [stream.lagMs === null ? "-" : formatDurationMs(stream.lagMs)],
    [short(stream.records)],
    [short(stream.bytes)],
    tallyCell(stream.resyncs),
    tallyCell(stream.refused),
  ];
}

function tallyCell(tally: Readonly<Record<string, number>>): Cell {
  const lines = Object.entries(tally)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${short(count)}`);
  return lines.length === 0 ? ["-"] : lines;
}

/** What this version does not know is shown by its name: a newer node says more. */
function furtherText(nodes: readonly NodeStatus[], paper: Paper): string {
  const rows = nodes.flatMap(({ name, replication }) => [
    ...unknownFigures(replication, replicationSchema.shape).map(([key, value]) => [
      [name],
      [""],
      [key],
      [value],
    ]),
    ...replication.streams.flatMap((stream) =>
      unknownFigures(stream, replicationStreamSchema.shape).map(([key, value]) => [
        [name],
        [`${stream.direction} ${stream.peer}`],
        [key],
        [value],
      ]),
    ),
  ]);
  if (rows.length === 0) return "";
  const titles = [{ title: "NODE" }, { title: "STREAM" }, { title: "FIGURE" }, { title: "VALUE" }];
  return `\n${tableLines(titles, rows, (text, row) => (row < 0 ? paper.paint("dim", text) : text))
    .map((line) => `${line}\n`)
    .join("")}`;
}

/** Leaves of what is not in the shape, with their path. */
function unknownFigures(value: object, shape: object, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]): [string, string][] => {
    if (prefix === "" && Object.hasOwn(shape, key)) return [];
    const path = `${prefix}${key}`;
    if (typeof part === "object" && part !== null) return unknownFigures(part, shape, `${path}.`);
    return [[path, typeof part === "number" && Number.isInteger(part) ? grouped(part) : String(part)]];
  });
}
