import type { Problem } from "../base/problem.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

/**
 * A problem for people: what is wrong, where, and what to do next. One with a place in a document begins like a
 * compiler's (`file:line:column:`, so that editors find it) and shows the line.
 */
export function problemText(
  problem: Problem,
  paper: Paper,
  {
    source,
    severity = "error",
  }: { source?: string | undefined; severity?: "error" | "warning" | "notice" } = {},
): string {
  const { file, line, column, code, message, path, hint } = problem;
  const colour = severity === "error" ? "red" : "yellow";
  const label = paper.paint(colour, `${severity}:`);
  let text: string;
  if (file !== undefined && line !== undefined && column !== undefined) {
    const where = paper.paint("bold", `${file}:${line}:${column}:`);
    text = `${where} ${label} ${message} ${paper.paint("dim", `[${code}]`)}\n`;
    text += sourceExcerpt(source, line, column, paper);
    if (path !== undefined) text += `  at ${path}\n`;
  } else {
    text = `${label} ${message} ${paper.paint("dim", `[${code}]`)}\n`;
  }
  if (hint !== undefined && hint !== "") {
    const [first = "", ...rest] = wrap(hint, paper.width - 4);
    text += `  ${paper.paint("cyan", "->")} ${first}\n${indent(rest, "     ")}`;
  }
  return text;
}

/** The line of the document with a mark under the place. A long line is shown from shortly before the place. */
function sourceExcerpt(source: string | undefined, line: number, column: number, paper: Paper): string {
  const content = source?.split(/\r\n|\r|\n/)[line - 1];
  if (content === undefined) return "";
  const room = paper.width - 8;
  const from = column > room ? column - Math.floor(room / 2) : 1;
  // Tabs and control characters as one blank each, so that the mark stands right.
  const shown = content.slice(from - 1, from - 1 + room).replace(/\p{Cc}/gu, " ");
  const number = String(line).padStart(4);
  return `${paper.paint("dim", `${number} |`)} ${shown.trimEnd()}\n${paper.paint("dim", "     |")} ${" ".repeat(column - from)}${paper.paint("bold", "^")}\n`;
}
