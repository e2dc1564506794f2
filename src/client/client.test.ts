import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { ProblemError } from "../base/problem.ts";
import type { ProblemCode } from "../contract/problem-codes.ts";
import { healthyStatus } from "../contract/status.test-data.ts";
import { ControlClient } from "./control-client.ts";
import { findSocket } from "./find-socket.ts";

let root = "";
const servers: Server[] = [];

before(() => {
  root = mkdtempSync(join(tmpdir(), "tocha-client-"));
});

function stopServers(): void {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
}

afterEach(stopServers);

after(() => rmSync(root, { recursive: true }));

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(path: string, answer: Answer): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  const server = createServer(answer);
  servers.push(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(path, resolve);
  await promise;
}

function json(status: number, body: unknown): Answer {
  return (_request, response) =>
    response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
}

function problem(code: ProblemCode, part: string) {
  return (error: unknown) => {
    assert.ok(error instanceof ProblemError, String(error));
    assert.equal(error.problem.code, code);
    assert.ok(
      `${error.problem.message} ${error.problem.hint}`.includes(part),
      `${error.problem.message} ${error.problem.hint}`,
    );
    return true;
  };
}

describe("ControlClient", () => {
  const path = () => join(root, "control.sock");

  it("returns a status, also from a newer daemon that says more", async () => {
    await serve(path(), json(200, { ...healthyStatus(), weather: "fine" }));
    assert.deepEqual(await new ControlClient(path()).status(), healthyStatus());
  });

  it("sends what is wished", async () => {
    let asked = "";
    await serve(path(), (request, response) => {
      request.on("data", (bytes: Buffer) => {
        asked += bytes.toString();
      });
      request.on("end", () => {
        asked = `${request.method} ${request.url} ${asked}`;
        response.end(JSON.stringify({ ok: true, from: "gw1", to: "gw2" }));
      });
    });
    assert.deepEqual(await new ControlClient(path()).switchover({ to: "gw2" }), {
      ok: true,
      from: "gw1",
      to: "gw2",
    });
    assert.equal(asked, 'POST /v1/switchover {"to":"gw2"}');
  });

  it("passes a node's refusal on as it is", async () => {
    await serve(
      path(),
      json(409, { code: "switchover-no-standby", message: "no living standby", hint: "tocha status" }),
    );
    await assert.rejects(
      new ControlClient(path()).switchover(),
      problem("switchover-no-standby", "tocha status"),
    );
  });

  it("does not understand other answers, and says where", async () => {
    const client = new ControlClient(path());
    const answers: readonly (readonly [Answer, string])[] = [
      [json(200, "<html>"), "not JSON"],
      [json(200, { ...healthyStatus(), verdict: "fine" }), "verdict"],
      [json(200, []), "not understood"],
      [json(500, {}), "status 500"],
    ];
    for (const [answer, part] of answers) {
      await serve(path(), answer);
      await assert.rejects(client.status(), problem("bad-answer", part));
      stopServers();
    }
  });

  it("gives up on a node that is silent, endless, or gone", async () => {
    const client = new ControlClient(path(), { timeoutMs: 200 });
    await serve(path(), () => {});
    await assert.rejects(client.status(), problem("unavailable", "within 0.2 s"));
    stopServers();
    await serve(path(), (_request, response) => {
      const more = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(more));
    });
    await assert.rejects(client.status(), problem("unavailable", "within 0.2 s"));
    stopServers();
    await serve(path(), json(200, " ".repeat(5_000_000)));
    await assert.rejects(
      new ControlClient(path()).status(),
      problem("unavailable", "more than 4194304 bytes"),
    );
    stopServers();
    await assert.rejects(client.status(), problem("unavailable", "tocha run"));
  });
});

describe("findSocket", () => {
  const roots = () => ({ nodes: join(root, "nodes"), labs: join(root, "labs") });
  const socket = (...parts: string[]) => join(root, ...parts, "control.sock");

  afterEach(() => {
    for (const name of ["nodes", "labs"]) rmSync(join(root, name), { recursive: true, force: true });
  });

  it("takes what was named, without a look", async () => {
    assert.equal(await findSocket({ socket: "/nowhere" }, roots()), "/nowhere");
  });

  it("says what to do when nothing runs", async () => {
    await assert.rejects(findSocket({}, roots()), problem("no-running-node", "tocha lab up"));
    await assert.rejects(findSocket({ node: "gw9" }, roots()), problem("no-running-node", "node gw9"));
    await assert.rejects(findSocket({ lab: "demo" }, roots()), problem("no-running-node", "--name demo"));
  });

  it("finds the only node of this machine, before any lab, and not one that died", async () => {
    await serve(socket("nodes", "gw2"), json(200, {}));
    await serve(socket("labs", "demo", "gw1"), json(200, {}));
    mkdirSync(join(root, "nodes", "gw1"), { recursive: true });
    writeFileSync(socket("nodes", "gw1"), ""); // what a crash leaves behind
    assert.equal(await findSocket({}, roots()), socket("nodes", "gw2"));
    assert.equal(await findSocket({ lab: "demo" }, roots()), socket("labs", "demo", "gw1"));
  });

  it("lets choose between several nodes", async () => {
    await serve(socket("nodes", "gw1"), json(200, {}));
    await serve(socket("nodes", "gw2"), json(200, {}));
    await assert.rejects(findSocket({}, roots()), problem("several-nodes", "--node gw1"));
    assert.equal(await findSocket({ node: "gw2" }, roots()), socket("nodes", "gw2"));
  });

  it("finds any node that answers of the only lab, and lets choose between several labs", async () => {
    await serve(socket("labs", "demo", "gw2"), json(200, {}));
    mkdirSync(join(root, "labs", "demo", "gw1"), { recursive: true });
    assert.equal(await findSocket({}, roots()), socket("labs", "demo", "gw2"));
    await serve(socket("labs", "other", "gw1"), json(200, {}));
    await assert.rejects(findSocket({}, roots()), problem("several-nodes", "--lab demo"));
    assert.equal(await findSocket({ lab: "other" }, roots()), socket("labs", "other", "gw1"));
  });
});
