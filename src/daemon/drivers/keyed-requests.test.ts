import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ProblemError } from "../../base/problem.ts";
import type { Operation } from "../../contract/operation.ts";
import { operations } from "../../contract/operations.ts";
import { type KeyedRequest, KeyedRequests } from "./keyed-requests.ts";
import { RequestFile } from "./request-file.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-requests-"));
  path = join(folder, "requests.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As a control process that starts, and finds what another one has left. */
function started(): KeyedRequests {
  return new KeyedRequests(
    new RequestFile(path, (text) => {
      throw new Error(text);
    }),
  );
}

function request(key: string, more: Partial<KeyedRequest> = {}): KeyedRequest {
  const content = '["config.apply","/v1/config/apply",{"text":"x"}]';
  return { who: "ana", key, operation: "config.apply", content, open: content, answerKept: true, ...more };
}

const unexpected = () => Promise.reject(new Error("it is done twice"));

describe("a request with a key, over a restart of the process", () => {
  it("is known with its answer, and not done again", async () => {
    await started().run(request("key-done"), async () => ({ number: 7 }));
    const next = started();
    const { state, answer, ended } = next.read("ana", "key-done");
    assert.deepEqual([state, answer], ["done", { number: 7 }]);
    assert.ok(ended !== null);
    assert.deepEqual(await next.run(request("key-done"), unexpected), { number: 7 });
    assert.throws(() => next.read("bob", "key-done"), /no request of bob/);
  });

  it("is in the file before whoever asked is answered", async () => {
    const answered = started().run(request("key-early"), async () => ({ number: 7 }));
    const seen = answered.then(() => started().read("ana", "key-early").state);
    assert.equal(await seen, "done");
  });

  it("is known with why it failed", async () => {
    const refuse = () =>
      Promise.reject(new ProblemError({ code: "config-busy", message: "busy", hint: "wait" }));
    await assert.rejects(started().run(request("key-failed"), refuse));
    const next = started();
    assert.deepEqual(next.read("ana", "key-failed").problem, {
      ...{ code: "config-busy", message: "busy", hint: "wait" },
    });
    await assert.rejects(next.run(request("key-failed"), unexpected), /busy/);
  });

  it("was interrupted where it was under way", async () => {
    void started().run(request("key-running"), () => new Promise(() => {}));
    const next = started();
    const { state, problem } = next.read("ana", "key-running");
    assert.deepEqual([state, problem?.code], ["failed", "request-interrupted"]);
    await assert.rejects(next.run(request("key-running"), unexpected), /what has become of it is not known/);
  });

  it("is another one where another thing is asked for", async () => {
    await started().run(request("key-reused"), async () => ({}));
    const other = request("key-reused", { content: "[]", open: "[]" });
    assert.throws(() => started().run(other, unexpected), /another request came with the Idempotency-Key/);
  });

  it("leaves no secret on the disk: neither an answer nor what came with it", async () => {
    const secret = request("key-secret", {
      ...{ operation: "users.add", answerKept: false, open: '["users.add","/v1/users"]' },
      content: '["users.add","/v1/users",{"password":"correct horse"}]',
    });
    await started().run(secret, async () => ({ token: "tocha_token_x" }));
    const text = readFileSync(path, "utf8");
    assert.doesNotMatch(text, /horse|tocha_token_x/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const next = started();
    assert.equal(next.read("ana", "key-secret").state, "done");
    assert.equal(next.read("ana", "key-secret").answer, undefined);
    await assert.rejects(next.run(secret, unexpected), /its answer is not known any more/);
    // Not even as a digest, by which it could be guessed.
    await started().run({ ...secret, key: "key-other", content: "another password" }, async () => ({}));
    const digests = JSON.parse(readFileSync(path, "utf8")).requests.map(
      (one: { digest: string }) => one.digest,
    );
    assert.equal(digests.length, 2);
    assert.equal(digests[0], digests[1]);
  });

  it("is one of a hundred at most, and long answers are left out", async () => {
    const requests = started();
    for (let i = 0; i < 120; i++) await requests.run(request(`key-number-${i}`), async () => ({ i }));
    await requests.run(request("key-long"), async () => ({ text: "x".repeat(100_000) }));
    assert.ok(statSync(path).size < 100_000);
    const next = started();
    assert.throws(() => next.read("ana", "key-number-5"), /is known/);
    assert.deepEqual(next.read("ana", "key-number-119").answer, { i: 119 });
    assert.equal(next.read("ana", "key-long").state, "done");
    assert.equal(next.read("ana", "key-long").answer, undefined);
  });

  it("is forgotten where the file is damaged", () => {
    writeFileSync(path, '{"requests":[{');
    assert.throws(() => started().read("ana", "key-done"), /is known/);
  });
});

describe("operations whose answers are kept", () => {
  it("neither take nor give secrets", () => {
    const kept = Object.entries<Operation>(operations).filter(([, { answerKept }]) => answerKept === true);
    assert.ok(kept.some(([id]) => id === "config.apply"));
    for (const [id, { secrets = [], path: where }] of kept) {
      assert.deepEqual(secrets, [], id);
      assert.doesNotMatch(where, /users|session|token|keys|access/, id);
    }
  });
});
