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
    const { given, live } = completionOf(program, ["switchover", "--lab", "demo", "--socket=/x", "--to", ""]);
    assert.deepEqual([...given, live], [["--lab", "demo"], ["--socket", "/x"], "nodes"]);
  });
});
