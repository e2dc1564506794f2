import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ProblemError } from "../base/problem.ts";
import type { UserRecord } from "../contract/access-records.ts";
import { ApiUnderTest } from "./api-under-test.test-data.ts";

const password = "correct horse battery";
let api: ApiUnderTest;
let switchovers: string[] = [];
/** Ends the switchover that is under way. */
let finish = (): void => {};

beforeEach(async () => {
  switchovers = [];
  api = await ApiUnderTest.start({
    switchover: async ({ body }) => {
      switchovers.push(body.reason ?? "");
      if (body.reason === "refuse") throw new ProblemError({ code: "switchover-running", message: "no" });
      if (body.reason === "long") await new Promise<void>((resolve) => (finish = resolve));
      return { ok: true, group: "gateway", from: "gw1", to: "gw2" };
    },
  });
});
afterEach(() => {
  finish();
  api.stop();
});

async function firstAdmin(): Promise<string> {
  const { code } = (await api.console("POST", "/v1/users/first-code")) as { code: string };
  const { status, json } = await api.ask({
    ...{ method: "POST", path: "/v1/session/first" },
    body: { code, name: "root1", password },
  });
  assert.equal(status, 200);
  return String(json["token"]);
}

function logIn(secret: string, name = "root1") {
  return api.ask({ method: "POST", path: "/v1/session", body: { name, password: secret } });
}

const session = async (token: string) => (await api.ask({ path: "/v1/session", token })).status;

/** A record in whose next life all tokens are over. */
function expired({ name, life, user }: UserRecord): UserRecord {
  const tokens = user?.tokens.map((token) => ({ ...token, expires: new Date(0).toISOString() })) ?? [];
  return { name, life: life + 2, user: user === null ? null : { ...user, tokens } };
}

describe("users", () => {
  it("come by a one-time code of the console: once, in time, and only the first of them", async () => {
    const first = (code: string) =>
      api.ask({ method: "POST", path: "/v1/session/first", body: { code, name: "root1", password } });
    assert.equal((await first("AAAA-BBBB-CCCC")).status, 401);
    const { code: old } = (await api.console("POST", "/v1/users/first-code")) as { code: string };
    api.nowMs += 16 * 60_000;
    assert.equal((await first(old)).status, 401);
    const token = await firstAdmin();
    assert.equal(await session(token), 200);
    await assert.rejects(
      api.console("POST", "/v1/users/first-code"),
      (error) => error instanceof ProblemError && error.problem.code === "admin-exists",
    );
    // The file keeps hashes, for root alone.
    const file = join(api.folder, "users.json");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, "utf8");
    assert.match(text, /scrypt\$N=16384,r=8,p=5\$/);
    assert.ok(!text.includes(password) && !text.includes(token));
  });

  it("log in, and out; a new password and the end of the user end their sessions", async () => {
    const admin = await firstAdmin();
    const opened = await logIn(password);
    assert.equal(opened.status, 200);
    const token = String(opened.json["token"]);
    assert.equal((await api.ask({ method: "DELETE", path: "/v1/session", token })).status, 200);
    await untilUnknown(token);
    const again = String((await logIn(password)).json["token"]);
    const changed = { old: password, password: `${password}2` };
    const change = { method: "PUT", path: "/v1/session/password", token: again };
    assert.equal((await api.ask({ ...change, body: { ...changed, old: "wrong" } })).status, 401);
    assert.equal((await api.ask({ ...change, body: changed })).status, 200);
    await untilUnknown(again);
    await untilUnknown(admin);
    assert.equal((await logIn(password)).status, 401);
    const last = String((await logIn(`${password}2`)).json["token"]);
    api.nowMs += 13 * 3_600_000;
    await untilUnknown(last);
  });

  it("have tokens of at most their own role, which end", async () => {
    const admin = await firstAdmin();
    const add = (path: string, body: unknown) => api.ask({ method: "POST", path, token: admin, body });
    assert.equal((await add("/v1/users", { name: "ana", role: "viewer" })).status, 200);
    assert.equal((await add("/v1/users", { name: "ana", role: "admin" })).json["code"], "user-exists");
    assert.equal((await add("/v1/users", { name: "Ana!", role: "viewer" })).status, 400);
    assert.equal((await add("/v1/users", { name: "bob", role: "viewer", password: "short" })).status, 400);
    const { token, id } = (await add("/v1/users/ana/tokens", { role: "admin", days: 2 })).json;
    const { json } = await api.ask({ path: "/v1/session", token: String(token) });
    assert.deepEqual([json["name"], json["role"], json["kind"]], ["ana", "viewer", "token"]);
    api.nowMs += 3 * 86_400_000;
    await untilUnknown(String(token));
    // The session of the admin has ended as well by now.
    const next = String((await logIn(password)).json["token"]);
    const remove = (path: string) => api.ask({ method: "DELETE", path, token: next });
    assert.equal((await remove(`/v1/users/ana/tokens/${String(id)}`)).status, 200);
    assert.equal((await remove(`/v1/users/ana/tokens/${String(id)}`)).status, 404);
    assert.equal((await remove("/v1/users/root1")).json["code"], "last-admin");
    assert.equal((await remove("/v1/users/ana")).status, 200);
    assert.equal((await remove("/v1/users/ana")).status, 404);
  });

  it("are those of the document, with the roles that stand there, where it names users", async () => {
    const admin = await firstAdmin();
    const ask = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown, token = admin) =>
      api.ask({ method, path, token, ...(body === undefined ? {} : { body }) });
    await ask("POST", "/v1/users", { name: "eve", role: "admin", password });
    const eve = String((await logIn(password, "eve")).json["token"]);
    api.declared = { root1: { role: "admin" }, ana: { role: "operator" } };
    const users = async () => (await ask("GET", "/v1/users")).json["users"] as Record<string, unknown>[];
    assert.deepEqual(
      (await users()).map(({ name, role, standing, created }) => [name, role, standing, created === null]),
      [
        ["ana", "operator", "declared", true],
        ["root1", "admin", "declared", false],
        ["eve", "admin", "kept-out", false],
      ],
    );
    // Nobody else comes in, and nobody is let in but by the document.
    await untilUnknown(eve);
    assert.equal((await logIn(password, "eve")).status, 401);
    assert.equal((await logIn("", "ana")).status, 401);
    for (const [method, path, body] of [
      ["POST", "/v1/users", { name: "ben", role: "viewer" }],
      ["DELETE", "/v1/users/ana", undefined],
    ] as const) {
      const { status, json } = await ask(method, path, body);
      assert.deepEqual([status, json["code"]], [409, "users-declared"]);
    }
    // The nodes keep what comes in with it.
    assert.equal((await ask("PUT", "/v1/users/ana/password", { password })).status, 200);
    const ana = String((await logIn(password, "ana")).json["token"]);
    assert.equal((await ask("GET", "/v1/session", undefined, ana)).json["role"], "operator");
    const { token } = (await ask("POST", "/v1/users/ana/tokens", {})).json;
    api.declared = { root1: { role: "admin" }, ana: { role: "viewer" } };
    assert.equal((await ask("GET", "/v1/session", undefined, ana)).json["role"], "viewer");
    assert.equal((await ask("GET", "/v1/session", undefined, String(token))).json["role"], "viewer");
    // Named no more, and named again: the password and the tokens are still there, and eve's were never lost.
    api.declared = { root1: { role: "admin" } };
    await untilUnknown(ana);
    await untilUnknown(String(token));
    api.declared = undefined;
    assert.equal(await session(ana), 200);
    assert.equal(await session(eve), 200);
    // Nobody on the nodes has given ana a role: the document's left no trace.
    assert.deepEqual(
      (await users()).map(({ name, role, created }) => [name, role, typeof created]),
      [
        ["ana", "viewer", "string"],
        ["eve", "admin", "string"],
        ["root1", "admin", "string"],
      ],
    );
  });

  it("of the document may have tokens alone, and what others have left can be removed", async () => {
    const admin = await firstAdmin();
    const ask = (method: "GET" | "POST" | "DELETE", path: string, body?: unknown) =>
      api.ask({ method, path, token: admin, ...(body === undefined ? {} : { body }) });
    // Every object has a key of this name.
    await ask("POST", "/v1/users", { name: "constructor", role: "admin", password });
    await ask("POST", "/v1/users", { name: "eve", role: "admin", password });
    const { id } = (await ask("POST", "/v1/users/eve/tokens", {})).json;
    api.declared = { root1: { role: "admin" }, ci: { role: "operator" } };
    const { token } = (await ask("POST", "/v1/users/ci/tokens", {})).json;
    assert.equal((await api.ask({ path: "/v1/session", token: String(token) })).json["role"], "operator");
    assert.equal((await ask("DELETE", `/v1/users/eve/tokens/${String(id)}`)).status, 200);
    for (const name of ["eve", "constructor"]) {
      assert.equal((await logIn(password, name)).status, 401);
      assert.equal((await ask("DELETE", `/v1/users/${name}`)).status, 200);
    }
    api.declared = undefined;
    assert.equal((await logIn(password, "eve")).status, 401);
  });

  it("keep the roles that they were given on the nodes, whatever the document says meanwhile", async () => {
    const admin = await firstAdmin();
    api.declared = { root1: { role: "viewer" } };
    assert.equal((await api.ask({ path: "/v1/session", token: admin })).json["role"], "viewer");
    const change = { old: password, password: `${password}2` };
    const changed = await api.ask({
      method: "PUT",
      path: "/v1/session/password",
      token: admin,
      body: change,
    });
    assert.equal(changed.status, 200);
    api.declared = undefined;
    assert.equal((await logIn(`${password}2`)).json["role"], "admin");
  });

  it("are others for If-Match once the document names others", async () => {
    const admin = await firstAdmin();
    const { headers } = await api.ask({ path: "/v1/users", token: admin });
    api.declared = { root1: { role: "admin" }, ci: { role: "operator" } };
    const { status } = await api.ask({
      ...{ method: "POST", path: "/v1/users/ci/tokens", token: admin, body: {} },
      headers: { "if-match": String(headers["etag"]) },
    });
    assert.equal(status, 412);
  });

  it("whom the document names are the only ones who can be the first admin", async () => {
    const newCode = () => api.console("POST", "/v1/users/first-code");
    api.declared = { ben: { role: "viewer" } };
    await assert.rejects(newCode(), /none of them is an admin/);
    api.declared = { ana: { role: "admin" }, ben: { role: "viewer" } };
    // With a token that is over nobody comes in.
    const token = api.tokenFor("admin", "ana");
    await assert.rejects(newCode(), /there is an administrator already/);
    assert.equal(await session(token), 200);
    api.store.merge(api.store.records().map((one) => expired(one)));
    const { code } = (await api.console("POST", "/v1/users/first-code")) as { code: string };
    const first = (name: string) =>
      api.ask({ method: "POST", path: "/v1/session/first", body: { code, name, password } });
    for (const name of ["ben", "root1"]) assert.equal((await first(name)).json["code"], "users-declared");
    const { status, json } = await first("ana");
    assert.deepEqual([status, json["role"]], [200, "admin"]);
    await assert.rejects(api.console("POST", "/v1/users/first-code"), /there is an administrator already/);
  });

  it("cannot be guessed: after five failures there is a delay, for right passwords as well, and it grows", async () => {
    await firstAdmin();
    for (let i = 0; i < 5; i++) assert.equal((await logIn("wrong")).status, 401);
    const delayed = await logIn(password);
    assert.equal(delayed.status, 429);
    assert.equal(delayed.headers["retry-after"], "1");
    api.nowMs += 1_001;
    assert.equal((await logIn("wrong")).status, 401);
    assert.equal((await logIn(password)).headers["retry-after"], "2");
    api.nowMs += 2_001;
    assert.equal((await logIn(password)).status, 200);
  });

  it("are changed only in the version that was read, where one was named", async () => {
    const token = await firstAdmin();
    const { headers } = await api.ask({ path: "/v1/users", token });
    const etag = String(headers.etag);
    assert.match(etag, /^"[0-9a-f]{16}"$/);
    const add = (name: string, version: string) =>
      api.ask({
        ...{ method: "POST", path: "/v1/users", token, headers: { "if-match": version } },
        body: { name, role: "viewer" },
      });
    assert.equal((await add("ana", etag)).status, 200);
    const { status, json } = await add("bob", etag);
    assert.deepEqual([status, json["code"]], [412, "version-differs"]);
    assert.ok(!api.store.read().some(({ name }) => name === "bob"));
  });
});

describe("changes", () => {
  const change = (token: string, reason: string, key = "key-of-one-request") =>
    api.ask({
      ...{ method: "POST", path: "/v1/switchover", token, body: { reason } },
      headers: { "idempotency-key": key },
    });
  const record = async (token: string, key = "key-of-one-request") =>
    (await api.ask({ path: `/v1/operations/${key}`, token })).json;

  it("with a key are done once, and can be asked about while they last and afterwards", async () => {
    const token = api.tokenFor("operator");
    const [one, other] = [change(token, "long"), change(token, "long")];
    while (switchovers.length === 0) await new Promise(setImmediate);
    assert.equal((await record(token))["state"], "running");
    finish();
    assert.deepEqual([(await one).status, (await other).status], [200, 200]);
    assert.equal((await one).text, (await other).text);
    assert.equal((await change(token, "long")).text, (await one).text);
    assert.deepEqual(switchovers, ["long"]);
    const done = await record(token);
    assert.equal(done["state"], "done");
    assert.deepEqual(done["answer"], (await one).json);
    assert.deepEqual((await change(token, "other")).json["code"], "request-key-reused");
    // It is nobody else's.
    assert.equal((await record(api.tokenFor("operator", "second")))["code"], "no-such-request");
    await change(token, "refuse", "another-key");
    const failed = await record(token, "another-key");
    assert.equal(failed["state"], "failed");
    assert.equal((failed["problem"] as { code: string }).code, "switchover-running");
  });

  it("are written down: who, what, from where, with which result, without secrets", async () => {
    await firstAdmin();
    await logIn("a wrong password");
    await change(api.tokenFor("operator"), "refuse");
    await change(api.tokenFor("viewer"), "not mine");
    await api.ask({ method: "POST", path: "/v1/switchover", body: { reason: "a stranger" } });
    const token = String((await logIn(password)).json["token"]);
    const { json, text } = await api.ask({ path: "/v1/audit", token });
    const entries = json["entries"] as Record<string, unknown>[];
    const seen = entries.map(({ who, from, operation, result }) => [who, from, operation, result]);
    assert.deepEqual(seen, [
      ["nobody", "127.0.0.1", "session.open", "ok"],
      // The viewer got no further than the API, which does not write: control is asked of the next test.
      ["operator", "127.0.0.1", "switchover", "switchover-running"],
      ["nobody", "127.0.0.1", "session.open", "login-failed"],
      ["nobody", "127.0.0.1", "session.first", "ok"],
      ["root", null, "users.first-code", "ok"],
    ]);
    assert.ok(!text.includes(password) && !text.includes("wrong password"));
    assert.equal(statSync(join(api.folder, "audit.jsonl")).mode & 0o777, 0o600);
  });

  it("that are only asked about are not written down", async () => {
    const body = { reason: "what if", dryRun: true };
    const asked = { method: "POST", path: "/v1/switchover", token: api.tokenFor("operator"), body };
    assert.equal((await api.ask(asked)).status, 200);
    assert.deepEqual(api.changes, []);
    assert.equal((await api.ask({ ...asked, body: { ...body, dryRun: false } })).status, 200);
    assert.equal(api.changes.length, 1);
  });

  it("that control itself refuses are written down as well", async () => {
    const token = api.tokenFor("viewer");
    const answer = await api.askControl({
      ...{ method: "POST", path: "/v1/switchover", token, body: { reason: "not mine" } },
      headers: { "x-tocha-address": "192.0.2.7" },
    });
    assert.equal(answer.status, 403);
    const { who, from, result, role } = api.changes.at(-1) ?? {};
    assert.deepEqual([who, role, from, result], ["viewer", "viewer", "192.0.2.7", "not-allowed"]);
  });
});

describe("what is no request of the API", () => {
  it("is refused with a problem that says why", async () => {
    const token = api.tokenFor("operator");
    const post = { method: "POST", path: "/v1/switchover", token };
    const cases = [
      [{ path: "/v1/nothing", token }, 404, "no-such-operation"],
      [{ path: "/v1/status/../users", token }, 404, "no-such-operation"],
      [{ method: "DELETE", path: "/v1/status", token }, 405, "method-not-allowed"],
      [{ ...post, raw: "{" }, 400, "bad-request"],
      [{ ...post, raw: `${"[".repeat(100_000)}` }, 400, "bad-request"],
      [{ ...post, body: { too: "much" } }, 400, "bad-request"],
      [{ ...post, raw: "a: 1", headers: { "content-type": "text/yaml" } }, 415, "not-acceptable-body"],
      [{ ...post, raw: `"${"x".repeat(17 << 20)}"` }, 413, "not-acceptable-body"],
      [{ path: "/v1/connections?colour=red", token }, 400, "bad-filter"],
      [{ ...post, body: {}, headers: { "idempotency-key": "short" } }, 400, "bad-request"],
    ] as const;
    for (const [asked, status, code] of cases) {
      const answer = await api.ask(asked);
      assert.deepEqual(
        [answer.status, answer.json["code"]],
        [status, code],
        JSON.stringify(asked).slice(0, 200),
      );
      assert.equal(answer.json["status"], status);
      assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
    }
    assert.equal((await api.ask({ method: "DELETE", path: "/v1/status" })).headers.allow, "GET");
    assert.deepEqual(switchovers, []);
  });

  it("and too much of what is one, too", async () => {
    api.stop();
    api = await ApiUnderTest.start({}, { requestsPerSecond: 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.ask({ path: "/healthz" })));
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(refused[0]?.headers["retry-after"], "1");
    assert.equal(refused[0]?.json["code"], "too-many-requests");
  });
});

/** The API believes an owner for two seconds; control never does. */
async function untilUnknown(token: string): Promise<void> {
  const answer = await api.askControl({ path: "/v1/session", token });
  assert.equal(answer.status, 401);
}
