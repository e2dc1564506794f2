import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ProblemError } from "../../base/problem.ts";
import { closestName } from "../../contract/closest-name.ts";
import type { ClusterDocument, ClusterNode } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import { readNodeKeys } from "../../keys/read-keys.ts";
import { documentToRun } from "../../store/applied-document.ts";
import { DocumentProblems, requireDocument } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { hostProblems } from "../host-checks.ts";
import { problemText } from "../problem-text.ts";
import { paperOf } from "../terminal.ts";

export interface RunOptions {
  readonly config: string;
  readonly node?: string;
  readonly runDir?: string;
  readonly stateDir?: string;
  readonly logLevel?: string;
}

/** The supervisor does little and starts the roles: a small heap is enough. */
const nodeFlags = ["--max-old-space-size=64", "--max-semi-space-size=1"] as const;

/** Checks everything that can be checked before anything is touched, then becomes the daemon. */
export function run(options: RunOptions): ExitStatus {
  const config = resolve(options.config);
  const wish = options.node ?? hostNode();
  const stateDirectory = resolve(options.stateDir ?? `/var/lib/tocha/${wish}`);
  const document = documentOf(stateDirectory, options.config);
  const node = chooseNode(document, options.node);
  readNodeKeys(resolve(dirname(config), document.keys.directory), node.name);
  const devices = Object.values(node.interfaces).map((one) => one.device);
  const problems = hostProblems(devices);
  if (problems.length > 0) {
    const paper = paperOf(process.stderr);
    process.stderr.write(problems.map((problem) => problemText(problem, paper)).join("\n"));
    return exitStatus.unavailable;
  }
  const daemon = fileURLToPath(new URL("../../daemon/main.ts", import.meta.url));
  const args = [
    ...["--config", config],
    ...["--node", node.name],
    ...["--run-dir", resolve(options.runDir ?? `/run/tocha/${node.name}`)],
    ...["--state-dir", stateDirectory],
    ...(options.logLevel === undefined ? [] : ["--log-level", options.logLevel]),
  ];
  if (process.execve === undefined) throw new Error("this Node.js has no process.execve");
  // The same process number goes on as the daemon: whoever started us supervises the daemon itself.
  return process.execve(process.execPath, [process.execPath, ...nodeFlags, daemon, ...args]);
}

/** What was applied counts; before the first apply, the file. */
function documentOf(stateDirectory: string, config: string): ClusterDocument {
  const applied = documentToRun(stateDirectory, config);
  if (applied === undefined || applied.file === config) return requireDocument(config).document;
  const read = readDocument(applied.text, applied.file);
  if (read.document === undefined) throw new DocumentProblems(read.problems, applied.text, applied.file);
  return read.document;
}

/** The name of this host, without its domain. */
function hostNode(): string {
  return (hostname().split(".")[0] ?? "").toLowerCase();
}

type NamedNode = ClusterNode & { readonly name: string };

/** The node that was named, or the one whose name is the host name (without its domain). */
function chooseNode(document: ClusterDocument, wish: string | undefined): NamedNode {
  const host = hostNode();
  const name = wish ?? host;
  const node = document.nodes[name];
  if (node !== undefined && Object.hasOwn(document.nodes, name)) return { name, ...node };
  const names = Object.keys(document.nodes);
  const meant = closestName(name, names);
  throw new ProblemError({
    code: "node-not-in-document",
    message:
      wish === undefined
        ? `the document has no node with the name of this host, "${host}"`
        : `the document has no node "${wish.slice(0, 60)}"`,
    hint: `Say which one this machine is: --node ${meant ?? names[0] ?? "NAME"}. The document has ${names.join(", ")}.`,
  });
}
