import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LogOutput, writeNow } from "./log-output.ts";

/** A reader that takes only what it has room for. */
class Reader {
  room = 0;
  gone = false;
  text = "";
  readonly write = (bytes: Uint8Array): number | "gone" => {
    if (this.gone) return "gone";
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.text += new TextDecoder().decode(bytes.subarray(0, taken));
    return taken;
  };
}

const dropped = (count: number) => `(${count} dropped)\n`;

describe("LogOutput", () => {
  it("keeps lines for a reader that is slow, in order, also where it takes half of one", () => {
    const reader = new Reader();
    const output = new LogOutput(dropped, { write: reader.write });
    for (const line of ["one\n", "two\n", "three\n"]) output.push(line);
    reader.room = 6;
    output.flush();
    assert.equal(reader.text, "one\ntw");
    reader.room = 100;
    output.flush();
    assert.equal(reader.text, "one\ntwo\nthree\n");
    assert.equal(output.dropped, 0);
  });

  it("drops what has no room, counts it, and says so at its place", () => {
    const reader = new Reader();
    const output = new LogOutput(dropped, { write: reader.write, waitingBytesMax: 8 });
    for (const line of ["one\n", "two\n", "lost\n", "x\n"]) output.push(line);
    assert.equal(output.dropped, 2);
    reader.room = 1_000;
    output.flush();
    output.push("four\n");
    assert.equal(reader.text, "one\ntwo\n(2 dropped)\nfour\n");
    assert.equal(output.dropped, 2);
  });

  it("goes on when nobody reads any more", () => {
    const reader = new Reader();
    reader.gone = true;
    const output = new LogOutput(dropped, { write: reader.write, waitingBytesMax: 8 });
    for (let i = 0; i < 100; i++) output.push("line\n");
    assert.equal(output.dropped, 0);
  });

  it("tries again by itself", async () => {
    const reader = new Reader();
    const output = new LogOutput(dropped, { write: reader.write });
    output.push("later\n");
    reader.room = 100;
    while (reader.text === "") await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(reader.text, "later\n");
  });
});

/** Writes until there is no room. @returns the bytes that were taken */
function fill(write: (bytes: Uint8Array) => number | "gone"): number {
  const line = new TextEncoder().encode(`${"a".repeat(99)}\n`);
  for (let sum = 0; sum < 10_000_000; ) {
    const taken = write(line);
    assert.notEqual(taken, "gone");
    if (typeof taken === "number" && taken > 0) sum += taken;
    else return sum;
  }
  throw new Error("there is always room");
}

describe("writeNow", () => {
  it("does not wait for a pipe, and leaves the descriptor as it was", () => {
    const folder = mkdtempSync(join(tmpdir(), "tocha-log-"));
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY);
    const write = writeNow(fd);
    const sum = fill(write);
    assert.ok(sum > 0);
    assert.equal(readSync(reader, new Uint8Array(sum)), sum);
    assert.notEqual(write(new TextEncoder().encode("again\n")), 0);
    const flags = execFileSync("sh", ["-c", `grep ^flags: /proc/${process.pid}/fdinfo/${fd}`]).toString();
    assert.equal(Number.parseInt(flags.split(":")[1] ?? "", 8) & constants.O_NONBLOCK, 0);
    closeSync(reader);
    assert.equal(write(new TextEncoder().encode("nobody\n")), "gone");
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  it("does not wait for a socket, as of journald", async () => {
    // Node.js gives a child a socket as its standard input.
    const child = spawn("sleep", ["1000"], { stdio: ["pipe", "ignore", "ignore"] });
    const { fd } = (child.stdin as unknown as { _handle: { fd: number } })._handle;
    const write = writeNow(fd);
    assert.ok(fill(write) > 0);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    assert.equal(write(new TextEncoder().encode("nobody\n")), "gone");
  });
});
