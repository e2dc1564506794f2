import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../../src/base/problem.ts";
import { type BenchOptions, readBenchOptions } from "./bench-options.ts";

function read(...args: string[]): BenchOptions {
  const options = readBenchOptions(args);
  assert.ok(options !== "help");
  return options;
}

test("everything, three times, with a million connections, unless something else is asked for", () => {
  const { runs, flows, parts, contenders, json } = read();
  assert.deepEqual([runs, flows, json], [3, 1_000_000, false]);
  assert.deepEqual(parts, ["cpu", "rate", "takeover", "memory", "idle", "rejoin"]);
  assert.deepEqual([contenders[0], contenders.at(-1), contenders.length], ["none", "tocha", 5]);
});

test("a quick run is one run with a small table; what is said explicitly counts more", () => {
  assert.deepEqual([read("--quick").runs, read("--quick").flows], [1, 50_000]);
  assert.deepEqual([read("--quick", "--runs", "2").runs, read("--flows", "7").flows], [2, 7]);
});

test("parts come in the order of measurement", () => {
  assert.deepEqual(read("--only", "rejoin,cpu").parts, ["cpu", "rejoin"]);
  assert.equal(read("-o", "json").json, true);
  assert.equal(readBenchOptions(["--help"]), "help");
});

for (const args of [
  ["--only", "speed"],
  ["--contenders", "keepalived"],
  ["--runs", "0"],
  ["--runs", "many"],
  ["-o", "xml"],
  ["--fast"],
]) {
  test(`${args.join(" ")} is refused with a reason`, () => {
    assert.throws(() => readBenchOptions(args), ProblemError);
  });
}
