import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Problem, ProblemError } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import { readNodeKeys } from "../keys/read-keys.ts";
import { deviceIndex } from "../linux/libc.ts";
import { keysDirectory, type NodeSettings, nodeSettings } from "./node-settings.ts";

/** The exit status for a wrong document, wrong keys, or wrong arguments. */
const EXIT_BAD_INPUT = 2;

/** Reads what the document says for a node, and its keys. Where anything is wrong, says so and ends this process. */
export function readSettings(
  file: string,
  place: { readonly node: string; readonly runDirectory: string; readonly stateDirectory: string },
): NodeSettings {
  const { node } = place;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const message = `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`;
    fail([{ code: "unreadable-document", message, file }]);
  }
  const read = readDocument(text, file);
  if (read.document === undefined) fail(read.problems);
  const { document } = read;
  const own = document.nodes[node];
  if (own === undefined) {
    const hint = `Nodes in ${file}: ${Object.keys(document.nodes).join(", ")}.`;
    fail([{ code: "no-such-node", message: `the document has no node ${node}`, hint, file }]);
  }
  for (const [name, { device }] of Object.entries(own.interfaces)) {
    if (deviceIndex(device) !== undefined) continue;
    const message = `interface ${name} of ${node}: this machine has no device ${device}`;
    fail([
      {
        code: "no-such-device",
        message,
        hint: "`ip -brief link` lists the devices.",
        file,
        path: `nodes.${node}.interfaces.${name}.device`,
      },
    ]);
  }
  const documentDirectory = dirname(file);
  try {
    const keys = readNodeKeys(keysDirectory(document, documentDirectory), node);
    return nodeSettings({ document, documentDirectory, ...place }, keys.clusterKey);
  } catch (error) {
    if (error instanceof ProblemError) fail([error.problem]);
    throw error;
  }
}

/** Says what is wrong, and ends this process. */
export function fail(problems: readonly Problem[]): never {
  for (const { code, file, line, column, message, hint } of problems) {
    const place =
      file === undefined ? "" : `${[file, line, column].filter((part) => part !== undefined).join(":")}: `;
    process.stderr.write(
      `error: ${place}${message} [${code}]${hint === undefined ? "" : `\n  -> ${hint}`}\n`,
    );
  }
  process.exit(EXIT_BAD_INPUT);
}
