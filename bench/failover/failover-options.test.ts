import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProblemError } from "../../src/base/problem.ts";
import { readFailoverOptions } from "./failover-options.ts";
import { planRound } from "./plan.ts";

function read(...args: string[]) {
  const options = readFailoverOptions(args);
  assert.ok(options !== "help");
  return options;
}

const cells = (...args: string[]) =>
  planRound(read(...args)).map(({ scenario, contender, flows }) => `${scenario} ${contender} ${flows}`);

describe("options of the failover bench", () => {
  it("measures everything by default", () => {
    assert.deepEqual(cells(), [
      "power-off tocha 0",
      "power-off tocha 200000",
      "power-off tocha 1000000",
      "power-off tocha-fastest 0",
      "power-off tocha-fastest 200000",
      "power-off tocha-many 0",
      "power-off keepalived 0",
      "power-off keepalived 200000",
      "power-off keepalived-best 0",
      "power-off keepalived-best 200000",
      "switchover tocha 0",
      ...["stop", "cut-lan", "cut-wan"].flatMap((scenario) =>
        ["tocha", "keepalived", "keepalived-best"].map((contender) => `${scenario} ${contender} 0`),
      ),
    ]);
    assert.equal(read().runs, 20);
    assert.deepEqual(read().parts, ["takeover", "steady"]);
    assert.equal(read().minutes, 10);
  });

  it("measures what is asked for", () => {
    assert.deepEqual(cells("--scenarios", "stop,power-off", "--contenders", "tocha", "--flows", "5,5"), [
      "power-off tocha 5",
      "power-off tocha 1000000",
      "stop tocha 0",
    ]);
    assert.deepEqual(cells("--scenarios", "power-off", "--contenders", "tocha", "--flows-tocha", ""), [
      "power-off tocha 0",
      "power-off tocha 200000",
    ]);
    assert.deepEqual(cells("--only", "steady", "--minutes", "2"), []);
    assert.deepEqual(read("--only", "steady").parts, ["steady"]);
    assert.equal(read("--only", "steady", "--minutes", "2").minutes, 2);
    assert.equal(readFailoverOptions(["--help"]), "help");
    assert.equal(read("-o", "json").json, true);
  });

  it("refuses what it does not understand", () => {
    const wrong = [
      ["--runs", "0"],
      ["--runs", "-1"],
      ["--only", "load"],
      ["--minutes", "0"],
      ["--minutes", "0.5"],
      ["--minutes", ""],
      ["--flows", "1,x"],
      ["--scenarios", "fire"],
      ["--contenders", "vrrpd"],
      ["-o", "yaml"],
      ["--fast"],
    ];
    for (const args of wrong) assert.throws(() => readFailoverOptions(args), ProblemError, args.join(" "));
  });
});
