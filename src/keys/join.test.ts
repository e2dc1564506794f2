import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { ProblemError } from "../base/problem.ts";
import type { ProblemCode } from "../contract/problem-codes.ts";
import { issuerOf, splitCertificates } from "./certificate-bundle.ts";
import { makeNodeRequest } from "./certificates.ts";
import { joinCluster } from "./join-cluster.ts";
import { JoinDesk, type JoinDeskOptions } from "./join-desk.ts";
import { JOIN_PROTOCOL, type JoinAnswer, type JoinRequest } from "./join-messages.ts";
import { formatToken, type JoinToken, makeToken, parseToken, proofOf } from "./join-token.ts";
import { initKeys, issueForRequest } from "./key-files.ts";
import { type NodeKeys, readNodeKeys } from "./read-keys.ts";

const HOST = "127.0.0.1";
const HOUR_MS = 3_600_000;

let root = "";
let keys: NodeKeys;
let foreign: NodeKeys;
const desks: JoinDesk[] = [];

before(async () => {
  root = mkdtempSync(join(tmpdir(), "tocha-join-"));
  await initKeys(join(root, "cluster"), "gw1");
  await initKeys(join(root, "foreign"), "gw1");
  keys = readNodeKeys(join(root, "cluster"), "gw1");
  foreign = readNodeKeys(join(root, "foreign"), "gw1");
});

afterEach(() => {
  for (const desk of desks.splice(0)) desk.close();
});

after(() => rmSync(root, { recursive: true }));

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function openDesk(options: Partial<JoinDeskOptions> = {}) {
  const token = makeToken(keys.issuer, await freePort());
  const notices: string[] = [];
  const admitted: JoinRequest[] = [];
  const desk = await JoinDesk.open({
    ...{ token, keys, host: HOST, lifetimeMs: HOUR_MS },
    onNotice: (text) => notices.push(text),
    admit: async (request) => {
      admitted.push(request);
      return await answerTo(request);
    },
    ...options,
  });
  desks.push(desk);
  return { desk, token, notices, admitted };
}

async function answerTo({ node, request }: JoinRequest): Promise<JoinAnswer> {
  return {
    ...{ ok: true, cluster: "campus", node, letter: null, document: "cluster: campus\n" },
    authorities: keys.caCertificate,
    certificate: await issueForRequest(join(root, "cluster"), node, request),
    clusterKey: "00".repeat(32),
  };
}

const machine = (node = "gw2") => ({ node, interfaces: [], devices: {} });
const ask = (token: JoinToken, node?: string) => joinCluster(HOST, token, machine(node));

function problem(code: ProblemCode, part = "") {
  return (error: unknown) => {
    assert.ok(error instanceof ProblemError, String(error));
    assert.equal(error.problem.code, code, error.problem.message);
    assert.ok(`${error.problem.message} ${error.problem.hint}`.includes(part), error.problem.message);
    return true;
  };
}

/** What a listener hears of a TLS connection before it is closed. */
async function impostor(pair: { readonly cert: string; readonly key: string }) {
  const heard: string[] = [];
  const server = createTlsServer({ ...pair, minVersion: "TLSv1.3", ALPNProtocols: [JOIN_PROTOCOL] });
  server.on("secureConnection", (socket) => {
    // A client that does speak is not left waiting.
    socket.on("data", (data: Buffer) => {
      heard.push(data.toString("latin1"));
      socket.destroy();
    });
    socket.on("error", () => {});
  });
  server.listen(0, HOST);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, heard, close: () => server.close() };
}

describe("a token", () => {
  it("is one word without signs that a shell or an option parser takes for others, and comes back whole", () => {
    const token = makeToken(keys.issuer, 7_847);
    const text = formatToken(token);
    assert.match(text, /^A[A-Za-z0-9_-]{47}$/);
    const parsed = parseToken(text);
    assert.deepEqual(
      [parsed.port, Buffer.from(parsed.pin), Buffer.from(parsed.secret)],
      [7_847, Buffer.from(token.pin), Buffer.from(token.secret)],
    );
  });

  it("is refused where a character is missing, too many, or another", () => {
    const text = formatToken(makeToken(keys.issuer, 7_847));
    const other = (index: number) =>
      `${text.slice(0, index)}${text[index] === "x" ? "y" : "x"}${text.slice(index + 1)}`;
    const wrong = ["", "A", text.slice(1), text.slice(0, -1), `${text}A`, `${text}=`, ` ${text}`, other(0)];
    for (const one of wrong) assert.throws(() => parseToken(one), problem("bad-token", "48 characters"), one);
    // One byte of check finds all but one of 256 slips.
    const found = Array.from({ length: 47 }, (_, index) => {
      try {
        parseToken(other(index + 1));
        return 0;
      } catch {
        return 1;
      }
    });
    assert.ok(found.filter((one) => one === 1).length >= 44);
  });
});

describe("joining", () => {
  it("brings a certificate for a key that was made here, once", async () => {
    const { desk, token, admitted } = await openDesk();
    const joined = await ask(token);
    const certificate = new X509Certificate(joined.certificate);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(joined.privateKey)));
    assert.ok(issuerOf(certificate, splitCertificates(keys.caCertificate)));
    assert.equal(certificate.subjectAltName, "DNS:gw2.tocha");
    assert.equal((await desk.end).kind, "joined");
    assert.doesNotMatch(JSON.stringify(admitted), /PRIVATE/, "the private key has not left");
    // The desk still listens, but the token is used.
    await assert.rejects(ask(token, "gw3"), problem("token-used", "tocha token"));
    assert.equal(admitted.length, 1);
    desk.close();
    await assert.rejects(ask(token, "gw3"), problem("join-unreachable", "was used, has expired"));
  });

  it("is refused for one of two machines that come at the same time", async () => {
    const { token, admitted } = await openDesk();
    const results = await Promise.allSettled([ask(token, "gw2"), ask(token, "gw3")]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const refused = results.find((one) => one.status === "rejected");
    problem("token-used")(refused?.reason);
    assert.equal(admitted.length, 1);
  });

  it("does not use the token up where the first machine has a reason to refuse", async () => {
    let isFirst = true;
    const { desk, token } = await openDesk({
      admit: async (request) => {
        if (!isFirst) return await answerTo(request);
        isFirst = false;
        throw new ProblemError({ code: "node-exists", message: "there is a gw2", hint: "--node" });
      },
    });
    await assert.rejects(ask(token), problem("node-exists", "--node"));
    await ask(token, "gw3");
    assert.deepEqual(await desk.end, { kind: "joined", node: "gw3", address: HOST });
  });

  it("is refused with a token that has expired", async () => {
    const { desk, token, admitted } = await openDesk({ lifetimeMs: 1 });
    assert.equal((await desk.end).kind, "expired");
    await assert.rejects(ask(token), problem("token-expired"));
    assert.deepEqual(admitted, []);
  });

  it("is refused with a guessed token, and after five guesses with the right one as well", async () => {
    const { desk, token, admitted, notices } = await openDesk();
    for (let i = 0; i < 5; i++) {
      const guessed = { ...token, secret: makeToken(keys.issuer, token.port).secret };
      await assert.rejects(ask(guessed), problem("join-refused", "not the token"));
    }
    assert.equal((await desk.end).kind, "spoiled");
    await assert.rejects(ask(token), problem("token-spoiled", "too many wrong ones"));
    assert.deepEqual(admitted, []);
    assert.match(notices.join("\n"), /127\.0\.0\.1 has a wrong token \(5 of 5\)/);
  });

  it("sends nothing to a machine of another authority, or to one that only shows the right one's certificate", async () => {
    const liars = [
      { cert: `${foreign.certificate}${foreign.issuer}`, key: foreign.privateKey },
      { cert: `${foreign.certificate}${keys.issuer}`, key: foreign.privateKey },
      { cert: foreign.certificate, key: foreign.privateKey },
    ];
    for (const pair of liars) {
      const liar = await impostor(pair);
      const token = makeToken(keys.issuer, liar.port);
      try {
        await assert.rejects(ask(token), problem("wrong-pin", "nothing was sent"));
      } finally {
        liar.close();
      }
      assert.deepEqual(liar.heard, []);
    }
  });

  it("says nothing of use to who relays it: the proof is of one connection", async () => {
    const { token, desk, admitted } = await openDesk();
    const { request } = await makeNodeRequest("gw2");
    // The right secret, but for another connection: what a machine in between would have heard there.
    const text = JSON.stringify({ ...machine(), request });
    const proof = proofOf(token.secret, new Uint8Array(32), text).toString("hex");
    const said = await speak(token.port, `${JSON.stringify({ request: text, proof })}\n`);
    assert.match(said, /join-refused/);
    assert.deepEqual(admitted, []);
    desk.close();
    assert.equal((await desk.end).kind, "closed");
  });
});

/** Speaks TLS without looking at whom it speaks to. @returns what was answered */
async function speak(port: number, text: string | Uint8Array): Promise<string> {
  const socket = connectTls({ host: HOST, port, rejectUnauthorized: false, ALPNProtocols: [JOIN_PROTOCOL] });
  let said = "";
  socket.on("data", (data: Buffer) => {
    said += data.toString("utf8");
  });
  socket.on("error", () => {});
  socket.on("secureConnect", () => socket.write(text));
  await once(socket, "close");
  return said;
}

async function speakPlainly(port: number, bytes: Uint8Array): Promise<void> {
  const socket = connect({ host: HOST, port });
  socket.on("error", () => {});
  socket.resume();
  socket.end(bytes);
  await once(socket, "close");
}

describe("a desk", () => {
  it("outlives hostile bytes, before TLS and in it, and still lets the right machine in", async () => {
    const { token, admitted, desk } = await openDesk();
    const random = (length: number, seed: number) =>
      Uint8Array.from({ length }, (_, index) => (index * 7_919 + seed * 104_729) >> 3);
    for (let seed = 0; seed < 4; seed++) await speakPlainly(token.port, random(2_000, seed));
    const hostile = [
      "\n",
      "{}\n",
      "[]\n",
      "null\n",
      "\u0000\n",
      `${"[".repeat(60_000)}\n`,
      `{"request":"x","proof":"zz"}\n`,
      `{"request":{"__proto__":1},"proof":"${"00".repeat(32)}"}\n`,
      "x".repeat(100_000),
    ];
    for (const text of hostile) {
      assert.equal(await speak(token.port, text), "", text.slice(0, 40));
      // No faster than the desk takes connections.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(admitted, []);
    await ask(token);
    assert.equal((await desk.end).kind, "joined");
  });

  it("tells a node whose request is no request, and keeps the token", async () => {
    const { token, desk } = await openDesk();
    await assert.rejects(
      joinCluster(HOST, token, { ...machine(), node: "" }),
      problem("join-refused", "not understood at node"),
    );
    await ask(token);
    assert.equal((await desk.end).kind, "joined");
  });
});
