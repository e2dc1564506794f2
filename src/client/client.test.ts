import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { ProblemError } from "../base/problem.ts";
import type { Connection, WalkLine } from "../contract/connections.ts";
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
        response.end(JSON.stringify({ ok: true, group: "gateway", from: "gw1", to: "gw2" }));
      });
    });
    assert.deepEqual(await new ControlClient(path()).switchover({ to: "gw2" }), {
      ok: true,
      group: "gateway",
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

describe("ControlClient.walk", () => {
  const path = () => join(root, "walk.sock");
  const connection: Connection = {
    ...{
      protocol: "tcp",
      state: "ESTABLISHED",
      source: "10.1.0.7",
      sourcePort: 1,
      destination: "203.0.113.9",
    },
    ...{ destinationPort: 443, timeoutSeconds: 9, assured: true, mirrored: true },
  };
  const walkLine = (end?: "done"): WalkLine => ({
    walk: { node: "gw1", read: 2, entries: 2, matched: 2, ...(end === undefined ? {} : { end }) },
  });
  const lines = (...values: readonly unknown[]) =>
    values.map((value) => `${JSON.stringify(value)}\n`).join("");

  async function walked(query = ""): Promise<(Connection | WalkLine)[]> {
    const seen: (Connection | WalkLine)[] = [];
    const client = new ControlClient(path(), { timeoutMs: 300 });
    for await (const line of client.walk("list", new URLSearchParams(query))) seen.push(line);
    return seen;
  }

  it("passes lines on as they come, however they are cut", async () => {
    let asked: string | undefined;
    const text = lines(walkLine(), connection, { ...connection, weather: "fine" }, walkLine("done"));
    await serve(path(), (request, response) => {
      asked = request.url;
      for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7));
      response.end();
    });
    assert.deepEqual(await walked("source=fd00::/8&limit=2"), [
      walkLine(),
      connection,
      connection,
      walkLine("done"),
    ]);
    assert.equal(asked, "/v1/connections?source=fd00%3A%3A%2F8&limit=2");
  });

  it("takes an answer without its end for cut off, and lines that it does not know for a bad answer", async () => {
    const answers: readonly (readonly [string, string])[] = [
      [lines(walkLine(), connection), "cut off"],
      [`${lines(walkLine())}{"walk`, "not JSON"],
      [lines({ protocol: "tcp" }), "state"],
      [lines({ walk: {} }), "walk"],
    ];
    for (const [text, part] of answers) {
      await serve(path(), (_request, response) => response.end(text));
      await assert.rejects(walked(), problem("bad-answer", part));
      stopServers();
    }
  });

  it("passes a refusal on, and gives up on silence before and within the answer", async () => {
    await serve(path(), json(400, { code: "bad-filter", message: "no", hint: "Write another." }));
    await assert.rejects(walked(), problem("bad-filter", "Write another"));
    stopServers();
    await serve(path(), () => {});
    await assert.rejects(walked(), problem("unavailable", "within 0.3 s"));
    stopServers();
    await serve(path(), (_request, response) => response.write(lines(walkLine())));
    await assert.rejects(walked(), problem("unavailable", "within 0.3 s"));
    stopServers();
    await serve(path(), (_request, response) => {
      response.write(lines(walkLine()), () => response.destroy());
    });
    await assert.rejects(walked(), problem("unavailable", "cannot be asked"));
  });

  it("a slow caller is no silence of the node", async () => {
    await serve(path(), (_request, response) =>
      response.end(lines(walkLine(), connection, walkLine("done"))),
    );
    let count = 0;
    for await (const _line of new ControlClient(path(), { timeoutMs: 150 }).walk(
      "list",
      new URLSearchParams(),
    )) {
      count++;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.equal(count, 3);
  });

  it("ends the node's work when the caller leaves", async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await serve(path(), (_request, response) => {
      const more = setInterval(() => response.write(lines(connection)), 5);
      response.on("close", () => {
        clearInterval(more);
        resolve();
      });
    });
    for await (const _line of new ControlClient(path()).walk("list", new URLSearchParams())) break;
    await closed;
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
