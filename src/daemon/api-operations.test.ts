import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Operation, parameterNames, pathOf, userRoles } from "../contract/operation.ts";
import { type OperationId, operations } from "../contract/operations.ts";
import { PASSWORD_LENGTH_MIN } from "../contract/users.ts";
import { ApiUnderTest } from "./api-under-test.test-data.ts";
import { StreamAnswer, TextAnswer } from "./drivers/control-answer.ts";
import type { OperationHandlers } from "./drivers/operation-dispatch.ts";

const password = "x".repeat(PASSWORD_LENGTH_MIN);
/** A body that each operation with one understands; the test says which one lacks. */
const bodies: Partial<Record<OperationId, unknown>> = {
  "node.standby": { node: "gw1", reason: "test" },
  "node.resume": { node: "gw1" },
  switchover: {},
  "session.first": { code: "ABCD", name: "root1", password },
  "session.open": { name: "viewer", password },
  "session.password": { old: password, password },
  "users.add": { name: "somebody", role: "viewer" },
  "users.password": { password },
  "tokens.add": {},
  "config.plan": { text: "x" },
  "config.apply": { text: "x" },
  "config.confirm": {},
  "config.revert": {},
  "config.choose": { node: "gw1" },
};

/** Each operation answers as its kind does: what is tested is who gets so far. */
function answering(): Partial<OperationHandlers> {
  const answers = Object.entries(operations as Readonly<Record<string, Operation>>).map(
    ([id, { answer }]) => {
      if (id === "session.read") return [];
      if (answer.kind === "json") return [id, () => ({ ok: true })];
      if (answer.kind === "text") return [id, () => new TextAnswer("text/plain", "1")];
      return [id, () => new StreamAnswer("text/plain", pieces())];
    },
  );
  return Object.fromEntries(answers.filter((one) => one.length > 0)) as Partial<OperationHandlers>;
}

async function* pieces(): AsyncGenerator<string, void, void> {
  yield "{}\n";
}

describe("every operation of the table", () => {
  let api: ApiUnderTest;
  const tokens = new Map<string, string>();

  before(async () => {
    api = await ApiUnderTest.start(answering());
    for (const role of userRoles) tokens.set(role, api.tokenFor(role));
  });
  after(() => api.stop());

  for (const [id, operation] of Object.entries(operations) as [OperationId, Operation][]) {
    const parameters = Object.fromEntries(parameterNames(operation).map((name) => [name, "some"]));
    const ask = (token: string | undefined) =>
      api.ask({
        ...{ method: operation.method, path: pathOf(operation, parameters), token },
        ...(operation.body === undefined ? {} : { body: bodies[id] }),
      });
    /** Whether it was carried out, by control's own account; control asks whose a token is, too. */
    const reached = () => api.reached.filter((one) => one === id).length;

    it(`${operation.method} ${operation.path} is for ${operation.console ? "the console" : operation.least}`, async () => {
      if (operation.console === true) {
        const before = reached();
        for (const token of [undefined, ...tokens.values()])
          assert.ok([404, 405].includes((await ask(token)).status), String(token));
        assert.equal(reached(), before);
        return;
      }
      if (operation.body !== undefined) assert.ok(id in bodies, `add a body for ${id} to this test`);
      if (operation.least === "anyone") {
        assert.equal((await ask(undefined)).status, 200);
        return;
      }
      for (const token of [undefined, "token-of-nobody", "x"]) {
        const before = reached();
        const { status, headers, json } = await ask(token);
        assert.equal(status, 401);
        assert.match(headers["content-type"] ?? "", /^application\/problem\+json(;|$)/);
        assert.equal(headers["www-authenticate"], "Bearer");
        assert.equal(json["code"], "not-authenticated");
        assert.equal(reached(), before);
      }
      const least = userRoles.indexOf(operation.least);
      for (const [index, role] of userRoles.entries()) {
        const before = reached();
        const { status, text } = await ask(tokens.get(role));
        if (index < least) {
          assert.equal(status, 403, `${role}: ${text}`);
          assert.equal(reached(), before, role);
        } else {
          assert.equal(status, 200, `${role}: ${text}`);
          assert.ok(reached() > before, role);
        }
      }
    });

    if (operation.console !== true && operation.least !== "anyone")
      it(`${operation.method} ${operation.path} is refused by control, too`, async () => {
        const body = operation.body === undefined ? undefined : bodies[id];
        // As if the API had been taken over: it asks in the name of somebody with too small a role, and of nobody.
        for (const role of [
          undefined,
          ...userRoles.slice(0, userRoles.indexOf(operation.least as "admin")),
        ]) {
          const before = reached();
          const { status } = await api.askControl({
            ...{ method: operation.method, path: pathOf(operation, parameters), body },
            token: role === undefined ? undefined : tokens.get(role),
          });
          assert.equal(status, role === undefined ? 401 : 403);
          assert.equal(reached(), before);
        }
      });
  }
});
