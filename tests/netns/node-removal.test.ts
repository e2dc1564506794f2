/** A node is taken out of the document: the others refuse it from then on, whatever its certificate says. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, labFolder } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const changed = join(tmpdir(), `tocha-removal-${process.pid}.yaml`);

let lab: TestLab;
/** The document with all three nodes, as every one of them has applied it. */
let whole: string;

before(async () => {
  await requireNamespaces(["openssl"]);
  lab = await TestLab.up("nr", { nodes: 3 });
  await lab.waitUntilWellOn("gw1");
  whole = `${await textOf("gw1")}# three nodes\n`;
  apply(whole);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
  rmSync(changed, { force: true });
});

async function textOf(node: string): Promise<string> {
  return (await new ControlClient(controlSocket(lab.name, node)).ask("config")).text;
}

/** @returns what the command says */
function apply(text: string): string {
  writeFileSync(changed, text);
  const words = ["config", "apply", changed, "--socket", controlSocket(lab.name, "gw1")];
  const { status, stdout, stderr } = spawnSync(launcher, words, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return stdout + stderr;
}

function withoutThird(): string {
  const text = whole.replace(/^ {2}gw3:\n(?: {4}.*\n)+/m, "").replace(/, gw3: 90/, "");
  assert.doesNotMatch(text, /gw3/);
  return text;
}

/** What a node answers to one that has the certificate of gw3, and asks from its address. */
async function answerOf(node: string, path: string): Promise<string> {
  const key = (file: string) => join(labFolder(lab.name), "keys", file);
  const command = [
    `printf 'GET ${path} HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n' |`,
    `timeout 5 openssl s_client -quiet -connect 10.255.0.${node.slice(2)}:7846 -servername ${node}.tocha`,
    `-cert ${key("gw3.crt")} -key ${key("gw3.key")} -CAfile ${key("ca.crt")} 2>&1 || true`,
  ];
  return await runCommand("ip", ["netns", "exec", lab.namespace("gw3"), "sh", "-c", command.join(" ")]);
}

async function problemsOf(node: string): Promise<string[]> {
  const seen = await lab.seenBy(node);
  return (seen?.problems ?? []).map(({ code, message }) => `${code}: ${message}`);
}

/** gw3 hears from both that it is none of theirs, and says so. */
async function untilThirdSaysSo(): Promise<void> {
  let last: string[] = [];
  await waitFor(
    "gw3 to say that both refuse it",
    async () => {
      last = await problemsOf("gw3");
      const refusals = last.filter((one) => one.startsWith("node-not-in-document: "));
      return refusals.length === 2;
    },
    { limitMs: 30_000, explain: () => `${last.join("\n")}\n${lab.log("gw3")}` },
  );
  assert.ok(
    last.includes("node-not-in-document: gw1 refuses gw3: the document that applies on gw1 has no node gw3"),
  );
  assert.ok(!last.some((one) => one.startsWith("node-unreachable")), "they are not silent");
  assert.match(lab.log("gw3"), /gw1 refuses this node: the document that applies on gw1 has no node gw3/);
  assert.match(lab.log("gw1"), /gw3 has a certificate of the cluster, and is refused/);
}

async function untilTheOthersAreWell(): Promise<void> {
  await waitFor(
    "gw1 and gw2 to be a cluster of two",
    async () => {
      const seen = await lab.seenBy("gw1");
      return seen?.verdict === "ok" && seen.nodes.map(({ name }) => name).join() === "gw1,gw2";
    },
    { limitMs: 60_000, explain: () => lab.log("gw1") },
  );
}

test("a node that is removed while it runs may ask nothing any more, and hears why", async () => {
  const paths = ["/v1/config/after", "/v1/node", "/v1/node/support"];
  for (const path of paths) assert.match(await answerOf("gw2", path), /HTTP\/1\.1 200/);
  const said = apply(withoutThird());
  assert.match(said, /plan-revoke-keys/);
  assert.match(said, /tocha\s+keys\s+revoke\s+gw3,\s+then\s+tocha\s+keys\s+rotate\s+--cluster-key/);
  assert.match(said, /is made on gw1, gw2;/);
  await untilTheOthersAreWell();
  for (const node of ["gw1", "gw2"])
    for (const path of paths) {
      const answer = await answerOf(node, path);
      assert.match(answer, /HTTP\/1\.1 403/);
      assert.match(answer, /"code":"node-not-in-document"/);
      assert.doesNotMatch(answer, /virtualRouterId/, "nothing of the document");
    }
  await untilThirdSaysSo();
  assert.equal((await lab.status("gw3")).role, "standby");
});

test("a node that is taken in again is heard at once, and catches up", async () => {
  apply(`${whole}# again\n`);
  await lab.waitUntilWell();
  assert.equal(await textOf("gw3"), `${whole}# again\n`);
  // It asks the others anew, and knows by then that they refuse it no more.
  await lab.waitUntilSeen("gw3", "no problem", ({ problems }) => problems.length === 0);
});

test("a node that was removed while it was away hears it when it is back", async () => {
  await powerOff(lab.name, "gw3");
  apply(withoutThird());
  await untilTheOthersAreWell();
  await powerOn(lab.name, "gw3");
  await untilThirdSaysSo();
  assert.notEqual((await lab.status("gw3")).role, "active");
  await untilTheOthersAreWell();
});
