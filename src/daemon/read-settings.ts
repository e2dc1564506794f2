import { dirname } from "node:path";
import { type Problem, ProblemError } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import { documentFiles } from "../keys/document-files.ts";
import { readNodeKeys } from "../keys/read-keys.ts";
import { deviceIndex } from "../linux/libc.ts";
import { type DocumentToRun, documentToRun } from "../store/applied-document.ts";
import { keysDirectory, type NodeSettings, nodeSettings } from "./node-settings.ts";
import { readDocumentOnce } from "./read-document-once.ts";

/** The exit status for a wrong document, wrong keys, or wrong arguments. */
const EXIT_BAD_INPUT = 2;

/** Which node this is, and where its things are. */
export interface NodePlace {
  readonly node: string;
  readonly runDirectory: string;
  readonly stateDirectory: string;
  /** The file that the node was started with: relative paths in documents start from its folder. */
  readonly configFile: string;
}

/** What a node runs: the document that was applied, else that of the file. Where anything is wrong, says so and ends this process. */
export function readSettings(place: NodePlace): NodeSettings {
  const { configFile } = place;
  let source: DocumentToRun | undefined;
  try {
    source = documentToRun(place.stateDirectory, configFile);
  } catch (error) {
    const message = `cannot read the document: ${error instanceof Error ? error.message : String(error)}`;
    fail([{ code: "unreadable-document", message, file: configFile }]);
  }
  if (source === undefined)
    fail([{ code: "unreadable-document", message: `${configFile} does not exist`, file: configFile }]);
  const settings = settingsOf(source, place);
  if (Array.isArray(settings)) fail(settings);
  return settings;
}

/** What a document says for a node of this machine, and its keys. @returns what is wrong with it otherwise */
export function settingsOf({ text, file }: DocumentToRun, place: NodePlace): NodeSettings | Problem[] {
  const { node, configFile } = place;
  // An applied text brings the files that it names: this machine's may differ.
  const read =
    file === configFile
      ? readDocument(text, file, documentFiles(dirname(file)))
      : readDocumentOnce(text, file);
  if (read.document === undefined) return [...read.problems];
  const { document } = read;
  const own = document.nodes[node];
  if (own === undefined) {
    const hint = `Nodes in ${file}: ${Object.keys(document.nodes).join(", ")}.`;
    return [{ code: "no-such-node", message: `the document has no node ${node}`, hint, file }];
  }
  const missing = Object.entries(own.interfaces).flatMap(([name, { device }]): Problem[] => {
    if (deviceIndex(device) !== undefined) return [];
    const message = `interface ${name} of ${node}: this machine has no device ${device}`;
    const path = `nodes.${node}.interfaces.${name}.device`;
    return [{ code: "no-such-device", message, hint: "`ip -brief link` lists the devices.", file, path }];
  });
  if (missing.length > 0) return missing;
  try {
    const keys = readNodeKeys(keysDirectory(document, dirname(configFile)), node);
    return nodeSettings({ document, ...place }, keys.clusterKeys);
  } catch (error) {
    if (error instanceof ProblemError) return [error.problem];
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
