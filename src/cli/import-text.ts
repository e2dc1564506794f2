import { counted } from "../base/number-text.ts";
import type { ImportResult } from "../import/import-cluster.ts";
import type { Remark, RemarkKind } from "../import/remark.ts";
import { problemText } from "./problem-text.ts";
import { indent, type Paper, type Style, wrap } from "./terminal.ts";

const labels: Readonly<Record<RemarkKind, { readonly word: string; readonly colour: Style }>> = {
  opened: { word: "LETS MORE THROUGH", colour: "red" },
  lost: { word: "not carried over", colour: "red" },
  changed: { word: "changed", colour: "yellow" },
  needless: { word: "not needed", colour: "dim" },
};

/** What became of the lines, what is missing, and what is wrong: for people. */
export function importReport(result: ImportResult, paper: Paper): string {
  const { remarks, missing, problems, notices, text } = result;
  const blocks = [
    ...remarks.map((remark) => remarkText(remark, paper)),
    ...[...problems, ...notices].map((problem, index) =>
      problemText(problem, paper, { source: text, severity: index < problems.length ? "error" : "notice" }),
    ),
    ...(missing.length > 0 ? [missingText(result, paper)] : []),
    summary(result, paper),
  ];
  return `${blocks.join("")}\n`;
}

/** A line like a compiler's, so that editors find the place; what to do stands below. */
function remarkText({ file, line, text, kind, why, hint }: Remark, paper: Paper): string {
  const { word, colour } = labels[kind];
  const head = `${paper.paint("bold", `${file}:${line}:`)} ${paper.paint(colour, `${word}:`)} ${shown(text)}\n`;
  const reason = indent(wrap(why, paper.width - 4), "    ");
  if (hint === undefined) return head + reason;
  const [first = "", ...rest] = wrap(hint, paper.width - 7);
  return `${head}${reason}    ${paper.paint("cyan", "->")} ${first}\n${indent(rest, "       ")}`;
}

/** Files are written by others: no control character of theirs reaches the terminal. */
function shown(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

function missingText({ missing }: ImportResult, paper: Paper): string {
  const lines = missing.map(({ what, option }) => `  ${what}\n    ${paper.paint("cyan", option)}\n`);
  return `\n${paper.paint("red", "No file says this, and the document needs it:")}\n${lines.join("")}`;
}

function summary({ remarks, text, problems, missing }: ImportResult, paper: Paper): string {
  const count = (kind: RemarkKind) => remarks.filter((one) => one.kind === kind).length;
  const opened = count("opened");
  const open =
    opened === 0
      ? ""
      : `${paper.paint("red", `${counted(opened, "line")} let more through in the document than before`)}, `;
  const lines = `${open}${counted(count("lost"), "line")} not carried over, ${count("changed")} changed, ${count("needless")} not needed`;
  if (missing.length > 0)
    return `\n${paper.paint("red", "no document yet")}: ${counted(missing.length, "fact")} missing; ${lines}.\n`;
  if (text === undefined || problems.length > 0)
    return `\n${paper.paint("red", "the document would not be valid")}: ${counted(problems.length, "problem")}; ${lines}.\n`;
  return `\n${paper.paint("green", "the document is valid")}: ${lines}.\n`;
}
