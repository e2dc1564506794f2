import { formatDurationMs } from "../base/duration.ts";
import type { CheckStatus, ClusterStatus } from "../contract/status.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import type { Paper, Style } from "./terminal.ts";
import { wrap } from "./terminal.ts";

/** Every check of every node, the nodes side by side under each check; empty where there are none. */
export function checkTable({ nodes, groups }: ClusterStatus, paper: Paper): string {
  const checks = nodes.flatMap((node) => (node.checks ?? []).map((check) => ({ ...check, node: node.name })));
  if (checks.length === 0) return "";
  const names = [...new Set(checks.map(label))];
  const sorted = names.flatMap((name) => checks.filter((check) => label(check) === name));
  const columns: readonly Column[] = [
    ...(groups.length > 1 ? [{ title: "GROUP" }] : []),
    { title: "CHECK" },
    { title: "NODE" },
    { title: "STATE" },
    { title: "SINCE", right: true },
    { title: "LAST WORDS" },
  ];
  const heads = sorted.map((check): Cell[] => [
    ...(groups.length > 1 ? [[check.group]] : []),
    [check.name],
    [check.node],
    [check.heldSeconds === null ? check.state : "held"],
    [formatDurationMs(Math.floor(check.sinceSeconds) * 1_000)],
  ]);
  const widths = columns.map(({ title }, column) =>
    Math.max(title.length, ...heads.map((head) => head[column]?.[0]?.length ?? 0)),
  );
  const taken = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(20, paper.width - taken);
  const rows = sorted.map((check, row): Cell[] => [...(heads[row] ?? []), wordsCell(check, room)]);
  const stateColumn = columns.length - 3;
  const lines = tableLines(columns, rows, (text, row, column) => {
    if (row < 0) return paper.paint("dim", text);
    const check = sorted[row];
    return column === stateColumn && check !== undefined ? paper.paint(stateStyle(check), text) : text;
  });
  return lines.map((line) => `${line}\n`).join("");
}

function label({ group, name }: CheckStatus): string {
  return `${group} ${name}`;
}

function stateStyle({ state, veto }: CheckStatus): Style {
  if (state === "ok") return "green";
  return state === "failing" && veto ? "red" : "yellow";
}

/** No wider than there is room, whatever a script has printed. */
function wordsCell({ words, state }: CheckStatus, room: number): Cell {
  const text = words === "" && state === "pending" ? "no answer yet" : words;
  return wrap(text, room).flatMap((line) => line.match(new RegExp(`.{1,${room}}`, "gu")) ?? []);
}
