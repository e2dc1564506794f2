import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completionOf } from "./completion.ts";
import { wholeProgram } from "./program.ts";

const program = await wholeProgram();

/** What is offered at the end of a line; the part after the last blank is being written. */
function offered(line: string): string[] {
  const { candidates, paths, live } = completionOf(program, line.split(" ").slice(1));
  const word = line.split(" ").at(-1) ?? "";
  return [
    ...candidates.map(({ text }) => text).filter((text) => text.startsWith(word)),
    ...(paths === undefined ? [] : [`:${paths}`]),
    ...(live === undefined ? [] : [`@${live}`]),
  ];
}

describe("completion", () => {
  for (const [line, expected] of [
    ["tocha sta", ["status"]],
    ["tocha connections ", ["list", "count", "top", "sync"]],
    ["tocha failover history s", ["show"]],
    ["tocha status --o", ["--output"]],
    ["tocha status -o ", ["text", "json", "yaml"]],
    ["tocha status -o j", ["json"]],
    ["tocha status --output=j", ["--output=json"]],
    // As bash takes it apart.
    ["tocha status --output = j", ["json"]],
    ["tocha connections top --by ", ["source", "destination", "nat", "port"]],
    ["tocha check ", [":file"]],
    ["tocha run --config ", [":file"]],
    ["tocha run --state-dir ", [":directory"]],
    ["tocha switchover --to ", ["@nodes"]],
    ["tocha switchover --reason x --group ", ["@groups"]],
    ["tocha status --node ", ["@local-nodes"]],
    ["tocha failover history --node ", ["@nodes"]],
    ["tocha status --lab ", ["@labs"]],
    ["tocha node standby ", ["@nodes"]],
    ["tocha failover history show ", ["@changes"]],
    ["tocha config rollback ", ["@revisions"]],
    ["tocha lab down --name ", ["@labs"]],
    ["tocha lab cut ", ["@lab-links"]],
    ["tocha user remove ", ["@users"]],
    ["tocha user passwd ", ["@users"]],
    ["tocha user token add ", ["@users"]],
    ["tocha user token remove ", ["@users"]],
    ["tocha user token remove ana ", ["@user-tokens"]],
    // A new user has a new name.
    ["tocha user add ", []],
    ["tocha config choose ", ["@nodes"]],
    ["tocha keys revoke ", ["@nodes"]],
    ["tocha token --for ", ["@nodes"]],
    ["tocha config set ", ["@document-paths"]],
    ["tocha config unset ", ["@document-paths"]],
    ["tocha config set nat.source ", []],
    ["tocha completion ", ["bash", "zsh", "fish"]],
    ["tocha no-such-command --x ", []],
    ["tocha version ", []],
  ] as const) {
    it(line, () => assert.deepEqual(offered(line), expected));
  }

  it("knows every scenario of the lab", () => {
    assert.ok(offered("tocha lab run ").includes("power-off"));
  });

  it("passes on whom to ask", () => {
    const { place, live } = completionOf(program, ["switchover", "--lab", "demo", "--socket=/x", "--to", ""]);
    assert.deepEqual([...place.given, live], [["--lab", "demo"], ["--socket", "/x"], "nodes"]);
    const { place: inLab } = completionOf(program, ["lab", "cut", ""]);
    assert.deepEqual([...inLab.given], [["--name", "tocha"]], "what the command itself would ask");
  });

  it("passes on which file is edited, and whose token is removed", () => {
    const edited = (...words: string[]) => completionOf(program, words).place.given.get("--file");
    assert.equal(edited("config", "set", "-f", "mine.yaml", ""), "mine.yaml");
    assert.equal(edited("config", "unset", "--file=mine.yaml", ""), "mine.yaml");
    assert.equal(edited("config", "set", ""), "/etc/tocha/cluster.yaml");
    assert.deepEqual(completionOf(program, ["user", "token", "remove", "ana", ""]).place.args, ["ana"]);
  });

  it("puts together what bash takes apart at colons, and gives back what is behind the last", () => {
    const url = completionOf(program, ["status", "--url", "https", ":", "//gw1", ":", "7847", "--o"]);
    assert.deepEqual(url.place.given.get("--url"), "https://gw1:7847");
    assert.deepEqual([url.written, url.apart], ["--o", 0]);
    const path = completionOf(program, ["config", "unset", "a.wan[2001", ":", "db8", "::", "1"]);
    assert.deepEqual([path.written, path.apart], ["a.wan[2001:db8::1", "a.wan[2001:db8::".length]);
    const atColon = completionOf(program, ["config", "unset", "a.wan[2001", ":"]);
    assert.deepEqual([atColon.written, atColon.apart], ["a.wan[2001:", "a.wan[2001:".length]);
    const inOthers = completionOf(program, ["config", "unset", "a.wan[2001:db8::1"]);
    assert.deepEqual([inOthers.written, inOthers.apart], ["a.wan[2001:db8::1", 0]);
  });
});
