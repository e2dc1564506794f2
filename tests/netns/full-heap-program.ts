// A daemon whose replicator has no room in its heap: it dies of that again and again.
import { parseArgs } from "node:util";
import { Log } from "../../src/daemon/log.ts";
import { readSettings } from "../../src/daemon/read-settings.ts";
import { Supervisor } from "../../src/daemon/supervisor.ts";

const { values } = parseArgs({
  options: {
    ...{ config: { type: "string" }, node: { type: "string" } },
    ...{ "run-dir": { type: "string" }, "state-dir": { type: "string" } },
  },
});
const { config = "", node = "", "run-dir": runDirectory = "", "state-dir": stateDirectory = "" } = values;
const supervisor = new Supervisor({
  settings: readSettings({ configFile: config, node, runDirectory, stateDirectory }),
  log: new Log(node, { fixed: "info", level: "info" }),
  // In MiB; Node.js alone has more when it has loaded the first modules.
  runtimeOptions: { replicator: ["--max-old-space-size=3", "--max-semi-space-size=1"] },
});
supervisor.start();
process.on("SIGTERM", () => void supervisor.stop().then(() => process.exit(0)));
