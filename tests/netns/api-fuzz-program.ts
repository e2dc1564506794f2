import { readFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { seededRandom } from "../../src/base/prng.ts";
import { changesSomething, type Operation, pathOf } from "../../src/contract/operation.ts";
import { operations } from "../../src/contract/operations.ts";
import { below, mutate, type Random, randomBytes } from "../fuzz/mutate.ts";

// Sends malformed requests to an API, some at a time, and prints how they were answered.

export interface ApiFuzzOptions {
  readonly address: string;
  readonly port: number;
  readonly ca: string;
  readonly viewer: string;
  readonly admin: string;
  readonly requests: number;
  readonly seed: number;
}

export interface ApiFuzzResult {
  readonly sent: number;
  /** By status; `closed`: without an answer, `silent`: the other end waited for more. */
  readonly answers: Readonly<Record<string, number>>;
}

const AT_ONCE = 8;
/** A request that is not whole is waited for by the other end; this one does not wait. */
const PATIENCE_MS = 250;
const table: readonly Operation[] = Object.values(operations).filter(
  ({ answer }) => answer.kind !== "events",
);

function pick<T>(random: Random, list: readonly T[]): T {
  const one = list[below(random, list.length)];
  if (one === undefined) throw new Error("an empty list");
  return one;
}

const latin1 = (text: string) => Buffer.from(text, "latin1");
const noise = (random: Random, length: number) => Buffer.from(randomBytes(random, length)).toString("latin1");

function head(operation: Operation, token: string, more = ""): string {
  const path = pathOf(operation, { id: "gw1-1", name: "nobody" });
  return `${operation.method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${more}`;
}

function randomJson(random: Random, depth = 0): unknown {
  switch (below(random, depth > 6 ? 5 : 8)) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return (random() - 0.5) * 10 ** below(random, 300);
    case 3:
    case 4:
      return noise(random, 300);
    case 5:
      return Array.from({ length: below(random, 6) }, () => randomJson(random, depth + 1));
    default:
      return Object.fromEntries(
        [
          "__proto__",
          "constructor",
          "node",
          "reason",
          "to",
          "name",
          "role",
          "password",
          noise(random, 8),
        ].map((key) => [key, randomJson(random, depth + 1)]),
      );
  }
}

/** Requests of one kind each; those with the token of an administrator have a body that no operation takes. */
const kinds: readonly ((random: Random, options: ApiFuzzOptions) => Buffer)[] = [
  (random) => Buffer.from(randomBytes(random, 2_000)),
  // Somewhere in a request that was right. The viewer may not change anything, whatever comes of it.
  (random, { viewer }) =>
    Buffer.from(mutate(random, latin1(`${head(pick(random, table), viewer)}Content-Length: 2\r\n\r\n{}`))),
  // Well-formed HTTP around a body that is none.
  (random, { admin }) => {
    const body = JSON.stringify({ "no such key": randomJson(random) });
    const changing = table.filter(changesSomething);
    const length = random() < 0.8 ? Buffer.byteLength(body) : below(random, 2 ** 31);
    const type = pick(random, [
      "application/json",
      "application/json; charset=utf-7",
      "text/plain",
      noise(random, 20),
    ]);
    const operation = pick(
      random,
      changing.filter((one) => one.body !== undefined),
    );
    const headers = `Content-Type: ${type.replace(/[\r\n]/g, "")}\r\nContent-Length: ${length}\r\n\r\n`;
    return Buffer.concat([latin1(head(operation, admin, headers)), Buffer.from(body)]);
  },
  // Bodies that are no JSON, or too deep.
  (random, { admin }) => {
    const body = pick(random, [
      "{",
      "[".repeat(50_000),
      '{"a":',
      "\u0000",
      noise(random, 500),
      '"\ud800"',
      "1e999999",
      "",
    ]);
    const headers = `Content-Type: application/json\r\nContent-Length: ${latin1(body).length}\r\n\r\n`;
    return Buffer.concat([latin1(head(operations["users.add"], admin, headers)), latin1(body)]);
  },
  // Headers: long, many, doubled, with control characters.
  (random, { viewer }) => {
    const name = pick(random, [
      "X-A",
      "If-Match",
      "Idempotency-Key",
      "Last-Event-ID",
      "Authorization",
      "Host",
      noise(random, 10),
    ]);
    const count = pick(random, [1, 2, 50, 3_000]);
    const value = noise(random, pick(random, [10, 1_000, 30_000]));
    return latin1(`${head(pick(random, table), viewer, `${name}: ${value}\r\n`.repeat(count))}\r\n`);
  },
  // Two ways to say how long it is, and wrong ones.
  (random, { viewer }) => {
    const headers = pick(random, [
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
      "Content-Length: -1\r\n",
      "Content-Length: 1\r\nContent-Length: 2\r\n",
      "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n",
      "Expect: nonsense\r\n",
      "Upgrade: h2c\r\nConnection: upgrade\r\n",
    ]);
    const chunks = pick(random, [
      "0\r\n\r\n",
      "ffffffffff\r\n{}\r\n",
      "zz\r\n{}",
      "2\r\n{}\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ]);
    return latin1(`${head(operations.switchover, viewer, headers)}\r\n${chunks}`);
  },
  // Paths, queries, methods and tokens.
  (random, { viewer, admin }) => {
    const method = pick(random, [
      "GET",
      "POST",
      "PUT",
      "DELETE",
      "PATCH",
      "OPTIONS",
      "HEAD",
      "TRACE",
      "CONNECT",
      "BREW",
      noise(random, 5),
    ]);
    const start = pick(random, [
      "/",
      "/v1",
      "/v1/users/%ff",
      "/v1/connections?",
      "/v1/../../etc/passwd",
      "//x/",
      "*",
      "http://h/",
      "/v1/failover/history/",
      "/v1/audit?limit=",
    ]);
    const rest = noise(random, 40).replace(/[\s\r\n]/g, "%00");
    const token = pick(random, [
      viewer,
      method === "GET" ? admin : viewer,
      "",
      "x".repeat(5_000),
      noise(random, 30),
    ]);
    const length = below(random, 2) === 0 ? "" : "Content-Length: 0\r\n";
    return latin1(
      `${method} ${start}${rest} HTTP/${pick(random, ["1.1", "1.0", "0.9", "2.0", "x"])}\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${length}\r\n`,
    );
  },
];

function open(random: Random, { address, port, ca }: ApiFuzzOptions): Duplex {
  // Now and then somebody who does not even speak TLS.
  if (below(random, 8) === 0) return connectPlain({ host: address, port });
  return connect({ host: address, port, ca, servername: "gw1.tocha", checkServerIdentity: () => undefined });
}

function send(random: Random, options: ApiFuzzOptions): Promise<string> {
  const bytes = pick(random, kinds)(random, options);
  const socket = open(random, options);
  const { promise, resolve } = Promise.withResolvers<string>();
  const end = (answer: string) => {
    clearTimeout(timer);
    resolve(answer);
    socket.destroy();
  };
  let timer = setTimeout(() => end("silent"), 20 * PATIENCE_MS);
  socket.once("data", (data: Buffer) =>
    end(/^HTTP\/1\.1 ([0-9]{3})/.exec(data.toString("latin1"))?.[1] ?? "closed"),
  );
  socket.once("error", () => end("closed"));
  socket.once("close", () => end("closed"));
  socket.once("secureConnect", () => {
    clearTimeout(timer);
    timer = setTimeout(() => end("silent"), PATIENCE_MS);
  });
  socket.write(bytes);
  return promise;
}

async function main(): Promise<void> {
  const options = JSON.parse(readFileSync(0, "utf8")) as ApiFuzzOptions;
  const random = seededRandom(options.seed);
  const answers: Record<string, number> = {};
  let sent = 0;
  const worker = async () => {
    while (sent < options.requests) {
      sent++;
      const answer = await send(random, options);
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const result: ApiFuzzResult = { sent, answers };
  process.stdout.write(JSON.stringify(result));
}

await main();
