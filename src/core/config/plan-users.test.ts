import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallerWay } from "../../contract/caller-way.ts";
import { pairDocument, planOf } from "./plans.test-data.ts";

const named = pairDocument.replace("replication:", "users: { ana: { role: admin } }\nreplication:");
const byAna: CallerWay = { by: "api", address: "10.1.0.77", user: { name: "ana", role: "admin" } };
const overApi: CallerWay = { by: "api", address: "10.1.0.77" };
const bySsh: CallerWay = { by: "ssh", address: "10.1.0.77", to: "10.1.0.2", port: 22 };

type Known = readonly [name: string, role: "viewer" | "admin", hasWayIn: boolean];

interface Asked {
  readonly text?: string;
  readonly caller?: CallerWay;
  readonly known?: readonly Known[];
}

/** What a plan of other users says of them; undefined: the document no longer names any. */
function said(users: unknown, { text = pairDocument, caller = byAna, known = [] }: Asked = {}) {
  const edit = { path: ["users"], ...(users === undefined ? {} : { value: users }) };
  const knownUsers = known.map(([name, role, hasWayIn]) => ({ name, role, hasWayIn }));
  const { refusals, warnings } = planOf(text, [edit], { carrying: "gw1", caller, knownUsers });
  const of = (list: typeof refusals) =>
    list.flatMap(({ code, message }) => (/^plan-.*user/.test(code) ? [`${code}: ${message}`] : []));
  return { refused: of(refusals), warned: of(warnings) };
}

describe("a plan refuses to take the right to confirm it from who asks", () => {
  const end = ": only an admin can confirm it";

  it("who is no longer named, or no longer an admin", () => {
    assert.deepEqual(said({ ben: { role: "admin" } }).refused, [
      `plan-cuts-user: ana, who asks this, would no longer come in${end}`,
    ]);
    assert.deepEqual(said({ ana: { role: "operator" } }).refused, [
      `plan-cuts-user: ana, who asks this, would only be operator${end}`,
    ]);
  });

  it("who is an admin by the document alone, when it names nobody any more", () => {
    const without = (role: "viewer" | "admin") =>
      said(undefined, { text: named, known: [["ana", role, true]] }).refused;
    assert.deepEqual(without("viewer"), [`plan-cuts-user: ana, who asks this, would only be viewer${end}`]);
    assert.deepEqual(without("admin"), []);
  });

  it("and nobody else: other users, root, who cannot confirm anyway", () => {
    const operator: CallerWay = { ...byAna, user: { name: "ana", role: "operator" } };
    assert.deepEqual(said({ ana: { role: "admin" } }).refused, []);
    for (const caller of [overApi, bySsh, operator])
      assert.deepEqual(said({ ben: { role: "admin" } }, { caller }).refused, []);
  });
});

it("a plan tells who comes in again, of whom the nodes have kept what they came in with", () => {
  const known = [
    ["eve", "admin", true],
    ["ana", "admin", true],
    ["fay", "viewer", false],
  ] as const;
  const back = (users: unknown) => said(users, { text: named, caller: bySsh, known }).warned;
  const end =
    "comes in again, with the passwords and tokens of before: the nodes have kept what they know of that user";
  assert.deepEqual(back(undefined), [`plan-users-return: eve (admin) ${end}`]);
  assert.deepEqual(back({ ana: { role: "admin" }, eve: { role: "viewer" }, fay: { role: "admin" } }), [
    `plan-users-return: eve (viewer) ${end}`,
  ]);
  assert.deepEqual(back({ ana: { role: "admin" }, gil: { role: "viewer" } }), []);
});
