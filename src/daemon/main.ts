import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Problem, ProblemError } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import { readNodeKeys } from "../keys/read-keys.ts";
import { deviceIndex } from "../linux/libc.ts";
import { isLogLevel, Log } from "./log.ts";
import { keysDirectory, type NodeSettings, nodeSettings } from "./node-settings.ts";
import { Supervisor } from "./supervisor.ts";
import { version } from "./version.ts";

/** The exit status for a wrong document, wrong keys, or wrong arguments. */
const EXIT_BAD_INPUT = 2;
const ALREADY_RUNNING_LIMIT_MS = 1_000;

/** The supervisor: `tocha run` becomes this process. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      node: { type: "string" },
      "run-dir": { type: "string" },
      "state-dir": { type: "string" },
      "log-level": { type: "string", default: "info" },
    },
  });
  const { config, node } = values;
  if (config === undefined || node === undefined)
    fail([{ code: "usage", message: "--config and --node are needed" }]);
  const runDirectory = resolve(values["run-dir"] ?? join("/run/tocha", node));
  const stateDirectory = resolve(values["state-dir"] ?? join("/var/lib/tocha", node));
  const settings = readSettings(resolve(config), { node, runDirectory, stateDirectory });
  const level = values["log-level"];
  if (!isLogLevel(level))
    fail([{ code: "usage", message: `--log-level is error, warning, info or debug, not ${level}` }]);
  mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
  await refuseSecond(runDirectory);

  const log = new Log(node, level);
  const supervisor = new Supervisor(settings, log);
  log.write(
    "supervisor",
    "info",
    `tocha ${version}, cluster ${settings.cluster}, node ${node}, revision ${settings.revision}`,
  );
  supervisor.start();
  const stop = (signal: NodeJS.Signals) => {
    log.write("supervisor", "info", `${signal}: withdrawing and stopping`);
    void supervisor.stop().then(() => {
      rmSync(join(runDirectory, "control.sock"), { force: true });
      process.exit(0);
    });
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
}

function readSettings(
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

/** Two daemons of one node would fight over its addresses. */
async function refuseSecond(runDirectory: string): Promise<void> {
  const path = join(runDirectory, "control.sock");
  const answers = await new Promise<boolean>((answer) => {
    const socket = connect(path);
    socket.setTimeout(ALREADY_RUNNING_LIMIT_MS, () => answer(false));
    socket.on("connect", () => answer(true));
    socket.on("error", () => answer(false));
    socket.on("close", () => answer(false));
    socket.on("connect", () => socket.destroy());
  });
  if (answers) {
    fail([
      {
        code: "already-running",
        message: `a daemon answers on ${path} already`,
        hint: "Stop it first, or give another --run-dir.",
      },
    ]);
  }
}

function fail(problems: readonly Problem[]): never {
  for (const { code, file, line, column, message, hint } of problems) {
    const place =
      file === undefined ? "" : `${[file, line, column].filter((part) => part !== undefined).join(":")}: `;
    process.stderr.write(
      `error: ${place}${message} [${code}]${hint === undefined ? "" : `\n  -> ${hint}`}\n`,
    );
  }
  process.exit(EXIT_BAD_INPUT);
}

await main();
