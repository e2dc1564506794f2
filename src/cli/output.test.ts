import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { exampleWhy } from "../contract/failover-why.test-data.ts";
import { problemCodes } from "../contract/problem-codes.ts";
import { degradedStatus, healthyStatus } from "../contract/status.test-data.ts";
import { exitStatus, exitStatusOf } from "./exit-status.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

/** What holds for all commands: formats, colours, exit statuses. */

let node: PretendedNode;
before(async () => {
  node = await PretendedNode.start();
});
after(() => node.stop());

const degraded = () => ({ status: 200, body: degradedStatus() });
const refused = { code: "switchover-no-standby", message: "no standby is complete", hint: "tocha status" };

describe("-o yaml", () => {
  it("says what -o json says, with the same exit status", async () => {
    node.answer = degraded();
    for (const flag of [["-o", "yaml"], ["-oyaml"], ["--output=yaml"]]) {
      const { status, out } = await node.tocha(["status", ...flag]);
      assert.equal(status, exitStatus.notOk);
      assert.deepEqual(parse(out), degradedStatus());
      assert.doesNotMatch(out, /^\{/);
    }
  });

  it("problems come in it as well", async () => {
    node.answer = { status: 409, body: refused };
    const { status, out, err } = await node.tocha(["switchover", "-o", "yaml"]);
    assert.deepEqual({ status, err }, { status: exitStatus.notOk, err: "" });
    assert.deepEqual(parse(out), { ok: false, problems: [refused] });
    const wrong = await node.tocha(["status", "-o", "yaml", "--bogus"]);
    assert.equal(parse(wrong.out).problems[0].code, "bad-usage");
  });
});

describe("tocha status --watch", () => {
  it("prints one look a line in JSON, goes on over a node that refuses, and ends with its reader", async () => {
    node.answer = { status: 200, body: healthyStatus() };
    node.first.push(node.answer, { status: 409, body: refused }, degraded());
    const looks = await node.firstLines(["status", "--watch", "0.1", "-o", "json"], 4);
    const told = looks.map((look) => JSON.parse(look));
    assert.deepEqual(
      told.map((one) => one.verdict ?? one.problems[0].code),
      ["ok", refused.code, "degraded", "ok"],
    );
    assert.deepEqual(told[0], healthyStatus());
  });

  it("separates the looks in YAML", async () => {
    node.first.length = 0;
    const lines = await node.firstLines(["status", "--watch", "0.1", "-o", "yaml"], 200);
    assert.ok(lines.includes("---"));
    assert.equal(parse(lines.slice(0, lines.indexOf("---")).join("\n")).verdict, "ok");
  });
});

describe("colours", () => {
  const control = "\x1b[";
  // Node takes a machine with CI set for one whose terminals have no colours.
  const env = { CI: "", NO_COLOR: "", FORCE_COLOR: "", TERM: "xterm-256color" };

  for (const [words, answer] of [
    [["status"], degraded()],
    [["connections", "sync"], degraded()],
    [["failover", "why"], { status: 200, body: exampleWhy() }],
    [["switchover"], { status: 409, body: refused }],
    [["status", "--bogus"], degraded()],
  ] as const) {
    it(`tocha ${words.join(" ")}: on a terminal, and not with NO_COLOR, nor in a pipe`, async () => {
      node.answer = answer;
      assert.ok((await node.onTerminal(words, { env })).includes(control), "on a terminal");
      assert.ok(!(await node.onTerminal(words, { env: { ...env, NO_COLOR: "1" } })).includes(control));
      const { out, err } = await node.tocha(words);
      assert.ok(!`${out}${err}`.includes(control), "in a pipe");
    });
  }
});

describe("exit statuses", () => {
  it("0: all is well; 1: the answer is bad", async () => {
    node.answer = { status: 200, body: healthyStatus() };
    assert.equal((await node.tocha(["status"])).status, 0);
    node.answer = degraded();
    assert.equal((await node.tocha(["status"])).status, 1);
  });

  it("2: the command line is wrong; 69: nobody answers; 70: a defect", async () => {
    assert.equal((await node.tocha(["status", "--bogus"])).status, 2);
    const absent = await PretendedNode.start();
    absent.close();
    assert.equal((await absent.tocha(["status"])).status, 69);
    absent.stop();
    const broken = `--import=data:text/javascript,JSON.stringify=()=>{throw(new(Error)("boom"))}`;
    node.answer = degraded();
    const { status, err } = await node.tocha(["status", "-o", "json"], { env: { NODE_OPTIONS: broken } });
    assert.equal(status, 70);
    assert.match(err, /a defect of tocha ended this command: boom[\s\S]*TOCHA_DEBUG=1/);
  });

  it("every code of a problem has one, and it is not that of success or of a defect", () => {
    const counted = new Map<number, number>();
    for (const code of Object.keys(problemCodes)) {
      const status = exitStatusOf({ code, message: "" });
      counted.set(status, (counted.get(status) ?? 0) + 1);
    }
    assert.deepEqual([...counted.keys()].sort(), [1, 2, 69]);
    assert.equal(exitStatusOf({ code: "no-running-node", message: "" }), 69);
    assert.equal(exitStatusOf({ code: "bad-usage", message: "" }), 2);
    assert.equal(exitStatusOf({ code: "unknown-key", message: "", line: 3 }), 2);
    assert.equal(exitStatusOf({ code: "not-active", message: "" }), 1);
  });
});
