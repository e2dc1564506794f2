import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { NodeStatus } from "../../../src/contract/status.ts";
import { controlSocket, documentPath, labFolder, nodeFolder } from "../../../src/lab/lab-folder.ts";
import { nodeNames } from "../../../src/lab/lab-plan.ts";
import { startNode } from "../../../src/lab/node-process.ts";
import { sendSignal } from "../../../src/lab/process-table.ts";
import { type CommandResult, runCommand, tryCommand } from "../../../src/lab/run-command.ts";
import type { ApiFuzzOptions, ApiFuzzResult } from "../api-fuzz-program.ts";
import { TestLab } from "../daemon-node.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";

// The API of real nodes, asked by a host in the LAN: over curl, and over the command line.

const PORT = 7_847;
const SEED = 20_261_126;
const MALFORMED_REQUESTS = 10_000;
/** Resident memory of a process that has stood 10,000 malformed requests: what it may have more than before. */
const GROWTH_KIB_MAX = 96 << 10;
const password = "correct horse battery";
const launcher = fileURLToPath(new URL("../../../bin/tocha", import.meta.url));
const nodeScript = fileURLToPath(new URL("../../../scripts/node.sh", import.meta.url));
const fuzzProgram = fileURLToPath(new URL("../api-fuzz-program.ts", import.meta.url));

let lab: TestLab;
/** Tokens by role, on the first node. */
const tokens = new Map<string, string>();
const children: ChildProcess[] = [];

before(async () => {
  await requireNamespaces(["curl"]);
  lab = await TestLab.up("ta", {}, { daemons: false });
  appendFileSync(documentPath(lab.name), "api: { interface: lan, requestsPerSecond: 100000 }\n");
  for (const node of nodeNames(lab.settings)) await startNode(lab.name, node);
  await lab.waitUntilWellOn("gw1");
});

after(async () => {
  for (const child of children) child.kill("SIGKILL");
  await lab?.down();
});

const addressOf = (node: string) => `10.1.0.${1 + Number(node.slice(2))}`;
const authority = () => join(labFolder(lab.name), "keys", "ca.crt");
const inLan = () => ["netns", "exec", lab.namespace("lan")];

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function curl(
  node: string,
  path: string,
  {
    token,
    method = "GET",
    body,
    headers = [],
  }: {
    readonly token?: string | undefined;
    readonly method?: string;
    readonly body?: unknown;
    readonly headers?: readonly string[];
  } = {},
): Promise<Answer> {
  const sent = [...headers, ...(token === undefined ? [] : [`authorization: Bearer ${token}`])];
  const text = await runCommand("ip", [
    ...[...inLan(), "curl", "-sS", "-m", "30", "--cacert", authority(), "-X", method],
    ...["--resolve", `${node}.tocha:${PORT}:${addressOf(node)}`, "-w", "\n%{http_code}"],
    ...sent.flatMap((header) => ["-H", header]),
    ...(body === undefined ? [] : ["-H", "content-type: application/json", "-d", JSON.stringify(body)]),
    `https://${node}.tocha:${PORT}${path}`,
  ]);
  const lines = text.split("\n");
  const status = Number(lines.pop());
  return { status, json: JSON.parse(lines.join("\n")) as Record<string, unknown> };
}

/** The command line, on a host in the LAN. */
function tochaOver(node: string, role: string, args: readonly string[]): Promise<CommandResult> {
  const file = join(labFolder(lab.name), `token-${role}`);
  writeFileSync(file, `${tokens.get(role) ?? ""}\n`, { mode: 0o600 });
  return tryCommand("ip", [
    ...[...inLan(), launcher, ...args, "--url", `https://${addressOf(node)}:${PORT}`],
    ...["--token-file", file, "--ca", authority()],
  ]);
}

async function onConsole(node: string, args: readonly string[]): Promise<string> {
  return await runCommand(launcher, [...args, "--socket", controlSocket(lab.name, node)]);
}

function apiProcess(status: NodeStatus) {
  const found = status.processes.find(({ role }) => role === "api");
  if (found === undefined) throw new Error("the node has no api role");
  return found;
}

function statusOf(pid: number): Readonly<Record<string, string>> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/, 2) as [string, string]));
}

test("the API runs as a user that may do nothing, behind a socket that only it may open", async () => {
  const { pid } = await lab.processOf("gw1", "api");
  const { Uid = "", Gid = "", Groups, CapPrm, CapEff, CapInh, NoNewPrivs } = statusOf(pid);
  assert.ok(!Uid.split("\t").includes("0") && !Gid.split("\t").includes("0"), `${Uid} ${Gid}`);
  assert.deepEqual([CapPrm, CapEff, CapInh, NoNewPrivs], [...Array(3).fill("0".repeat(16)), "1"]);
  assert.equal((Groups ?? "").trim(), "");
  const folder = join(nodeFolder(lab.name, "gw1"), "api");
  const [mode, owner, group] = (await runCommand("stat", ["-c", "%a %u %g", folder])).trim().split(" ");
  assert.deepEqual([mode, owner, group], ["710", "0", Gid.split("\t")[0]]);
  // A user of another group cannot come in, were it even let through the folders above.
  const other = ["--reuid=12345", "--regid=12345", "--clear-groups"];
  const tried = await tryCommand("setpriv", [...other, "sh", "-c", `cd ${folder}`]);
  assert.notEqual(tried.status, 0);
  // It listens on the interface of the document alone.
  const listening = await runCommand("ip", ["netns", "exec", lab.namespace("gw1"), "ss", "-Hltn"]);
  const addresses = listening.split("\n").filter((line) => line.includes(`:${PORT} `));
  assert.equal(addresses.length, 2, listening);
  for (const line of addresses) assert.match(line, /(?:10\.1\.0\.2|\[fd00:1::2\])%lan:7847/);
});

test("the first admin comes by a code from the console, and others by the admin", async () => {
  assert.equal((await curl("gw1", "/v1/status")).status, 401);
  const { code } = JSON.parse(await onConsole("gw1", ["user", "first-code", "-o", "json"])) as {
    code: string;
  };
  const wrong = { code: "AAAA-AAAA-AAAA", name: "root1", password };
  assert.equal((await curl("gw1", "/v1/session/first", { method: "POST", body: wrong })).status, 401);
  const first = await curl("gw1", "/v1/session/first", { method: "POST", body: { ...wrong, code } });
  assert.equal(first.status, 200);
  tokens.set("admin", String(first.json["token"]));
  for (const role of ["viewer", "operator"]) {
    assert.equal(
      (await tochaOver("gw1", "admin", ["user", "add", role, "--role", role, "--no-password"])).status,
      0,
    );
    const { stdout } = await tochaOver("gw1", "admin", ["user", "token", "add", role, "--days", "1"]);
    tokens.set(role, stdout.trim());
  }
  const { stdout } = await tochaOver("gw1", "viewer", ["status", "-o", "json"]);
  assert.equal((JSON.parse(stdout) as { activeNode: string }).activeNode, "gw1");
  assert.match((await tochaOver("gw1", "viewer", ["metrics"])).stdout, /^tocha_/m);
  assert.match((await tochaOver("gw1", "viewer", ["connections", "count"])).stdout, /connection/);
  assert.equal((await curl("gw1", "/readyz")).status, 200);
});

test("an operator sets the other node aside over this one; a viewer may not; the audit log says who, and from where", async () => {
  const standby = ["node", "standby", "gw2", "--reason", "a new fan"];
  const refused = await tochaOver("gw1", "viewer", standby);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /not-allowed/);
  assert.equal((await tochaOver("gw1", "operator", standby)).status, 0);
  const { maintenance } = await lab.waitForNode(
    "gw2",
    "set aside",
    (status) => status.maintenance !== undefined,
  );
  // Not who the command says that it is, but who the token says.
  assert.equal(maintenance?.by, "operator@10.1.0.10");
  assert.equal((await tochaOver("gw1", "operator", ["node", "resume", "gw2"])).status, 0);
  const { stdout } = await tochaOver("gw1", "admin", ["audit", "-o", "json"]);
  const { entries } = JSON.parse(stdout) as { entries: Record<string, unknown>[] };
  const found = entries.find(({ operation }) => operation === "node.standby");
  assert.deepEqual([found?.["who"], found?.["from"], found?.["result"]], ["operator", "10.1.0.10", "ok"]);
  const there = JSON.parse(await onConsole("gw2", ["audit", "-o", "json"])) as {
    entries: Record<string, unknown>[];
  };
  const passed = there.entries.find(({ operation }) => operation === "node.standby");
  assert.deepEqual([passed?.["who"], passed?.["via"]], ["gw1", "node"]);
});

test("a switchover with a key is done once, and events tell of it, also to whoever was cut off", async () => {
  await lab.waitUntilWellOn("gw1");
  const stream = new EventStream(lab, tokens.get("viewer") ?? "");
  await stream.waitFor("the stream to begin", (text) => text.includes(": tocha"));
  const ask = () =>
    curl("gw1", "/v1/switchover", {
      ...{ method: "POST", token: tokens.get("operator"), body: { reason: "test" } },
      headers: ["idempotency-key: one-switchover"],
    });
  const [one, other] = await Promise.all([ask(), ask()]);
  assert.equal(one.status, 200, JSON.stringify(one.json));
  assert.deepEqual(other, one);
  assert.deepEqual(await ask(), one);
  const record = await curl("gw1", "/v1/operations/one-switchover", { token: tokens.get("operator") });
  assert.equal(record.json["state"], "done");
  assert.equal((await lab.waitUntilWell()).activeNode, "gw2");
  const text = await stream.waitFor("the change of role", (seen) => /event: active\n.*"gw2"/.test(seen));
  assert.match(text, /event: transition\ndata: .*"to":"standby"/);
  const [firstId = ""] = /(?<=^id: ).*/m.exec(text) ?? [];
  stream.stop();
  const resumed = new EventStream(lab, tokens.get("viewer") ?? "", firstId);
  const again = await resumed.waitFor("what came after", (seen) => /event: active\n.*"gw2"/.test(seen));
  assert.ok(!again.includes(`id: ${firstId}\n`) && !again.includes("event: gap"), again);
  resumed.stop();
});

test("kill -9 of the API disturbs nobody, and it is there again, with its sessions", async () => {
  const before = await lab.status("gw1");
  const { pid } = apiProcess(before);
  sendSignal(pid, "SIGKILL");
  const now = await lab.waitForNode("gw1", "with another API", (status) => {
    const { pid: next, state } = apiProcess(status);
    return next > 0 && next !== pid && state === "answers";
  });
  const others = ({ processes }: NodeStatus) =>
    processes.filter(({ role }) => role !== "api").map(({ role, pid: own }) => `${role} ${own}`);
  assert.deepEqual(others(now), others(before));
  assert.equal(now.role, before.role);
  const answer = await waitFor("the API to listen again", async () => {
    const { status, stdout } = await tochaOver("gw1", "admin", ["status", "-o", "json"]);
    return status === 0 ? stdout : undefined;
  });
  assert.ok(answer.includes('"cluster"'));
});

test("10,000 malformed requests leave the daemon and the gateway as they were", async (t) => {
  await lab.waitUntilWellOn("gw1");
  const memory = (status: NodeStatus) =>
    Object.fromEntries(
      status.processes.map(({ role, pid }) => [role, Number.parseInt(statusOf(pid)["VmRSS"] ?? "0", 10)]),
    );
  const before = await lab.status("gw1");
  assert.equal(before.role, "active");
  const memoryBefore = memory(before);
  const usersBefore = await onConsole("gw1", ["user", "list", "-o", "json"]);
  const auditBefore = await onConsole("gw1", ["audit", "--limit", "1", "-o", "json"]);
  const options: ApiFuzzOptions = {
    ...{ address: addressOf("gw1"), port: PORT, ca: readFileSync(authority(), "utf8") },
    ...{ viewer: tokens.get("viewer") ?? "", admin: tokens.get("admin") ?? "" },
    ...{ requests: MALFORMED_REQUESTS, seed: SEED },
  };
  const { answers, sent } = JSON.parse(
    await runCommand("ip", [...inLan(), "bash", nodeScript, fuzzProgram], { input: JSON.stringify(options) }),
  ) as ApiFuzzResult;
  const seen = JSON.stringify(answers);
  t.diagnostic(`answered: ${seen}`);
  assert.ok(sent >= MALFORMED_REQUESTS);
  // They came as far as the routes, the tokens, the roles and the bodies, and no defect ended one.
  for (const status of ["400", "401", "403", "404", "405", "415", "431"])
    assert.ok((answers[status] ?? 0) > 0, seen);
  assert.ok((answers["500"] ?? 0) === 0 && (answers["503"] ?? 0) === 0, seen);

  const now = await lab.status("gw1");
  const identity = ({ processes }: NodeStatus) =>
    processes.map(({ role, pid, restarts, hangs }) => ({ role, pid, restarts, hangs }));
  assert.deepEqual(identity(now), identity(before));
  const story = `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;
  assert.deepEqual([now.role, now.groups.map(({ role }) => role)], ["active", ["active"]], story);
  const memoryNow = memory(now);
  t.diagnostic(`KiB: ${JSON.stringify(memoryBefore)} -> ${JSON.stringify(memoryNow)}`);
  for (const [role, kib] of Object.entries(memoryNow))
    assert.ok(
      kib - (memoryBefore[role] ?? 0) < GROWTH_KIB_MAX,
      `${role}: ${memoryBefore[role]} -> ${kib} KiB`,
    );
  assert.equal(withoutUses(await onConsole("gw1", ["user", "list", "-o", "json"])), withoutUses(usersBefore));
  const { status } = await curl("gw1", "/v1/status", { token: tokens.get("viewer") });
  assert.equal(status, 200);
  // Nothing was changed: whatever was tried and refused by control is in the log, nothing of it as done.
  const newest = JSON.parse(auditBefore) as { entries: { at: string }[] };
  const since = newest.entries[0]?.at ?? "";
  const { entries } = JSON.parse(await onConsole("gw1", ["audit", "--limit", "1000", "-o", "json"])) as {
    entries: { at: string; result: string }[];
  };
  assert.deepEqual(
    entries.filter(({ at, result }) => at > since && result === "ok"),
    [],
  );
  assert.equal((await new ControlClient(controlSocket(lab.name, "gw2")).status()).activeNode, "gw1");
});

function withoutUses(text: string): string {
  return text.replace(/"lastUsed": .*/g, "");
}

/** The events of gw1, as curl receives them. */
class EventStream {
  readonly #child: ChildProcess;
  #text = "";

  constructor(of: TestLab, token: string, lastEventId?: string) {
    this.#child = spawn("ip", [
      ...["netns", "exec", of.namespace("lan"), "curl", "-sSN", "--cacert", authority()],
      ...["--resolve", `gw1.tocha:${PORT}:${addressOf("gw1")}`, "-H", `authorization: Bearer ${token}`],
      ...(lastEventId === undefined ? [] : ["-H", `last-event-id: ${lastEventId}`]),
      `https://gw1.tocha:${PORT}/v1/events`,
    ]);
    children.push(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#text += text;
      });
  }

  /** @returns everything that came so far */
  async waitFor(what: string, isThere: (text: string) => boolean): Promise<string> {
    return await waitFor(what, () => (isThere(this.#text) ? this.#text : undefined), {
      explain: () => this.#text,
    });
  }

  stop(): void {
    this.#child.kill("SIGTERM");
  }
}
