import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RecentFrames } from "./recent-frames.ts";

describe("RecentFrames", () => {
  const buffer = Buffer.alloc(64);
  const decoded: string[] = [];
  const frames = new RecentFrames((frame) => {
    decoded.push(Buffer.from(frame).toString());
    return { text: Buffer.from(frame).toString() };
  });
  const read = (text: string) => frames.read(buffer, buffer.write(text));

  it("decodes a frame once, and gives the same meaning again", () => {
    const first = read("one");
    assert.equal(first.text, "one");
    assert.equal(read("one"), first);
    assert.deepEqual(decoded, ["one"]);
  });

  it("takes no other frame for it, be it longer, shorter or different in one byte", () => {
    assert.equal(read("onee").text, "onee");
    assert.equal(read("on").text, "on");
    assert.equal(read("onf").text, "onf");
    assert.equal(read("one").text, "one");
    assert.deepEqual(decoded, ["one", "onee", "on", "onf"]);
  });

  it("keeps no more than a few, whatever comes", () => {
    for (let i = 0; i < 100; i++) assert.equal(read(`frame ${i}`).text, `frame ${i}`);
    const count = decoded.length;
    assert.equal(read("frame 99").text, "frame 99");
    assert.equal(decoded.length, count);
    assert.equal(read("frame 0").text, "frame 0");
    assert.equal(decoded.length, count + 1);
  });
});
