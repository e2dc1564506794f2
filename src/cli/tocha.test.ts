import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { goodDocument } from "../contract/bad-documents.test-data.ts";
import { degradedStatus, healthyStatus } from "../contract/status.test-data.ts";

/** bin/tocha as users start it: what it prints, and its exit status. */

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs tocha to its end; `until` ends it with SIGINT when the output contains the text. */
async function tocha(
  args: readonly string[],
  { env = {}, until }: { env?: Record<string, string>; until?: string } = {},
): Promise<Run> {
  const child = spawn(join(root, "bin/tocha"), args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString();
    if (until !== undefined && out.split(until).length > 2) child.kill("SIGINT");
  });
  child.stderr.on("data", (bytes: Buffer) => {
    err += bytes.toString();
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const status = await promise;
  clearTimeout(timer);
  return { status, out, err };
}

let folder = "";
let server: Server;
/** What the pretended node answers next. */
/** Several values, one a line. */
class Lines {
  readonly values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.values = values;
  }
}

/** What it was asked last. */
let asked: string | undefined;
let answer: { status: number; body: unknown } = { status: 200, body: healthyStatus() };
const socket = () => join(folder, "control.sock");

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-cli-"));
  writeFileSync(join(folder, "good.yaml"), goodDocument);
  writeFileSync(
    join(folder, "bad.yaml"),
    goodDocument.replace("interval: 100ms", "intervall: 100ms").replace("gw2: 100", "gw2: 110"),
  );
  server = createServer((request, response) => {
    asked = request.url;
    const { status, body } = answer;
    const values = body instanceof Lines ? body.values : [body];
    response.writeHead(status).end(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(socket(), resolve);
  await promise;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe("tocha", () => {
  it("has help for everything, with examples", async () => {
    const { status, out } = await tocha(["--help"]);
    assert.equal(status, 0);
    for (const command of [
      ...[
        "run",
        "check",
        "status",
        "connections",
        "metrics",
        "failover",
        "switchover",
        "doctor",
        "support-bundle",
        "user",
        "audit",
        "keys",
        "lab",
        "version",
      ],
    ]) {
      assert.match(out, new RegExp(`^ {2}${command}\\b`, "m"));
    }
    const commands = (
      "run, check, status, connections, connections list, connections count, connections top, " +
      "connections sync, metrics, failover, failover why, failover history, " +
      "failover history show, switchover, doctor, support-bundle, user, user first-code, user list, user add, " +
      "user remove, user passwd, user token, user token add, user token remove, audit, keys, " +
      "keys init, keys issue, version, lab"
    )
      .split(", ")
      .map((words) => words.split(" "));
    for (const args of commands) {
      const help = await tocha([...args, "--help"]);
      assert.equal(help.status, 0, args.join(" "));
      assert.match(help.out, /Example/, args.join(" "));
    }
  });

  it("suggests, and ends with 2, when it is not understood", async () => {
    const { status, out, err } = await tocha(["stauts"]);
    assert.deepEqual({ status, out }, { status: 2, out: "" });
    assert.match(err, /unknown command 'stauts'[\s\S]*Did you mean status\?/);
    assert.match((await tocha(["status", "--sokcet", "x"])).err, /Did you mean --socket\?/);
    assert.equal((await tocha(["check", "a", "b"])).status, 2);
    assert.equal((await tocha([])).status, 2);
    const json = await tocha(["status", "-o", "json", "--bogus"]);
    assert.equal(JSON.parse(json.out).problems[0].code, "bad-usage");
    assert.equal(json.err, "");
  });

  it("knows its version", async () => {
    const { status, out } = await tocha(["version", "-o", "json"]);
    assert.equal(status, 0);
    assert.match(JSON.parse(out).version, /^\d+\.\d+\.\d+$/);
    assert.match((await tocha(["--version"])).out, /^tocha \d+\.\d+\.\d+ \(Node\.js v/);
  });
});

describe("tocha check", () => {
  it("says that a document is right", async () => {
    const { status, out, err } = await tocha(["check", "good.yaml"]);
    assert.equal(status, 0);
    assert.equal(err, "");
    assert.match(out, /^ok {2}good\.yaml is valid: revision [0-9a-f]{16}\n/);
  });

  it("shows every problem with its line and a mark", async () => {
    const { status, out, err } = await tocha(["check", "bad.yaml"], { env: { NO_COLOR: "1" } });
    assert.deepEqual({ status, out }, { status: 2, out: "" });
    const expected = `bad.yaml:16:5: error: groups.gateway has no key "intervall" [unknown-key]
  16 |     intervall: 100ms
     |     ^
  at groups.gateway.intervall
  -> Did you mean "interval"?

bad.yaml:18:34: error: 110 is the priority of gw1 already [duplicate-priority]
  18 |     priorities: { gw1: 110, gw2: 110 }
     |                                  ^
  at groups.gateway.priorities.gw2
  -> Give every node its own priority: the highest is preferred.

bad.yaml: 2 problems
`;
    assert.equal(err, expected);
  });

  it("has colours where they are forced, and none otherwise", async () => {
    const { NO_COLOR: _, ...rest } = process.env;
    const coloured = await tocha(["check", "bad.yaml"], {
      env: { ...(rest as Record<string, string>), FORCE_COLOR: "1", NO_COLOR: "" },
    });
    assert.ok(coloured.err.includes("\x1b[31m"));
    assert.ok(!(await tocha(["check", "bad.yaml"])).err.includes("\x1b"));
  });

  it("answers programs in JSON", async () => {
    const bad = await tocha(["check", "bad.yaml", "-o", "json"]);
    assert.deepEqual({ status: bad.status, err: bad.err }, { status: 2, err: "" });
    const { ok, problems } = JSON.parse(bad.out);
    assert.equal(ok, false);
    assert.deepEqual(
      problems.map((one: { code: string; line: number }) => `${one.line} ${one.code}`),
      ["16 unknown-key", "18 duplicate-priority"],
    );
    const good = JSON.parse((await tocha(["check", "good.yaml", "-o", "json"])).out);
    assert.deepEqual([good.ok, good.cluster, good.nodes], [true, "campus", ["gw1", "gw2"]]);
  });

  it("says what is wrong with a file that is no document", async () => {
    writeFileSync(join(folder, "latin1.yaml"), Buffer.from([0x63, 0xe9, 0x0a]));
    for (const [file, part] of [
      ["nothing.yaml", "does not exist"],
      [folder, "is a folder"],
      ["latin1.yaml", "UTF-8"],
    ] as const) {
      const { status, err } = await tocha(["check", file]);
      assert.equal(status, 2);
      assert.ok(err.includes(part), err);
    }
  });
});

describe("tocha run", () => {
  it("touches nothing before document, node and keys are right", async () => {
    const bad = await tocha(["run", "--config", "bad.yaml", "--node", "gw1"]);
    assert.equal(bad.status, 2);
    assert.match(bad.err, /^bad\.yaml:16:5: error:/);
    const stranger = await tocha(["run", "--config", "good.yaml", "--node", "gw3"]);
    assert.equal(stranger.status, 2);
    assert.match(stranger.err, /no node "gw3"[\s\S]*--node gw[12]/);
    const keyless = await tocha(["run", "--config", "good.yaml", "--node", "gw1"]);
    assert.equal(keyless.status, 2);
    assert.match(keyless.err, /keys\/ca\.crt does not exist[\s\S]*tocha keys init/);
  });

  it("says what this machine lacks, and the command that helps", async () => {
    assert.equal((await tocha(["keys", "init", "--directory", "keys", "--node", "gw1"])).status, 0);
    writeFileSync(join(folder, "elsewhere.yaml"), goodDocument.replaceAll("device: eth", "device: nowhere"));
    const { status, err } = await tocha(["run", "--config", "elsewhere.yaml", "--node", "gw1"]);
    assert.equal(status, 69);
    if (process.geteuid?.() === 0) {
      assert.match(err, /no network device nowhere0 \[missing-device\]\n {2}-> .*ip -br link/);
      assert.match(err, /nowhere2/);
    } else {
      assert.match(err, /must run as root[\s\S]*\[not-root\][\s\S]*sudo/);
    }
  });
});

describe("tocha status", () => {
  it("ends with 0 when all is well", async () => {
    answer = { status: 200, body: healthyStatus() };
    const { status, out } = await tocha(["status", "--socket", socket()]);
    assert.equal(status, 0);
    assert.match(out, /^campus OK {2}gw1 is active/);
  });

  it("ends with 1 when the cluster is degraded, in text and JSON", async () => {
    answer = { status: 200, body: degradedStatus() };
    const text = await tocha(["status", "--socket", socket()]);
    assert.equal(text.status, 1);
    assert.match(text.out, /^campus DEGRADED/);
    const json = await tocha(["status", "--socket", socket(), "-o", "json"]);
    assert.equal(json.status, 1);
    assert.deepEqual(JSON.parse(json.out), degradedStatus());
  });

  it("ends with 69 when nobody answers", async () => {
    const { status, out, err } = await tocha(["status", "--socket", join(folder, "none.sock")]);
    assert.deepEqual({ status, out }, { status: 69, out: "" });
    assert.match(err, /no node answers[\s\S]*tocha run/);
  });

  it("watches until Ctrl-C", async () => {
    answer = { status: 200, body: healthyStatus() };
    const { status, out } = await tocha(["status", "--socket", socket(), "--watch", "0.1", "-o", "json"], {
      until: "\n",
    });
    assert.equal(status, 0);
    const looks = out.trim().split("\n");
    assert.ok(looks.length >= 2);
    for (const look of looks) assert.equal(JSON.parse(look).verdict, "ok");
    assert.equal((await tocha(["status", "--watch", "often"])).status, 2);
  });
});

describe("tocha connections", () => {
  const connection = {
    ...{
      protocol: "tcp",
      state: "ESTABLISHED",
      source: "10.1.0.7",
      sourcePort: 1,
      destination: "203.0.113.9",
    },
    ...{ destinationPort: 443, timeoutSeconds: 9, assured: true, mirrored: true },
  };
  const walk = { node: "gw1", read: 2, entries: 2, matched: 1, end: "done" };
  /** The pretended node's answer is one line of JSON; several make a stream. */
  const stream = (...values: readonly unknown[]) => ({ status: 200, body: new Lines(values) });

  it("lists one connection a line, in text and as NDJSON", async () => {
    answer = stream({ walk: { ...walk, end: undefined } }, connection, { walk });
    const text = await tocha(["connections", "list", "--from", "10.1.0.0/24", "--socket", socket()]);
    assert.deepEqual({ status: text.status, err: text.err }, { status: 0, err: "" });
    assert.match(
      text.out,
      /^PROTO .*\ntcp +ESTABLISHED +10\.1\.0\.7:1 +-> 203\.0\.113\.9:443 +- +9s +yes\n$/,
    );
    assert.equal(asked, "/v1/connections?source=10.1.0.0%2F24");
    for (const json of [["-o", "json"], ["--json"]]) {
      const { out } = await tocha(["connections", "list", ...json, "--socket", socket()]);
      assert.deepEqual(
        out
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
        [connection],
      );
    }
  });

  it("ends with 1 when the kernel broke off, and with 2 for a wrong filter or limit", async () => {
    answer = stream({ walk: { ...walk, end: "failed" } });
    for (const command of ["list", "count", "top"]) {
      const { status, err } = await tocha(["connections", command, "--socket", socket()]);
      assert.equal(status, 1, command);
      assert.match(err, /broke off after 2 connections \[walk-failed\]/);
    }
    answer = { status: 400, body: { code: "bad-filter", message: '"x" is no port', hint: "Write a port." } };
    const wrong = await tocha(["connections", "top", "--port", "x", "--socket", socket(), "--json"]);
    assert.equal(wrong.status, 2);
    assert.equal(JSON.parse(wrong.out).problems[0].code, "bad-filter");
    assert.equal((await tocha(["connections", "list", "--limit", "0", "--socket", socket()])).status, 2);
    assert.equal((await tocha(["connections", "top", "--by", "colour"])).status, 2);
  });

  it("says how the connections are mirrored, and ends with 1 when they are not", async () => {
    answer = { status: 200, body: healthyStatus() };
    const well = await tocha(["connections", "sync", "--socket", socket()]);
    assert.equal(well.status, 0);
    assert.match(well.out, /^campus PROTECTED\n/);
    answer = { status: 200, body: degradedStatus() };
    const bad = await tocha(["connections", "sync", "--socket", socket(), "-o", "json"]);
    assert.equal(bad.status, 1);
    assert.equal(JSON.parse(bad.out).protected, false);
  });
});

describe("tocha switchover", () => {
  it("says who took over", async () => {
    answer = { status: 200, body: { ok: true, group: "gateway", from: "gw1", to: "gw2" } };
    const { status, out } = await tocha([
      "switchover",
      "--socket",
      socket(),
      "--to",
      "gw2",
      "--reason",
      "test",
    ]);
    assert.deepEqual({ status, out }, { status: 0, out: "ok  gw2 takes over from gw1.\n" });
  });

  it("ends with 1 when it is refused, and says why", async () => {
    answer = {
      status: 409,
      body: {
        code: "switchover-no-standby",
        message: "no living standby has a complete connection table",
        hint: "tocha status",
      },
    };
    const { status, err } = await tocha(["switchover", "--socket", socket()]);
    assert.equal(status, 1);
    assert.equal(
      err,
      "error: no living standby has a complete connection table [switchover-no-standby]\n  -> tocha status\n",
    );
    const json = await tocha(["switchover", "--socket", socket(), "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), { ok: false, problems: [answer.body] });
  });
});

describe("tocha keys", () => {
  it("makes keys, says what to copy, and never overwrites", async () => {
    const init = await tocha(["keys", "init", "--directory", "secrets"]);
    assert.equal(init.status, 0);
    assert.match(init.out, /wrote secrets\/ca\.key[\s\S]*Next: tocha keys issue/);
    const issue = await tocha(["keys", "issue", "gw1", "gw2", "--directory", "secrets"]);
    assert.equal(issue.status, 0);
    assert.match(issue.out, /scp -p secrets\/\{ca\.crt,cluster\.key,gw2\.crt,gw2\.key\} root@gw2:secrets\//);
    const again = await tocha(["keys", "issue", "gw2", "--directory", "secrets", "-o", "json"]);
    assert.equal(again.status, 2);
    assert.equal(JSON.parse(again.out).problems[0].code, "keys-exist");
    chmodSync(join(folder, "secrets"), 0o700);
  });
});
