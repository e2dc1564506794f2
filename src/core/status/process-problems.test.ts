import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { healthyStatus } from "../../contract/status.test-data.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { processProblems } from "./process-problems.ts";

function problems(processes: NodeStatus["processes"], reachable = true): string[] {
  const [node] = healthyStatus().nodes;
  assert.ok(node !== undefined);
  return processProblems({ ...node, processes, reachable }).map(({ code, message }) => `${code}: ${message}`);
}

const control = { role: "control", pid: 1, restarts: 0 };

describe("processProblems", () => {
  it("has nothing against processes that work, start, or are started again once", () => {
    for (const state of ["answers", "starting", "waiting"])
      assert.deepEqual(problems([{ ...control, state, failures: 2 }]), []);
    assert.deepEqual(problems([control]), [], "an older node says no more");
  });

  it("names a process that does not answer, and one that fails again and again", () => {
    for (const state of ["silent", "hangs"])
      assert.deepEqual(problems([{ ...control, state }]), ["role-hangs: control of gw1 does not answer"]);
    assert.deepEqual(problems([{ ...control, state: "waiting", failures: 3, lastEnd: "SIGABRT" }]), [
      "role-failing: control of gw1 ended 3 times in a row, the last time with SIGABRT",
    ]);
  });

  it("names a supervisor that does not answer, where the node itself does", () => {
    assert.deepEqual(problems([]), [
      "supervisor-hangs: the supervisor of gw1 does not answer: its other processes work on, each by itself",
    ]);
    assert.deepEqual(problems([], false), []);
  });
});
