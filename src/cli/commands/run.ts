import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import { readNodeKeys } from "../../keys/read-keys.ts";
import { documentToRun } from "../../store/applied-document.ts";
import { chooseNode, hostNodeName } from "../choose-node.ts";
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
  const wish = options.node ?? hostNodeName();
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
