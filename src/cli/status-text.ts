import { formatDurationMs } from "../base/duration.ts";
import { grouped, short } from "../base/number-text.ts";
import {
  type ClusterStatus,
  type NodeStatus,
  nodeInGroup,
  type ReplicationStreamStatus,
  type StatusProblem,
  type Verdict,
} from "../contract/status.ts";
import { checkTable } from "./check-text.ts";
import { pathTable } from "./path-text.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import { indent, type Paper, type Style, wrap } from "./terminal.ts";

/**
 * A cluster's state for people: the verdict first, then one row per node, then every problem with what helps.
 * Made for 80 columns.
 */
export function statusText(status: ClusterStatus, paper: Paper): string {
  const parts = [verdictText(status, paper), nodeTable(status, paper)];
  if (status.groups.length > 1) parts.push(groupTable(status, paper));
  parts.push(...pathTable(status, paper));
  const checks = checkTable(status, paper);
  if (checks !== "") parts.push(checks);
  if (status.problems.length > 0) parts.push(status.problems.map((one) => problemLines(one, paper)).join(""));
  return parts.join("\n");
}

const verdictStyle: Record<Verdict, Style> = { ok: "green", degraded: "yellow", down: "red" };

function verdictText({ cluster, verdict, summary }: ClusterStatus, paper: Paper): string {
  const word = verdict.toUpperCase();
  const [first = "", ...rest] = wrap(summary, paper.width - cluster.length - word.length - 4);
  const label = paper.paint(verdictStyle[verdict], word);
  return `${paper.paint("bold", cluster)} ${label}  ${first}\n${indent(rest, " ".repeat(cluster.length + word.length + 3))}`;
}

const columns: readonly Column[] = [
  { title: "NODE" },
  { title: "ROLE" },
  { title: "SINCE", right: true },
  { title: "ADDRESSES" },
  { title: "FLOWS", right: true },
  { title: "REPLICATION" },
];

function nodeTable({ nodes }: ClusterStatus, paper: Paper): string {
  const rows = nodes.map((node): Cell[] => [
    [node.name],
    node.maintenance === undefined ? [node.role] : [node.role, "set aside"],
    [node.reachable ? formatDurationMs(Math.floor(node.sinceSeconds) * 1_000) : "-"],
    addressCell(node),
    [node.reachable ? grouped(node.flows) : "-"],
    replicationCell(node),
  ]);
  const lines = tableLines(columns, rows, (text, row, column) => {
    if (row < 0) return paper.paint("dim", text);
    const node = nodes[row];
    return column === 1 && node !== undefined ? paper.paint(roleStyle(node), text) : text;
  });
  return lines.map((line) => `${line}\n`).join("");
}

/** Who does what in each group; only where there are several. */
function groupTable({ groups, nodes }: ClusterStatus, paper: Paper): string {
  const titles = [{ title: "GROUP" }, ...nodes.map(({ name }) => ({ title: name.toUpperCase() }))];
  const inGroup = groups.map(({ name }) => nodes.map((node) => nodeInGroup(node, name)));
  const rows = groups.map(({ name }, row): Cell[] => [
    [name],
    ...(inGroup[row] ?? []).map((node): Cell => [groupRole(node)]),
  ]);
  const lines = tableLines(titles, rows, (text, row, column) => {
    if (row < 0) return paper.paint("dim", text);
    const node = column === 0 ? undefined : inGroup[row]?.[column - 1];
    return node === undefined ? text : paper.paint(roleStyle(node), text);
  });
  return lines.map((line) => `${line}\n`).join("");
}

function groupRole({ role, replication }: NodeStatus): string {
  if (role !== "standby") return role;
  return replication.complete ? "standby, complete" : "standby, incomplete";
}

function roleStyle({ role, reachable }: NodeStatus): Style {
  if (!reachable || role === "unknown") return "red";
  if (role === "active") return "green";
  return role === "standby" ? "cyan" : "yellow";
}

/** With many addresses the first ones stand for all: `-o json` has them. */
const addressesShown = 4;

function addressCell({ addresses, reachable }: NodeStatus): Cell {
  if (addresses.length === 0) return [reachable ? "-" : "?"];
  if (addresses.length <= addressesShown) return addresses;
  return [...addresses.slice(0, addressesShown - 1), `and ${addresses.length - addressesShown + 1} more`];
}

function replicationCell(node: NodeStatus): Cell {
  if (!node.reachable) return ["?"];
  const { complete, streams } = node.replication;
  // A standby without all connections is the news; an active node has them all by being active.
  const head = node.role === "active" ? [] : [complete ? "complete" : "not complete"];
  // Every node keeps streams in both directions; the one that has nothing to carry is no news.
  const telling = streams.filter(
    (stream) => stream.state !== "idle" || !stream.connected || refusedBy(stream) > 0,
  );
  const lines = [...head, ...(telling.length > 0 ? telling : streams).flatMap(streamLines)];
  return lines.length === 0 ? ["no stream"] : lines;
}

function streamLines(stream: ReplicationStreamStatus): string[] {
  const name = `${stream.direction} ${stream.peer}`;
  if (!stream.connected) return [`${name}: not connected`];
  const age = stream.lagMs === null || stream.lagRecords === 0 ? "" : ` (${formatDurationMs(stream.lagMs)})`;
  const refused = refusedBy(stream);
  return [
    `${name}: ${stream.state}, lag ${short(stream.lagRecords)}${age}`,
    `  ${short(stream.records)} ${stream.records === 1 ? "record" : "records"}`,
    ...(refused === 0 ? [] : [`  ${short(refused)} refused`]),
  ];
}

function refusedBy(stream: ReplicationStreamStatus): number {
  return Object.values(stream.refused).reduce((sum, count) => sum + count, 0);
}

function problemLines({ severity, node, code, message, hint }: StatusProblem, paper: Paper): string {
  const label = paper.paint(severity === "error" ? "red" : "yellow", `${severity}:`);
  const about = node === undefined ? "" : `${node}: `;
  const [first = "", ...rest] = wrap(`${about}${message} [${code}]`, paper.width - severity.length - 2);
  let text = `${label} ${first}\n${indent(rest, "  ")}`;
  if (hint !== "") {
    const [firstHint = "", ...restHint] = wrap(hint, paper.width - 5);
    text += `  ${paper.paint("cyan", "->")} ${firstHint}\n${indent(restHint, "     ")}`;
  }
  return text;
}
