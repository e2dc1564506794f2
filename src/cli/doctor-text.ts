import type { DoctorFinding, DoctorReport, FindingSeverity } from "../contract/doctor.ts";
import { indent, type Paper, type Style, wrap } from "./terminal.ts";

/** The findings for people: the verdict first, then node by node the worst first, each with the command that helps. */
export function doctorText(report: DoctorReport, paper: Paper): string {
  const names = [
    ...new Set([...report.nodes.map(({ name }) => name), ...report.findings.map(({ node }) => node)]),
  ];
  const parts = names.map((name) =>
    nodeText(
      name,
      report.findings.filter(({ node }) => node === name),
      paper,
    ),
  );
  return [verdictText(report, paper), ...parts].join("\n");
}

const verdictStyle: Record<DoctorReport["verdict"], Style> = { ok: "green", warning: "yellow", error: "red" };

function verdictText({ cluster, verdict, summary }: DoctorReport, paper: Paper): string {
  const word = verdict.toUpperCase();
  const [first = "", ...rest] = wrap(summary, paper.width - cluster.length - word.length - 3);
  const label = paper.paint(verdictStyle[verdict], word);
  const lead = " ".repeat(cluster.length + word.length + 3);
  return `${paper.paint("bold", cluster)} ${label}  ${first}\n${indent(rest, lead)}`;
}

function nodeText(name: string, findings: readonly DoctorFinding[], paper: Paper): string {
  const bad = findings.filter(({ severity }) => severity !== "ok");
  const good = findings.filter(({ severity }) => severity === "ok");
  const parts = [`${paper.paint("bold", name)}\n`, ...bad.map((one) => findingText(one, paper))];
  if (good.length > 0) {
    const lines = wrap(good.map(({ code }) => code).join(", "), paper.width - 10);
    const [first = "", ...rest] = lines;
    parts.push(`  ${paper.paint("green", "ok:")} ${first}\n${indent(rest, "      ")}`);
  }
  return parts.join("");
}

const severityStyle: Record<FindingSeverity, Style> = {
  ok: "green",
  note: "cyan",
  warning: "yellow",
  error: "red",
};

function findingText({ severity, code, what, why, command }: DoctorFinding, paper: Paper): string {
  const [first = "", ...rest] = wrap(`${what} [${code}]`, paper.width - severity.length - 4);
  let text = `  ${paper.paint(severityStyle[severity], `${severity}:`)} ${first}\n${indent(rest, "    ")}`;
  if (why !== "") text += indent(wrap(why, paper.width - 4), "    ");
  // Never broken: a command is there to be copied.
  if (command !== "") text += `    ${paper.paint("cyan", "->")} ${command}\n`;
  return text;
}
