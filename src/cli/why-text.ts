import type { FailoverWhy, GroupWhy } from "../contract/failover-why.ts";
import { indent, type Paper, wrap } from "./terminal.ts";

/** The present state of each group in sentences; made for 80 columns. */
export function whyText({ groups }: FailoverWhy, paper: Paper): string {
  return groups.map((group) => groupText(group, paper)).join("\n");
}

function groupText(group: GroupWhy, paper: Paper): string {
  const { name, activeNode, sentences, historyId, others, ifActiveDied } = group;
  const head =
    activeNode === null ? paper.paint("red", "no single active node") : paper.paint("green", activeNode);
  const id = historyId === null ? [] : [`See: tocha failover history show ${historyId}`];
  return [
    `${paper.paint("bold", name)}  ${head}\n`,
    block(sentences, paper),
    ...id.map((line) => paper.paint("dim", `  ${line}\n`)),
    ...(others.length === 0 ? [] : [title("Why not another node?", paper)]),
    ...others.map((other) => block(other.sentences, paper)),
    title(activeNode === null ? "What next?" : `If ${activeNode} died now`, paper),
    block(ifActiveDied.sentences, paper),
  ].join("");
}

function title(text: string, paper: Paper): string {
  return `${paper.paint("bold", text)}\n`;
}

function block(sentences: readonly string[], paper: Paper): string {
  return indent(wrap(sentences.join(" "), paper.width - 2), "  ");
}
