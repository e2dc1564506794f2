import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppliedDocument, documentToRun, startedFileName } from "../store/applied-document.ts";
import { isLogLevel, Log } from "./log.ts";
import { fail, readSettings } from "./read-settings.ts";
import { takeRunFolder } from "./run-lock.ts";
import { Supervisor } from "./supervisor.ts";
import { version } from "./version.ts";

/** The supervisor: `tocha run` becomes this process. */
function main(): void {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      node: { type: "string" },
      "run-dir": { type: "string" },
      "state-dir": { type: "string" },
      "log-level": { type: "string" },
    },
  });
  const { config, node } = values;
  if (config === undefined || node === undefined)
    fail([{ code: "usage", message: "--config and --node are needed" }]);
  const runDirectory = resolve(values["run-dir"] ?? join("/run/tocha", node));
  const stateDirectory = resolve(values["state-dir"] ?? join("/var/lib/tocha", node));
  const level = values["log-level"];
  if (level !== undefined && !isLogLevel(level))
    fail([{ code: "usage", message: `--log-level is error, warning, info or debug, not ${level}` }]);
  // Both here: the control role changes its mask for new files for a moment, and has no right to go past a wrong one.
  for (const directory of [runDirectory, stateDirectory])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  refuseSecond(runDirectory);

  const takenBack = new AppliedDocument(stateDirectory).goBack();
  const settings = readSettings({ configFile: resolve(config), node, runDirectory, stateDirectory });
  const started = documentToRun(stateDirectory, settings.configFile)?.text ?? "";
  writeFileSync(join(runDirectory, startedFileName), started, { mode: 0o600 });
  const log = new Log(node, { fixed: level, level: settings.document.logging.level });
  const supervisor = new Supervisor({ settings, log });
  log.write(
    "supervisor",
    "info",
    `tocha ${version}, cluster ${settings.cluster}, node ${node}, revision ${settings.revision}`,
  );
  if (takenBack !== undefined) {
    // The control role tells it on terminals and in the status.
    const { number, author } = takenBack;
    const text = `revision ${number} of ${author} was not confirmed before this node ended: it is taken back`;
    log.write("supervisor", "warning", text);
  }
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

/** Two daemons of one node would fight over its addresses. */
function refuseSecond(runDirectory: string): void {
  const holder = takeRunFolder(runDirectory);
  if (holder === undefined) return;
  fail([
    {
      code: "already-running",
      message: `a daemon${holder === 0 ? "" : ` (process ${holder})`} has the run folder ${runDirectory} already`,
      hint: "Stop it first, or give another --run-dir.",
    },
  ]);
}

main();
