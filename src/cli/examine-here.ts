import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type * as z from "zod";
import { ProblemError } from "../base/problem.ts";
import { chooseNode } from "./choose-node.ts";
import { requireDocument } from "./document-file.ts";

export interface ExamineHereOptions {
  readonly config: string;
  readonly node?: string;
  readonly runDir?: string;
  readonly stateDir?: string;
}

const LIMIT_MS = 60_000;
const OUTPUT_BYTES_MAX = 32 << 20;

/** Examines this machine without a daemon: the program of the daemon's layer finds out, and prints JSON. */
export async function examineHere<T extends z.ZodType>(
  { config, node, runDir, stateDir }: ExamineHereOptions,
  what: "report" | "support",
  schema: T,
): Promise<z.output<T>> {
  const { document } = requireDocument(config);
  const { name } = chooseNode(document, node);
  const program = fileURLToPath(new URL("../daemon/doctor-program.ts", import.meta.url));
  const args = [
    ...["--config", resolve(config), "--node", name, "--what", what],
    ...(runDir === undefined ? [] : ["--run-dir", resolve(runDir)]),
    ...(stateDir === undefined ? [] : ["--state-dir", resolve(stateDir)]),
  ];
  const out = await new Promise<string>((fulfil, reject) => {
    const options = { timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX };
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      if (error === null) fulfil(stdout);
      else reject(unfinished(stderr.trim() || error.message));
    });
  });
  return schema.parse(JSON.parse(out));
}

function unfinished(why: string): ProblemError {
  return new ProblemError({
    code: "examination-failed",
    message: `this machine could not be examined: ${why}`,
    hint: "Run it as root, on the machine that shall be the node.",
  });
}
