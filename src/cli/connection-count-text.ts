import { counted, grouped, share } from "../base/number-text.ts";
import type { ConnectionCount, ConnectionWalk } from "../contract/connections.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import type { Paper } from "./terminal.ts";

const columns = (title: string, second: string): Column[] => [
  { title },
  { title: second },
  { title: "CONNECTIONS", right: true },
  { title: "SHARE", right: true },
];

/** How many connections there are, and of what kinds. */
export function connectionCountText(count: ConnectionCount, walk: ConnectionWalk, paper: Paper): string {
  const { total, mirrored } = count;
  const name = paper.paint("bold", walk.node);
  const all = walk.read === total ? "" : ` of the ${grouped(walk.read)} in its table`;
  if (total === 0) return `${name}: no connections${all}\n`;
  const mirroredPart = `${grouped(mirrored.yes)} of a kind that is mirrored (${share(mirrored.yes, total)})`;
  const head = `${name}: ${counted(total, "connection")}${all}, ${mirroredPart}\n`;
  return [head, kindTable(count, paper), translationTable(count, paper)].join("\n");
}

function kindTable({ total, protocols, states }: ConnectionCount, paper: Paper): string {
  const rows = Object.entries(protocols)
    .sort(([, a], [, b]) => b - a)
    .flatMap(([protocol, all]) => {
      const own = Object.entries(states).filter(([key]) => key.startsWith(`${protocol} `));
      return [
        [[protocol], [""], [grouped(all)], [share(all, total)]],
        ...own.map(([key, one]) => [
          [""],
          [key.slice(protocol.length + 1)],
          [grouped(one)],
          [share(one, total)],
        ]),
      ];
    });
  return text(columns("PROTOCOL", "STATE"), rows, paper);
}

function translationTable({ total, translated, families }: ConnectionCount, paper: Paper): string {
  const row = (group: string, kind: string, one: number): Cell[] => [
    [group],
    [kind],
    [grouped(one)],
    [share(one, total)],
  ];
  return text(
    columns("OF THEM", ""),
    [
      row("translated", "source", translated.source),
      row("", "destination", translated.destination),
      row("", "both", translated.both),
      row("", "not at all", translated.none),
      row("family", "IPv4", families.ipv4),
      row("", "IPv6", families.ipv6),
    ],
    paper,
  );
}

function text(titles: readonly Column[], rows: readonly (readonly Cell[])[], paper: Paper): string {
  return tableLines(titles, rows, (cell, row) => (row < 0 ? paper.paint("dim", cell) : cell))
    .map((line) => `${line}\n`)
    .join("");
}
