import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, documentPath, labFolder, nodeFolder } from "../../src/lab/lab-folder.ts";
import { processIdentity, sendSignal } from "../../src/lab/process-table.ts";
import { TestDaemon, TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { NotifyStandIn } from "./notify-stand-in.ts";
import { hang, waitForApi, waitForNewProcess } from "./troubled-processes.ts";
import { asInUnit, unitFile } from "./unit-stand-in.ts";

// The daemon as a service manager runs it: with the unit's privileges, a socket for notices, and a log that may stand still.

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const nodeScript = fileURLToPath(new URL("../../scripts/node.sh", import.meta.url));
const daemonMain = fileURLToPath(new URL("../../src/daemon/main.ts", import.meta.url));
const EXIT_REFUSED = 2;
const API_PORT = 7_847;

let lab: TestLab;
let manager: NotifyStandIn;
const daemons: TestDaemon[] = [];

before(async () => {
  await requireNamespaces(["curl", "prlimit", "setpriv", "systemd-analyze"]);
  lab = await TestLab.up("tv", {}, { daemons: false });
  manager = new NotifyStandIn(join(labFolder(lab.name), "notify"));
});

afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
});

after(async () => {
  manager?.close();
  await lab?.down();
});

function start(node: string, more: Partial<ConstructorParameters<typeof TestDaemon>[0]> = {}): TestDaemon {
  const daemon = new TestDaemon({
    ...{ namespace: lab.namespace(node), config: documentPath(lab.name), node },
    ...{ runDirectory: nodeFolder(lab.name, node), ...more },
  });
  daemons.push(daemon);
  return daemon;
}

const said = () => `${manager.said.join("\n")}\n${daemons.map((daemon) => daemon.said).join("\n----\n")}`;

async function waitForNotice(pattern: RegExp, from = 0): Promise<number> {
  return await waitFor(
    `the notice ${pattern}`,
    () => {
      const index = manager.said.findIndex((text, at) => at >= from && pattern.test(text));
      return index < 0 ? undefined : index + 1;
    },
    { explain: said },
  );
}

test("with the unit's capabilities: ready when the roles are up, signs of life unless one hangs, and an end in order", async () => {
  const config = join(labFolder(lab.name), "with-api.yaml");
  const document = readFileSync(documentPath(lab.name), "utf8");
  writeFileSync(config, `${document}api: { interface: lan, port: ${API_PORT} }\n`);
  const environment = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "500000" };
  const daemon = start("gw1", { through: asInUnit(), environment, config });
  start("gw2", { through: asInUnit(), config });
  const readyAt = await waitForNotice(/^READY=1$/);
  const { processes } = await lab.waitForNode("gw1", "telling of its processes", (status) => {
    return status.processes.length > 0;
  });
  assert.deepEqual(
    processes.map(({ role, state }) => [role, role === "api" || state]),
    [...["supervisor", "control", "replicator", "failover"].map((role) => [role, "answers"]), ["api", true]],
    "all processes are up; for the API nobody waits",
  );
  await waitForNotice(/^STATUS=(active|standby); all processes answer$/);
  await waitForNotice(/^WATCHDOG=1$/, readyAt);
  // With these rights the node does all that a node does: rules, addresses, streams, real-time priority.
  const well = await lab.waitUntilDaemonsAreWell();
  assert.deepEqual(well.problems, []);
  const active = well.nodes.find(({ role }) => role === "active");
  assert.equal(active?.addresses.length, 4);
  assert.doesNotMatch(said(), /EPERM|EACCES|not permitted/);
  assert.doesNotMatch(readFileSync(`/proc/${processes[1]?.pid}/environ`, "utf8"), /NOTIFY_SOCKET|WATCHDOG/);

  // Both at once: each takes as long as the supervisor waits for an answer.
  const { pid } = await lab.processOf("gw1", "control");
  const api = await hang(lab, "gw2", "api");
  sendSignal(pid, "SIGSTOP");
  const silentAt = await waitForNotice(/^STATUS=.*control does not answer$/, readyAt);
  const endedAt = await waitForNotice(/^STATUS=.*control is started again$/, silentAt);
  const between = manager.said.slice(silentAt, endedAt);
  assert.ok(!between.includes("WATCHDOG=1"), `no sign of life while control hangs: ${between.join(", ")}`);
  await waitForNotice(/^WATCHDOG=1$/, await waitForNotice(/all processes answer$/, endedAt));
  // The API is another user's process.
  await waitForNewProcess(lab, "gw2", "api", api);
  assert.equal(processIdentity(api.pid), undefined, "the process that hung is gone");
  await waitForApi(lab, "gw2", API_PORT);
  assert.doesNotMatch(said(), /EPERM|EACCES|EADDRINUSE|not permitted/);

  const stoppedAt = manager.said.length;
  await daemon.stop();
  await waitForNotice(/^STOPPING=1$/, stoppedAt);
  assert.equal(await daemon.exitStatus(), 0);
});

test("without the right to real-time scheduling the node works, and its status says so and what helps", async () => {
  start("gw1", { through: ["setpriv", "--bounding-set=-sys_nice"] });
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  const shown = ["status", "--socket", controlSocket(lab.name, "gw1")];
  const words = spawnSync(launcher, shown, { encoding: "utf8" }).stdout.replace(/\s+/g, " ");
  assert.match(words, /the failover role of gw1 has no real-time priority .*with CAP_SYS_NICE/);
  const metrics = await new ControlClient(controlSocket(lab.name, "gw1")).metrics();
  assert.match(metrics, /^tocha_failover_real_time 0$/m);
});

test("a reader of the log that stands still holds up nothing, and gets the lines when it reads on", async () => {
  const path = join(labFolder(lab.name), "log-pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const full = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const filling = new Uint8Array(4_096).fill(46);
  let filled = 0;
  assert.throws(
    () => {
      for (;;) filled += writeSync(full, filling);
    },
    { code: "EAGAIN" },
  );
  const stdout = openSync(path, constants.O_WRONLY);
  // Without the command line, which has the pipe set to not block for all who share it.
  start("gw1", { stdout, command: ["bash", nodeScript, daemonMain] });
  start("gw2");
  closeSync(stdout);
  // The supervisor carries messages and answers questions, although nobody reads its log.
  const { activeNode } = await lab.waitUntilDaemonsAreWell();
  await lab.waitForNode(
    activeNode,
    "active for two lifetimes of its addresses",
    ({ sinceSeconds }) => sinceSeconds > 2,
  );
  assert.equal((await lab.status("gw1")).processes.length, 4, "the supervisor answers");
  let text = "";
  const piece = new Uint8Array(65_536);
  await waitFor("the lines that waited", () => {
    try {
      text += new TextDecoder().decode(piece.subarray(0, readSync(reader, piece)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
    return /standby -> active|init -> standby/.test(text.slice(filled));
  });
  assert.match(text.slice(filled), /^\S+ gw1 supervisor info: /, "from the first line on");
  closeSync(full);
  closeSync(reader);
});

test("of two daemons that are started at the same moment one is refused", async () => {
  const both = [start("gw1"), start("gw1")];
  const refused = await waitFor(
    "one of them to be refused",
    () => both.find((one) => /already/.test(one.said)),
    {
      explain: said,
    },
  );
  assert.equal(await refused.exitStatus(), EXIT_REFUSED);
  assert.match(refused.said, /has the run folder .* already \[already-running\]/);
  const other = both.find((one) => one !== refused);
  await lab.waitForNode("gw1", "in the election", ({ role }) => role === "standby" || role === "active");
  const pid = Number(readFileSync(join(nodeFolder(lab.name, "gw1"), "lock"), "utf8"));
  assert.equal((await lab.processOf("gw1", "supervisor")).pid, pid);
  assert.equal(other?.pid, pid, "the lock names its holder");
});

test("systemd-analyze has nothing against the unit", () => {
  const folder = join(labFolder(lab.name), "units");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "tocha@gw1.service");
  // The program is not installed here; everything else is as it stands.
  writeFileSync(file, readFileSync(unitFile, "utf8").replace("/usr/bin/tocha", launcher));
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
  assert.deepEqual({ status, said: `${stdout}${stderr}` }, { status: 0, said: "" });
  writeFileSync(file, `${readFileSync(file, "utf8")}\n[Service]\nNoSuchSetting=1\n`);
  assert.notEqual(spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" }).stderr, "");
});
