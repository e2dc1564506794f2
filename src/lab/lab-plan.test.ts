import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import { labDocument } from "./lab-document.ts";
import { checkLabSettings, defaultLabSettings, isLabNamespace, virtualAddresses } from "./lab-plan.ts";
import { streamRoutes } from "./traffic/stream-plan.ts";

test("the document of every lab is valid", () => {
  for (const nodes of [1, 2, 3, 8]) {
    for (const ipv6 of [true, false]) {
      for (const preempt of [true, false]) {
        const text = labDocument({ ...defaultLabSettings, intervalMs: 10, nodes, ipv6, preempt });
        const read = readDocument(text, "cluster.yaml");
        assert.deepEqual(read.problems, [], text);
      }
    }
  }
});

test("names that could reach outside of the lab are refused", () => {
  for (const name of ["", "../x", "a/b", "Lab", "1lab", "a b", "a".repeat(32)]) {
    assert.throws(() => checkLabSettings({ ...defaultLabSettings, name }), ProblemError, name);
  }
});

test("a namespace belongs to one lab only, even when one name begins with the other", () => {
  assert.equal(isLabNamespace("a", "a-gw1"), true);
  assert.equal(isLabNamespace("a", "a-gw1-lan"), false);
  assert.equal(isLabNamespace("a-gw1", "a-gw1-lan"), true);
  assert.equal(isLabNamespace("a", "a-lan2"), false);
});

test("every two connections share their source port, and a fifth is IPv6", () => {
  const routes = streamRoutes({ connections: 500, ipv6: true });
  assert.equal(routes.filter((route) => route.from.includes(":")).length, 100);
  for (let index = 0; index < routes.length; index += 2) {
    assert.equal(routes[index]?.fromPort, routes[index + 1]?.fromPort);
    assert.notEqual(routes[index]?.from, routes[index + 1]?.from);
  }
  assert.equal(virtualAddresses({ ...defaultLabSettings, ipv6: false }).length, 2);
});
