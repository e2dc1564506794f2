import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { TextAnswer } from "./control-answer.ts";
import { serveMetrics } from "./metrics-server.ts";

/** Below those that the kernel gives by itself; another one in each process, so that tests may run beside each other. */
const PORT = 20_000 + (process.pid % 9_000);
/** As in metrics-server.ts. */
const CONNECTIONS_MAX = 16;
const text = "tocha_info 1\n";

const errors: string[] = [];
let server: ReturnType<typeof serveMetrics>;
/** What the next scrape does. */
let scrape = async () => new TextAnswer("text/plain; version=0.0.4", text);

before(async () => {
  // A link-local address is no fault: it is left out.
  const addresses = ["127.0.0.1", "::1", "fe80::1"];
  server = serveMetrics(
    { device: "lo", addresses, port: PORT },
    () => scrape(),
    (error) => errors.push(error),
  );
  for (;;) {
    const { socket, answered } = await open();
    socket.destroy();
    if (answered) break;
  }
});

after(() => server.close());

/** A connection on which nothing is said. */
async function open(): Promise<{ socket: Socket; answered: boolean; closed: Promise<void> }> {
  const socket = connect(PORT, "127.0.0.1");
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("close", () => resolve());
  socket.resume(); // What the server says last is read, or its end is not seen.
  const answered = await new Promise<boolean>((settle) => {
    socket.on("connect", () => settle(true));
    socket.on("error", () => settle(false));
  });
  return { socket, answered, closed };
}

const ask = (host: string, path = "/metrics", init: RequestInit = {}) =>
  fetch(`http://${host}:${PORT}${path}`, {
    signal: AbortSignal.timeout(20_000),
    ...init,
    headers: { connection: "close" },
  });

describe("serveMetrics", () => {
  it("answers on the addresses of the device", async () => {
    for (const host of ["127.0.0.1", "[::1]"]) {
      const answer = await ask(host);
      assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4");
      assert.equal(await answer.text(), text);
    }
    const head = await ask("127.0.0.1", "/metrics", { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), String(text.length));
    await assert.rejects(ask("127.0.0.2"));
  });

  it("refuses all else, and does not say what went wrong inside", async () => {
    assert.equal((await ask("127.0.0.1", "/")).status, 404);
    const post = await ask("127.0.0.1", "/metrics", { method: "POST", body: "x".repeat(100_000) });
    assert.equal(post.status, 405);
    scrape = async () => {
      throw new Error("a secret");
    };
    const broken = await ask("127.0.0.1");
    assert.equal(broken.status, 500);
    assert.doesNotMatch(await broken.text(), /secret/);
    scrape = async () => new TextAnswer("text/plain", text);
  });

  it("serves so many connections and no more, and those that say nothing only for some time", async () => {
    const idle = await Promise.all(Array.from({ length: CONNECTIONS_MAX }, open));
    // One more is closed at once.
    await (await open()).closed;
    await assert.rejects(ask("127.0.0.1"));
    await Promise.all(idle.map(({ closed }) => closed));
    assert.equal((await ask("127.0.0.1")).status, 200);
  });
});
