import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  changesSomething,
  matchOperation,
  mayAsk,
  type Operation,
  parameterNames,
  pathOf,
  userRoles,
} from "./operation.ts";
import { operations } from "./operations.ts";

const table: Readonly<Record<string, Operation>> = operations;

describe("operations", () => {
  it("are found by method and path, each by its own", () => {
    for (const [id, one] of Object.entries(table)) {
      const parameters = Object.fromEntries(parameterNames(one).map((name) => [name, "a/b é%"]));
      assert.deepEqual(matchOperation(table, one.method, pathOf(one, parameters)), { id, parameters });
    }
  });

  it("are not found by what only looks like them", () => {
    assert.deepEqual(matchOperation(table, "DELETE", "/v1/status"), { allowed: ["GET"] });
    for (const path of ["/", "", "/v1", "/v1/status/", "//v1/status", "/v1/failover/history/", "/v1/Status"])
      assert.deepEqual(matchOperation(table, "GET", path), { allowed: [] }, path);
    assert.deepEqual(matchOperation(table, "GET", "/v1/failover/history/%e9"), { allowed: [] });
  });

  it("are for those with the role or a greater one", () => {
    const asked = (one: Operation) => [undefined, ...userRoles].filter((role) => mayAsk(one, role));
    const { status } = operations;
    assert.deepEqual(asked(status), ["viewer", "operator", "admin"]);
    assert.deepEqual(asked({ ...status, least: "admin" }), ["admin"]);
    assert.deepEqual(asked({ ...status, least: "anyone" }), [undefined, "viewer", "operator", "admin"]);
    assert.deepEqual(asked({ ...status, console: true }), []);
  });

  it("change nothing where nodes only ask each other: the audit log would be full of it", () => {
    const { "node.keys": keys, "node.access": access } = operations;
    const changes = (what: string) => changesSomething(keys, { node: "gw1", do: what });
    assert.deepEqual(["tell", "give"].filter(changes), []);
    assert.deepEqual(
      ["request", "install", "take"].filter((what) => !changes(what)),
      [],
    );
    assert.equal(changesSomething(access, { do: "tell" }), false);
  });
});
