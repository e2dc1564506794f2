import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { whileWaiting } from "./waiting.ts";

/** What whileWaiting uses of a terminal. */
function pretendedStream(isTTY: boolean) {
  const written: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const write = (text: string) => {
    written.push(text);
    resolve();
    return true;
  };
  return { written, shown: promise, stream: { isTTY, write } as unknown as NodeJS.WriteStream };
}

describe("waiting", () => {
  it("is shown on a terminal, and gone afterwards", async () => {
    const { written, shown, stream } = pretendedStream(true);
    assert.equal(
      await whileWaiting(
        "handing over",
        shown.then(() => 7),
        stream,
      ),
      7,
    );
    assert.ok(written[0]?.startsWith("\r\x1b[Khanding over … "));
    assert.equal(written.at(-1), "\r\x1b[K");
  });

  it("is gone also when the work fails", async () => {
    const { written, shown, stream } = pretendedStream(true);
    await assert.rejects(
      whileWaiting(
        "x",
        shown.then(() => Promise.reject(new Error("no"))),
        stream,
      ),
    );
    assert.equal(written.at(-1), "\r\x1b[K");
  });

  it("is not shown in files and pipes, nor when it is over at once", async () => {
    for (const isTTY of [true, false]) {
      const { written, stream } = pretendedStream(isTTY);
      await whileWaiting("x", Promise.resolve(), stream);
      assert.deepEqual(written, []);
    }
  });
});
