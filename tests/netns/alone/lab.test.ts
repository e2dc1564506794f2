/** The lab itself, with real namespaces. Needs root. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { labDown, labNamespaces, labUp } from "../../../src/lab/lab.ts";
import { abandonedLabs, labFolder, readLabRecord } from "../../../src/lab/lab-folder.ts";
import { type LabNodeStatus, labStatus } from "../../../src/lab/lab-status.ts";
import { crash, cut, mend, powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { processesIn } from "../../../src/lab/process-table.ts";
import { runCommand } from "../../../src/lab/run-command.ts";
import { waitFor } from "../namespace-waiting.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const names = ["a", "b"].map((letter) => `labtest-${process.pid}${letter}`) as [string, string];
const [name, other] = names;

const removeAll = async () => {
  for (const lab of names) await labDown(lab);
};
afterEach(removeAll);
// Once more: a test that failed may have had something under way.
after(removeAll);

/** Everything on this machine that carries the lab's name. */
function traces(lab: string): string[] {
  const processes = readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry))
    .filter((pid) => {
      const text = spawnSync("cat", [`/proc/${pid}/cmdline`]).stdout.toString();
      return text.includes(`/run/tocha-lab/${lab}/`);
    });
  return [
    ...labNamespaces(lab),
    ...processes.map((pid) => `process ${pid}`),
    ...(existsSync(labFolder(lab)) ? [labFolder(lab)] : []),
    ...(existsSync(`${labFolder(lab)}.lock`) ? ["lock"] : []),
  ];
}

async function node(lab: string, which: string): Promise<LabNodeStatus> {
  const found = (await labStatus(lab)).nodes.find((one) => one.name === which);
  assert.ok(found);
  return found;
}

/** Something that runs in a node as a daemon would. */
async function startSleeper(lab: string, which: string): Promise<void> {
  const sleeper = spawn("ip", ["netns", "exec", `${lab}-${which}`, "sleep", "600"], {
    detached: true,
    stdio: "ignore",
  });
  sleeper.unref();
  await waitFor("the sleeper to run", () => processesIn(`${lab}-${which}`).length > 0);
  assert.equal(processesIn(`${lab}-${which}`).length, 1);
}

test("a lab is built, and nothing of it is left after down", async () => {
  await labUp({ name }, { daemons: false });
  assert.deepEqual(
    labNamespaces(name).sort(),
    ["gw1", "gw2", "lan", "net", "wan"].map((part) => `${name}-${part}`),
  );
  const links = await runCommand("ip", ["-n", `${name}-net`, "-o", "link", "show", "type", "veth"]);
  for (const port of ["gw1-lan", "gw1-wan", "gw1-sync", "gw2-lan", "client", "server"]) {
    assert.match(links, new RegExp(` ${port}@`));
  }
  await startSleeper(name, "gw1");
  assert.deepEqual(await labDown(name), { namespaces: 5, processes: 1 });
  assert.deepEqual(traces(name), []);
  assert.deepEqual(await labDown(name), { namespaces: 0, processes: 0 });
});

test("a second lab of the same name is refused, and the first one lives on", async () => {
  await labUp({ name }, { daemons: false });
  await assert.rejects(labUp({ name }, { daemons: false }), /is up already/);
  assert.equal(labNamespaces(name).length, 5);
});

test("a lab whose builder was killed at any moment is removed, and can be built again", async () => {
  const builder = `
    const { labUp } = await import(${JSON.stringify(`${root}src/lab/lab.ts`)});
    await labUp({ name: ${JSON.stringify(name)} }, { daemons: false, owned: true });
    console.log("up");
    setInterval(() => {}, 1000);`;
  for (const afterMs of [150, 220, 290, undefined]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", builder], { stdio: "ignore" });
    if (afterMs !== undefined) await sleep(afterMs);
    else await waitFor("the lab to be built", () => readLabRecord(name)?.complete === true);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("close", resolve));
    if (afterMs === undefined) assert.ok(abandonedLabs().includes(name));
    await labDown(name);
    assert.deepEqual(traces(name), [], afterMs === undefined ? "killed when built" : `after ${afterMs} ms`);
  }
  await labUp({ name }, { daemons: false });
});

test("two labs stand side by side, and what happens in one does not happen in the other", async () => {
  await Promise.all(names.map((lab) => labUp({ name: lab }, { daemons: false })));
  await startSleeper(name, "gw1");
  await startSleeper(other, "gw1");
  await powerOff(name, "gw1");
  assert.equal((await node(name, "gw1")).power, "off");
  assert.equal((await node(name, "gw2")).power, "on");
  assert.equal((await node(other, "gw1")).power, "on");
  assert.deepEqual(processesIn(`${name}-gw1`), []);
  assert.equal(processesIn(`${other}-gw1`).length, 1);
  await labDown(name);
  assert.equal(labNamespaces(other).length, 5);
  assert.equal(processesIn(`${other}-gw1`).length, 1);
});

test("power-on boots a node with an empty kernel", async () => {
  await labUp({ name }, { daemons: false });
  await runCommand("ip", ["-n", `${name}-gw1`, "address", "add", "10.1.0.1/24", "dev", "lan"]);
  assert.deepEqual((await node(name, "gw1")).holds, ["10.1.0.1/24"]);
  const before = statSync(`/run/netns/${name}-gw1`).ino;
  await powerOff(name, "gw1");
  await powerOn(name, "gw1");
  const after = await node(name, "gw1");
  assert.notEqual(statSync(`/run/netns/${name}-gw1`).ino, before);
  assert.deepEqual([after.power, after.holds, after.cut], ["on", [], []]);
  const own = await runCommand("ip", ["-n", `${name}-gw1`, "-o", "address", "show", "dev", "lan"]);
  assert.match(own, /10\.1\.0\.2\/24/);
  assert.match(own, /fd00:1::2\/64/);
});

test("a crash kills the processes and leaves the links up", async () => {
  await labUp({ name }, { daemons: false });
  await assert.rejects(crash(name, "gw2"), /nothing runs on gw2/);
  await startSleeper(name, "gw2");
  await crash(name, "gw2");
  assert.deepEqual(processesIn(`${name}-gw2`), []);
  assert.equal((await node(name, "gw2")).power, "on");
});

test("a cable is cut with and without loss of carrier, and mended", async () => {
  await labUp({ name }, { daemons: false });
  const carrier = async () =>
    (await runCommand("ip", ["-n", `${name}-gw1`, "-o", "link", "show", "dev", "lan"])).includes("LOWER_UP");
  for (const silent of [false, true]) {
    await cut(name, "gw1-lan", { silent });
    assert.equal(await carrier(), silent);
    assert.deepEqual((await node(name, "gw1")).cut, ["gw1-lan"]);
    await mend(name, "gw1-lan");
    assert.equal(await carrier(), true);
    assert.deepEqual((await node(name, "gw1")).cut, []);
  }
  await assert.rejects(cut(name, "gw1-moon"), /no link "gw1-moon"/);
});

test("tocha lab up returns when a gateway is active, and one that is interrupted before leaves nothing", async () => {
  const up = spawnSync(`${root}bin/tocha`, ["lab", "up", "--name", name], { encoding: "utf8" });
  assert.equal(up.status, 0, up.stderr);
  const [, active] = /is up: 2 gateways, (gw[12]) is active/.exec(up.stdout) ?? [];
  assert.equal((await labStatus(name)).cluster?.activeNode, active, up.stdout);
  await labDown(name);

  const child = spawn(`${root}bin/tocha`, ["lab", "up", "--name", name], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  while (child.exitCode === null && readLabRecord(name)?.complete !== true) await sleep(5);
  child.kill("SIGINT");
  assert.equal(await ended, 130);
  assert.deepEqual(traces(name), []);
});

test("tocha lab run prints one JSON object, and leaves nothing behind", () => {
  const args = [
    "lab",
    "run",
    "power-off",
    "--name",
    name,
    "--connections",
    "20",
    "--background-flows",
    "500",
  ];
  const run = spawnSync(`${root}bin/tocha`, [...args, "--json"], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(report).slice(0, 11), [
    "scenario",
    "connections",
    "survived",
    "lost",
    "corrupted",
    "udpGapMs",
    "longestTcpStallMs",
    "takeoverMs",
    "backgroundFlows",
    "activeBefore",
    "activeAfter",
  ]);
  assert.equal(run.stdout.trim().split("\n").length, 1);
  const { scenario, connections, survived, lost, corrupted, backgroundFlows, ok } = report;
  assert.deepEqual(
    { scenario, connections, survived, lost, corrupted, backgroundFlows, ok },
    {
      ...{ scenario: "power-off", connections: 20, survived: 20, lost: 0, corrupted: 0 },
      ...{ backgroundFlows: 500, ok: true },
    },
  );
  assert.notEqual(report["activeBefore"], report["activeAfter"]);
  for (const field of ["udpGapMs", "longestTcpStallMs", "takeoverMs"]) {
    assert.equal(typeof report[field], "number", field);
  }
  assert.deepEqual(traces(name), []);
});
