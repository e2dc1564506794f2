import { counted, grouped, share } from "../base/number-text.ts";
import type { ConnectionTop, ConnectionWalk, TopKind } from "../contract/connections.ts";
import { type Column, tableLines } from "./table.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

const words: Record<TopKind, readonly [string, string]> = {
  source: ["source address", "source addresses"],
  destination: ["destination address", "destination addresses"],
  nat: ["translated address", "translated addresses"],
  port: ["destination port", "destination ports"],
};

/** Blanks around the bars, and the least that says something. */
const BAR_MIN = 8;
const BAR_MAX = 50;

export interface TopTextOptions {
  /** What bars are made of; undefined for none, as in files. */
  readonly bar: string | undefined;
}

/** Who has the most connections, with a picture of it. */
export function connectionTopText(
  top: ConnectionTop,
  walk: ConnectionWalk,
  paper: Paper,
  { bar }: TopTextOptions,
): string {
  const [one, many] = words[top.by];
  const different = top.distinct === null ? `very many ${many}` : counted(top.distinct, one, many);
  const head = `${paper.paint("bold", walk.node)}: ${counted(walk.matched, "connection")}, ${different}\n`;
  if (top.entries.length === 0) return head;
  const columns: Column[] = [
    { title: one.split(" ")[0]?.toUpperCase() ?? "" },
    { title: "CONNECTIONS", right: true },
    { title: "SHARE", right: true },
  ];
  const rows = top.entries.map(({ key, connections }) => [
    [key],
    [grouped(connections)],
    [share(connections, walk.matched)],
  ]);
  const lines = tableLines(columns, rows, (text, row) => (row < 0 ? paper.paint("dim", text) : text));
  const width = Math.max(...lines.slice(1).map((line) => line.length));
  const room = Math.min(BAR_MAX, paper.width - width - 2);
  const most = top.entries[0]?.connections ?? 1;
  const drawn = lines.map((line, index) => {
    const entry = top.entries[index - 1];
    if (entry === undefined || bar === undefined || room < BAR_MIN) return line;
    const length = Math.max(1, Math.round((room * entry.connections) / most));
    return `${line}  ${paper.paint("cyan", bar.repeat(length))}`;
  });
  const note =
    top.uncertainty === 0
      ? ""
      : `\n${indent(wrap(`There are more different ones than are counted exactly: each figure may be up to ${grouped(top.uncertainty)} too low, and what is not shown here has at most ${grouped((top.entries.at(-1)?.connections ?? 0) + top.uncertainty)}.`, paper.width), "")}`;
  return `${head}\n${drawn.map((line) => `${line}\n`).join("")}${note}`;
}

/** Block characters where the terminal knows them, as the locale says. */
export function barOf(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): string | undefined {
  if (!stream.isTTY) return undefined;
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return /utf-?8/i.test(locale) ? "█" : "#";
}
