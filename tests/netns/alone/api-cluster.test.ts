/** The API comes and goes with the document, and its users are those of both nodes. Needs root. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { NodeStatus } from "../../../src/contract/status.ts";
import { controlSocket, labFolder, nodeFolder } from "../../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { type CommandResult, runCommand, tryCommand } from "../../../src/lab/run-command.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "../daemon-node.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";
import { assertAllGoOn } from "../streams-go-on.ts";

const CONNECTIONS = 40;
const PORT = 7_847;
const nodes = ["gw1", "gw2"] as const;
const password = "correct horse battery";
const launcher = fileURLToPath(new URL("../../../bin/tocha", import.meta.url));
const changed = join(tmpdir(), `tocha-api-cluster-${process.pid}.yaml`);

let lab: TestLab;
let streams: StreamTraffic;
const tokens = new Map<string, string>();

before(async () => {
  await requireNamespaces(["curl"]);
  lab = await TestLab.up("ac");
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
  rmSync(changed, { force: true });
});

const addressOf = (node: string) => `10.1.0.${1 + Number(node.slice(2))}`;
const authority = () => join(labFolder(lab.name), "keys", "ca.crt");
const inLan = () => ["netns", "exec", lab.namespace("lan")];

function curl(node: string, path: string, words: readonly string[]): Promise<CommandResult> {
  return tryCommand("ip", [
    ...[...inLan(), "curl", "-sS", "-m", "10", "--cacert", authority()],
    ...["--resolve", `${node}.tocha:${PORT}:${addressOf(node)}`, ...words],
    `https://${node}.tocha:${PORT}${path}`,
  ]);
}

/** The status that a token gets; 0 where nothing answers. */
async function statusFor(node: string, token: string, path = "/v1/session"): Promise<number> {
  const words = ["-o", "/dev/null", "-w", "%{http_code}", "-H", `authorization: Bearer ${token}`];
  return Number((await curl(node, path, words)).stdout);
}

async function post(node: string, path: string, body: unknown): Promise<Record<string, unknown>> {
  const words = ["-H", "content-type: application/json", "-d", JSON.stringify(body)];
  const { stdout } = await curl(node, path, words);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** A session of a name and a password, on one node. */
async function logIn(node: string, name: string): Promise<string> {
  return String((await post(node, "/v1/session", { name, password }))["token"]);
}

function onConsole(node: string, ...args: readonly string[]): Promise<CommandResult> {
  return tryCommand(launcher, [...args, "--socket", controlSocket(lab.name, node)]);
}

/** The command line of a host in the LAN, over the API. */
function over(node: string, token: string, ...args: readonly string[]): Promise<CommandResult> {
  const file = join(labFolder(lab.name), "token");
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return tryCommand("ip", [
    ...[...inLan(), launcher, ...args, "--url", `https://${addressOf(node)}:${PORT}`],
    ...["--token-file", file, "--ca", authority()],
  ]);
}

async function addUser(node: string, name: string, role: string): Promise<CommandResult> {
  const file = join(labFolder(lab.name), "password");
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return await onConsole(node, "user", "add", name, "--role", role, "--password-file", file);
}

async function textOf(node: string): Promise<string> {
  return (await new ControlClient(controlSocket(lab.name, node)).ask("config")).text;
}

async function rolesAndPids(): Promise<Readonly<Record<string, readonly (readonly [string, number])[]>>> {
  const all = await Promise.all(nodes.map((node) => lab.status(node)));
  const gateway = ({ processes }: NodeStatus) =>
    processes
      .filter(({ role }) => role !== "api" && role !== "control")
      .map(({ role, pid }) => [role, pid] as const);
  return Object.fromEntries(all.map((status) => [`${status.name} ${status.role}`, gateway(status)]));
}

async function untilItAnswers(node: string, answers: boolean): Promise<void> {
  await waitFor(
    `the API of ${node} ${answers ? "to answer" : "to be gone"}`,
    async () => {
      const { status } = await curl(node, "/healthz", ["-o", "/dev/null"]);
      return answers ? status === 0 : status === 7;
    },
    { explain: () => lab.log(node) },
  );
}

const users = (node: string) => readFileSync(join(nodeFolder(lab.name, node), "state", "users.json"), "utf8");

test("the API comes with the document, and the gateway does not notice", async () => {
  const before = await rolesAndPids();
  for (const node of nodes) assert.equal((await curl(node, "/healthz", [])).status, 7);
  writeFileSync(changed, `${await textOf("gw1")}api: { interface: lan, requestsPerSecond: 100000 }\n`);
  const applied = await onConsole("gw1", "config", "apply", changed, "-m", "an API");
  assert.equal(applied.status, 0, applied.stderr);
  for (const node of nodes) await untilItAnswers(node, true);
  assert.deepEqual(await rolesAndPids(), before);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a one-time code of one node makes the first admin on the other, once in the cluster", async () => {
  const { code } = JSON.parse((await onConsole("gw1", "user", "first-code", "-o", "json")).stdout) as {
    code: string;
  };
  const first = await post("gw2", "/v1/session/first", { code, name: "root1", password });
  assert.deepEqual([first["role"], first["missing"]], ["admin", []], JSON.stringify(first));
  tokens.set("admin", String(first["token"]));
  for (const node of nodes) {
    const again = await post(node, "/v1/session/first", { code, name: "root2", password });
    assert.equal(again["code"], "login-failed", node);
    const other = await onConsole(node, "user", "first-code");
    assert.match(other.stderr, /admin-exists/, node);
  }
});

test("a user, a token and a session that were made on one node count on the other", async () => {
  const { status, stderr } = await addUser("gw1", "ana", "viewer");
  assert.deepEqual([status, stderr], [0, ""]);
  const session = await logIn("gw2", "ana");
  const token = (await over("gw2", tokens.get("admin") ?? "", "user", "token", "add", "ana")).stdout.trim();
  for (const node of nodes) {
    assert.equal(await statusFor(node, session), 200, node);
    assert.equal(await statusFor(node, token), 200, node);
    // With the role that it has, and no other.
    assert.equal(await statusFor(node, token, "/v1/users"), 403, node);
  }
  assert.equal(users("gw1"), users("gw2"));
  // Who leaves one node has left the other; the API believes a token for two seconds.
  const leave = await curl("gw1", "/v1/session", ["-X", "DELETE", "-H", `authorization: Bearer ${session}`]);
  assert.equal(leave.stdout, '{"ok":true}');
  for (const node of nodes)
    await waitFor("the session to end", async () => (await statusFor(node, session)) === 401);
});

test("a removed user is refused on both nodes, with all tokens and sessions", async () => {
  await addUser("gw2", "bob", "operator");
  const session = await logIn("gw1", "bob");
  const token = (await onConsole("gw1", "user", "token", "add", "bob")).stdout.trim();
  for (const node of nodes)
    assert.deepEqual([await statusFor(node, session), await statusFor(node, token)], [200, 200]);
  assert.equal((await onConsole("gw2", "user", "remove", "bob")).status, 0);
  for (const node of nodes) {
    for (const secret of [session, token])
      await waitFor(`${node} to refuse`, async () => (await statusFor(node, secret)) === 401);
    assert.equal((await post(node, "/v1/session", { name: "bob", password }))["code"], "login-failed");
  }
});

test("a node that was away has what was changed meanwhile before its API answers", async () => {
  await addUser("gw1", "eve", "operator");
  const eve = (await onConsole("gw1", "user", "token", "add", "eve")).stdout.trim();
  assert.equal(await statusFor("gw2", eve), 200);
  await powerOff(lab.name, "gw2");
  const removed = await onConsole("gw1", "user", "remove", "eve");
  assert.equal(removed.status, 0);
  assert.match(removed.stderr, /not on gw2 yet/);
  const added = await over("gw1", tokens.get("admin") ?? "", "user", "token", "add", "ana", "-o", "json");
  const { token, missing } = JSON.parse(added.stdout) as { token: string; missing: string[] };
  assert.deepEqual(missing, ["gw2"]);
  await powerOn(lab.name, "gw2");
  await untilItAnswers("gw2", true);
  // The first answer that says anything of it.
  const seen = await waitFor("gw2 to know who asks", async () => {
    const status = await statusFor("gw2", eve);
    return status === 200 || status === 401 ? status : undefined;
  });
  assert.equal(seen, 401, lab.log("gw2"));
  assert.equal(await statusFor("gw2", token), 200);
  assert.equal(users("gw1"), users("gw2"));
  await lab.waitUntilWellOn("gw1");
});

test("a document is applied over the API, confirmed, and the history says by whom", async () => {
  const rule = "    - { id: over-https, from: 198.18.9.0/24, out: wan, to: masquerade }\n";
  writeFileSync(changed, (await textOf("gw1")).replace("  source:\n", `  source:\n${rule}`));
  const refused = await over("gw2", await logIn("gw2", "ana"), "config", "apply", changed);
  assert.deepEqual([refused.status, /not-allowed/.test(refused.stderr)], [1, true]);
  const { status, stdout, stderr } = await over(
    ...(["gw2", tokens.get("admin") ?? "", "config", "apply", changed, "-m", "over https"] as const),
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^ok {2}revision \d+ applies\.$/m);
  for (const node of nodes) {
    assert.match(await textOf(node), /over-https/);
    const { stdout: history } = await onConsole(node, "config", "history");
    assert.match(history, /root1@10\.1\.0\.10 {2}over https/);
    const chain = ["nft", "list", "chain", "inet", "tocha", "translate-source"];
    const rules = await runCommand("ip", ["netns", "exec", lab.namespace(node), ...chain]);
    assert.match(rules, /198\.18\.9\.0\/24 .*comment "over-https"/);
  }
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("users whom the document names are the only ones, on both nodes, at once", async () => {
  const text = await textOf("gw1");
  const apply = (users: string, ...by: readonly string[]) => {
    writeFileSync(changed, `${text}users: ${users}\n`);
    return over("gw1", tokens.get("admin") ?? "", "config", "apply", changed, "-m", "users", ...by);
  };
  const cut = await apply("{ ana: { role: admin } }");
  assert.deepEqual([cut.status, /plan-cuts-user/.test(cut.stderr)], [1, true], cut.stderr);
  const ana = await logIn("gw1", "ana");
  await addUser("gw1", "fay", "admin");
  const fay = await logIn("gw2", "fay");
  const { status, stderr } = await apply(
    "{ root1: { role: admin }, ana: { role: operator }, gil: { role: viewer } }",
  );
  assert.equal(status, 0, stderr);
  for (const node of nodes) {
    await waitFor(
      `${node} to refuse whom it does not name`,
      async () => (await statusFor(node, fay)) === 401,
    );
    const { stdout } = await curl(node, "/v1/session", ["-H", `authorization: Bearer ${ana}`]);
    assert.match(stdout, /"role":"operator"/, node);
    const list = (await onConsole(node, "user", "list")).stdout;
    assert.match(list, /^gil +viewer +no password +named in the document/m, node);
    assert.match(list, /^fay +admin +password +not in the document: kept out/m, node);
    assert.match((await addUser(node, "hal", "viewer")).stderr, /users-declared/);
  }
  writeFileSync(changed, text);
  const back = await over("gw2", tokens.get("admin") ?? "", "config", "apply", changed, "-m", "as before");
  assert.equal(back.status, 0, back.stderr);
  for (const node of nodes) assert.equal(await statusFor(node, fay), 200, node);
});

test("the API goes with the document, and the gateway does not notice", async () => {
  const before = await rolesAndPids();
  writeFileSync(changed, (await textOf("gw1")).replace(/^api:.*\n/m, ""));
  const applied = await onConsole("gw1", "config", "apply", changed, "-m", "no API");
  assert.equal(applied.status, 0, applied.stderr);
  for (const node of nodes) {
    await untilItAnswers(node, false);
    const { processes } = await lab.waitForNode(node, "without its API", (status) =>
      status.processes.every(({ role }) => role !== "api"),
    );
    assert.ok(processes.length > 0);
  }
  assert.deepEqual(await rolesAndPids(), before);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});
