import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ProblemError } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import { examine } from "../core/doctor/examine.ts";
import { documentFiles } from "../keys/document-files.ts";
import { readNodeKeys } from "../keys/read-keys.ts";
import { missingFlowKinds } from "../linux/conntrack-kinds.ts";
import { KernelError } from "../linux/kernel-error.ts";
import { collectNodeFacts } from "./drivers/doctor-facts.ts";
import { collectSupport } from "./drivers/support-files.ts";
import { keysDirectory, type NodeSettings, nodeSettings } from "./node-settings.ts";
import { fail } from "./read-settings.ts";

/**
 * `tocha doctor --config` runs this where no daemon runs: it finds out what this machine lacks to be a node, and prints the report,
 * or with `--what support` what it gives into a bundle, as JSON.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      node: { type: "string" },
      "run-dir": { type: "string" },
      "state-dir": { type: "string" },
      what: { type: "string", default: "report" },
    },
  });
  const { config, node, what } = values;
  if (config === undefined || node === undefined)
    fail([{ code: "usage", message: "--config and --node are needed" }]);
  const settings = settingsWithoutKeys(resolve(config), {
    node,
    runDirectory: resolve(values["run-dir"] ?? `/run/tocha/${node}`),
    stateDirectory: resolve(values["state-dir"] ?? `/var/lib/tocha/${node}`),
  });
  const answer = what === "support" ? await support(settings) : await report(settings);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** Unlike the daemon, it goes on without keys and without devices: that they are missing is what it has to say. */
function settingsWithoutKeys(
  file: string,
  place: { readonly node: string; readonly runDirectory: string; readonly stateDirectory: string },
): NodeSettings {
  const read = readDocument(readFileSync(file, "utf8"), file, documentFiles(dirname(file)));
  if (read.document === undefined) fail(read.problems);
  const { document } = read;
  const documentDirectory = dirname(file);
  let clusterKeys: readonly Uint8Array[] = [new Uint8Array(32)];
  try {
    clusterKeys = readNodeKeys(keysDirectory(document, documentDirectory), place.node).clusterKeys;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
  }
  return nodeSettings({ document, configFile: file, ...place }, clusterKeys);
}

async function facts(settings: NodeSettings) {
  return await collectNodeFacts({ settings, roles: undefined, lackingKinds: lackingKinds() });
}

/** The daemon's replicator asks the same at its start; without root or without conntrack nothing can be asked. */
function lackingKinds(): readonly string[] | undefined {
  try {
    return missingFlowKinds();
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

async function report(settings: NodeSettings) {
  const nowMs = Date.now();
  return examine({
    ...{ from: settings.node, document: settings.document, nowMs },
    ...{ asOf: new Date(nowMs).toISOString(), nodes: [await facts(settings)], missing: [], clocks: [] },
  });
}

async function support(settings: NodeSettings) {
  const found = {
    name: "doctor-facts.json",
    about: "what tocha doctor found out on this machine",
    get: async () => JSON.stringify(await facts(settings), null, 1),
  };
  return await collectSupport(settings, [found], []);
}

await main();
