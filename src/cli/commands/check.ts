import { formatDurationMs } from "../../base/duration.ts";
import { type ClusterDocument, groupsOf } from "../../contract/cluster-document.ts";
import { documentRevision } from "../../contract/document-revision.ts";
import { portBlocksOf } from "../../contract/nat-targets.ts";
import { portBlocksText } from "../../contract/port-blocks.ts";
import { readDocumentFile } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { problemText } from "../problem-text.ts";
import { paperOf } from "../terminal.ts";

/** Checks a document and shows every problem. */
export function check(file: string, { output }: { output: string }): ExitStatus {
  const result = readDocumentFile(file);
  const { document, problems, notices, text } = result;
  const revision = document === undefined ? null : documentRevision(document);
  if (output === "json") {
    const summary =
      document === undefined ? {} : { cluster: document.cluster, nodes: Object.keys(document.nodes) };
    process.stdout.write(
      `${JSON.stringify({ ok: document !== undefined, file, revision, ...summary, problems, notices }, null, 2)}\n`,
    );
    return document === undefined ? exitStatus.badInput : exitStatus.ok;
  }
  const errorPaper = paperOf(process.stderr);
  const show =
    (severity: "error" | "notice") => (problem: (typeof problems)[number] | (typeof notices)[number]) =>
      problemText(problem, errorPaper, { source: problem.file === file ? text : undefined, severity });
  if (document === undefined) {
    process.stderr.write(`${problems.map(show("error")).join("\n")}\n`);
    process.stderr.write(`${file}: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}\n`);
    return exitStatus.badInput;
  }
  if (notices.length > 0) process.stderr.write(`${notices.map(show("notice")).join("\n")}\n`);
  const groups = groupsOf(document).map(({ name, addresses, intervalMs }) => {
    const virtual = Object.values(addresses).flat().length;
    return `    group ${name}: ${virtual} virtual address${virtual === 1 ? "" : "es"}, interval ${formatDurationMs(intervalMs)}\n`;
  });
  const paper = paperOf(process.stdout);
  process.stdout.write(
    `${paper.paint("green", "ok")}  ${file} is valid: revision ${revision}\n` +
      `    cluster ${document.cluster}, nodes ${Object.keys(document.nodes).join(", ")}\n` +
      groups.join("") +
      `    ${translationsText(document)}\n` +
      document.nat.cgnat.map((rule) => `    ${rule.id}: ${portBlocksText(portBlocksOf(rule))}\n`).join("") +
      filterLine(document),
  );
  return exitStatus.ok;
}

function translationsText({ nat }: ClusterDocument): string {
  const { source, forward, oneToOne } = nat;
  const count = (number: number, one: string) => `${number} ${one}${number === 1 ? "" : "s"}`;
  return [
    count(source.length, "source translation"),
    ...(forward.length > 0 ? [count(forward.length, "port forward")] : []),
    ...(oneToOne.length > 0 ? [`${oneToOne.length} one to one`] : []),
  ].join(", ");
}

/** What there is of firewall, sets and routes; empty where there is nothing. */
function filterLine({ firewall, sets, routes }: ClusterDocument): string {
  const rules = (firewall?.forward?.rules.length ?? 0) + (firewall?.input?.rules.length ?? 0);
  const counts = [
    [rules, "firewall rule"],
    [Object.keys(sets).length, "set"],
    [routes.length, "static route"],
  ] as const;
  const parts = counts.flatMap(([count, what]) =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`],
  );
  return parts.length === 0 ? "" : `    ${parts.join(", ")}\n`;
}
