import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run, runIp } from "../../tests/network/test-host.ts";
import { goodDocument } from "../contract/bad-documents.test-data.ts";
import { readDocument } from "../contract/read-document.ts";
import { Log } from "./log.ts";
import { type NodeSettings, nodeSettings } from "./node-settings.ts";
import { encodeEnvelope } from "./role-message.ts";
import { Supervisor } from "./supervisor.ts";

const LIMIT_MS = 20_000;
/** Programs in place of roles: one that stays until its channel closes, and one that answers once and fails. */
const STAYS = `new (require("node:net").Socket)({ fd: 3 }).resume().on("close", () => process.exit());`;
const ANSWER = encodeEnvelope({
  ...{ to: "supervisor", from: "failover", message: { kind: "heartbeat-answer", number: 1 } },
});
const FAILS = `require("node:fs").writeSync(3, ${JSON.stringify(ANSWER)}); setTimeout(() => process.exit(1), 200);`;

function settingsWith(virtualAddress: string, folder: string): NodeSettings {
  const text = goodDocument.replaceAll("10.1.0.1/24", `${virtualAddress}/24`);
  const { document } = readDocument(text, "cluster.yaml");
  assert.ok(document);
  const places = { configFile: join(folder, "c.yaml"), runDirectory: folder, stateDirectory: folder };
  return nodeSettings({ document, node: "gw1", ...places }, [new Uint8Array(32)]);
}

/** In this namespace, which nobody else is in. */
const netlinkSockets = () => readFileSync("/proc/thread-self/net/netlink", "utf8").split("\n").length;
const addresses = () => run("ip", ["-o", "-4", "address", "show", "dev", "eth0"]);

it("guards the addresses of a document that comes between two starts of the failover role", async (context: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), "tocha-supervisor-"));
  context.after(() => rmSync(folder, { recursive: true }));
  runIp(["link add eth0 type veth peer name far", "link set eth0 up"]);
  const { setInterval: start } = globalThis;
  // Its heartbeat would keep this process.
  context.mock.method(globalThis, "setInterval", (beat: () => void, ms: number) => start(beat, ms).unref());

  const settings = settingsWith("10.1.0.1", folder);
  const log = new Log("gw1", { fixed: undefined, level: "info" });
  const said: string[] = [];
  context.mock.method(log, "write", (...words: string[]) => said.push(words.join(" ")));
  const order = encodeEnvelope({
    ...{ to: "supervisor", from: "control" },
    message: {
      ...{ kind: "reconfigure", request: 1, restart: ["failover"] },
      settings: settingsWith("10.1.0.9", folder),
    },
  });
  const control = `${STAYS} process.on("SIGUSR2", () => require("node:fs").writeSync(3, ${JSON.stringify(order)}));
    console.log("control is", process.pid);`;
  const supervisor = new Supervisor({
    ...{ settings, log },
    runtimeOptions: {
      ...{ control: ["--eval", control], replicator: ["--eval", STAYS], failover: ["--eval", FAILS] },
    },
  });
  supervisor.start();
  context.after(() => supervisor.stop());

  // The wait before the next start grows: this one is long enough for the document to come.
  await until(() => said.some((line) => line.includes("starting it again in 400 ms")));
  const pid = () => Number(said.map((line) => /control is (\d+)/.exec(line)?.[1]).find((one) => one));
  await until(() => pid() > 0);
  const sockets = netlinkSockets();
  process.kill(pid(), "SIGUSR2");
  const release = () => readFileSync(join(folder, "release.ip"), "utf8");
  await until(() => release().includes("address del 10.1.0.9/24 dev eth0\n"));
  assert.equal(netlinkSockets(), sockets, "those of the document before are closed");
  assert.ok(!release().includes("10.1.0.1/"), release());

  // What a failover role with that document leaves behind when it dies.
  runIp(["address add 10.1.0.9/24 dev eth0"]);
  await until(() => !addresses().includes("10.1.0.9"));

  async function until(isSo: () => boolean): Promise<void> {
    const endMs = performance.now() + LIMIT_MS;
    while (!isSo() && performance.now() < endMs) await sleep(20);
    assert.ok(isSo(), `${said.join("\n")}\n${addresses()}`);
  }
});
