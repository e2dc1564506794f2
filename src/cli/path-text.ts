import { formatDurationMs } from "../base/duration.ts";
import type { ClusterStatus, NodeStatus } from "../contract/status.ts";
import { type Cell, tableLines } from "./table.ts";
import type { Paper } from "./terminal.ts";

type Path = NodeStatus["peers"][number]["paths"][number];

/** Who hears whom, on which path; a row for each direction. Empty when there is nobody to hear. */
export function pathTable({ nodes }: ClusterStatus, paper: Paper): string[] {
  const names = [
    ...new Set(nodes.flatMap(({ peers }) => peers.flatMap(({ paths }) => paths.map(({ name }) => name)))),
  ];
  const pairs = nodes.flatMap((node) =>
    nodes.flatMap((peer) => (peer === node || !isToldOf(node, peer) ? [] : [{ node, peer }])),
  );
  if (names.length === 0 || pairs.length === 0) return [];
  const titles = [{ title: "PATHS" }, ...names.map((name) => ({ title: name.toUpperCase() }))];
  const rows = pairs.map(({ node, peer }): Cell[] => [
    [`${node.name} hears ${peer.name}`],
    ...names.map((name): Cell => [pathText(node, peer, name)]),
  ]);
  const lines = tableLines(titles, rows, (text, row, column) => {
    if (row < 0) return paper.paint("dim", text);
    if (column === 0) return text;
    return paper.paint(text.trimEnd() === "yes" ? "green" : "yellow", text);
  });
  return [lines.map((line) => `${line}\n`).join("")];
}

/** Whether one of the two can be asked. */
function isToldOf(node: NodeStatus, peer: NodeStatus): boolean {
  return pathsBetween(node, peer).length > 0 || pathsBetween(peer, node).length > 0;
}

function pathsBetween(node: NodeStatus, peer: NodeStatus): readonly Path[] {
  return node.peers.find(({ name }) => name === peer.name)?.paths ?? [];
}

function pathText(node: NodeStatus, peer: NodeStatus, name: string): string {
  const path = pathsBetween(node, peer).find((one) => one.name === name);
  if (path === undefined) {
    // It cannot be asked, but its pulses tell what it hears.
    const told = pathsBetween(peer, node).find((one) => one.name === name)?.heardByPeer;
    if (told === undefined || told === null) return "?";
    return told ? "yes" : "no";
  }
  if (path.alive === true) return "yes";
  if (path.pulses === false) return "-";
  if (path.lastHeardMs === null) return "never";
  const { lastHeardMs } = path;
  return `not for ${formatDurationMs(lastHeardMs < 1_000 ? lastHeardMs : Math.floor(lastHeardMs / 1_000) * 1_000)}`;
}
