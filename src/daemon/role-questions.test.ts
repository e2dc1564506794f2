import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RoleMessage, RoleName } from "./role-message.ts";
import { RoleQuestions } from "./role-questions.ts";

const patience = { waitMs: 40, ageMsMax: 10_000 };

/** Roles that answer with the number of the question, or not at all while they hang. */
class Roles {
  hang = false;
  asked = 0;
  readonly questions = new RoleQuestions((to, message) => this.#receive(to, message), { forgottenMs: 300 });

  #receive(_to: RoleName, message: RoleMessage): void {
    if (message.kind !== "ask") return;
    this.asked++;
    const { request } = message;
    if (!this.hang)
      setImmediate(() => this.questions.receive({ kind: "answer", request, report: this.asked }));
  }
}

describe("RoleQuestions", () => {
  it("returns what a role answers, and undefined when it does not", async () => {
    const roles = new Roles();
    assert.equal(await roles.questions.ask("failover"), 1);
    roles.hang = true;
    assert.equal(await roles.questions.ask("failover", 20), undefined);
  });

  it("asks anew each time while the role answers", async () => {
    const roles = new Roles();
    assert.equal(await roles.questions.latest("replicator", patience), 1);
    assert.equal(await roles.questions.latest("replicator", patience), 2);
  });

  it("waits for a role that hangs once only, and gives what it said last", async () => {
    const roles = new Roles();
    await roles.questions.latest("replicator", patience);
    roles.hang = true;
    const before = performance.now();
    assert.equal(await roles.questions.latest("replicator", patience), 1);
    const first = performance.now() - before;
    await sleep(5);
    // Of many questions none is sent while one is open, and none waits.
    const again = performance.now();
    for (let i = 0; i < 50; i++) assert.equal(await roles.questions.latest("replicator", patience), 1);
    assert.ok(performance.now() - again < 50 * patience.waitMs);
    assert.ok(first >= patience.waitMs - 5);
    assert.equal(roles.asked, 2);
    assert.equal(await roles.questions.latest("failover", patience), undefined);
    // It is not given up for ever.
    roles.hang = false;
    await sleep(350);
    assert.equal(await roles.questions.latest("replicator", patience), 4);
  });

  it("asks a role that was started again at once", async () => {
    const roles = new Roles();
    roles.hang = true;
    assert.equal(await roles.questions.latest("replicator", patience), undefined);
    roles.hang = false;
    assert.equal(await roles.questions.latest("replicator", patience), undefined);
    roles.questions.receive({ kind: "role-started", role: "replicator" });
    assert.equal(await roles.questions.latest("replicator", patience), 2);
  });

  it("does not pass off an old report as the truth", async () => {
    const roles = new Roles();
    assert.equal(await roles.questions.latest("replicator", patience), 1);
    roles.hang = true;
    await sleep(20);
    assert.equal(await roles.questions.latest("replicator", { waitMs: 0, ageMsMax: 10 }), undefined);
  });
});
