import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { UnixDatagramSocket } from "./unix-datagram.ts";

const folder = mkdtempSync(join(tmpdir(), "tocha-unix-"));
const sockets: UnixDatagramSocket[] = [];

after(() => {
  for (const socket of sockets) socket.close();
  rmSync(folder, { recursive: true });
});

function open(): UnixDatagramSocket {
  const socket = new UnixDatagramSocket();
  sockets.push(socket);
  return socket;
}

const bytes = (text: string) => new TextEncoder().encode(text);

function received(socket: UnixDatagramSocket): string | undefined {
  const into = new Uint8Array(100);
  const length = socket.receive(into);
  return length === undefined ? undefined : new TextDecoder().decode(into.subarray(0, length));
}

describe("UnixDatagramSocket", () => {
  for (const path of [join(folder, "notify"), `@tocha-test-${process.pid}`]) {
    it(`carries datagrams to ${path.startsWith("@") ? "an abstract name" : "a path"}`, () => {
      const [sender, receiver] = [open(), open()];
      receiver.bind(path);
      assert.equal(received(receiver), undefined);
      assert.equal(sender.send(path, bytes("READY=1")), true);
      assert.equal(sender.send(path, bytes("STATUS=all is well")), true);
      assert.equal(received(receiver), "READY=1");
      assert.equal(received(receiver), "STATUS=all is well");
      assert.equal(received(receiver), undefined);
    });
  }

  it("says that nobody is there", () => {
    assert.equal(open().send(join(folder, "nobody"), bytes("a")), false);
    assert.equal(open().send(`@tocha-nobody-${process.pid}`, bytes("a")), false);
  });

  it("says that the other end is full, and does not wait", () => {
    const [sender, receiver] = [open(), open()];
    const path = join(folder, "full");
    receiver.bind(path);
    let answer: boolean | "full" = true;
    for (let i = 0; i < 100_000 && answer === true; i++) answer = sender.send(path, bytes("a"));
    assert.equal(answer, "full");
  });

  it("refuses a path that the kernel would cut", () => {
    assert.throws(() => open().bind(`/${"a".repeat(107)}`), /1 to 107 bytes, not 108/);
    assert.throws(() => open().bind(""), /not 0/);
  });
});
