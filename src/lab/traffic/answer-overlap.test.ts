import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerOverlap } from "./answer-overlap.ts";

const ASK_MS = 4;

/** Asks from `fromMs` to before `toMs`; each of the machines answers one millisecond after. */
function play(overlap: AnswerOverlap, [fromMs, toMs]: readonly [number, number], machines: string): void {
  for (let ms = fromMs; ms < toMs; ms += ASK_MS) {
    overlap.ask();
    for (const machine of machines) overlap.answer(machine, ms + 1);
  }
}

describe("how long two answer", () => {
  it("is nothing when one takes over from the other", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "a");
    play(overlap, [400, 800], "b");
    assert.equal(overlap.longestMs, 0);
  });

  it("is from the new one's first answer to the old one's last", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "a");
    play(overlap, [400, 600], "ab");
    play(overlap, [600, 800], "b");
    assert.equal(overlap.longestMs, 200 - ASK_MS);
  });

  it("ends when the new one stops, however long the old one goes on", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "a");
    play(overlap, [400, 600], "ab");
    play(overlap, [600, 60_000], "a");
    assert.equal(overlap.longestMs, 200 - ASK_MS);
  });

  // Fault 494 of the chaos hour: what followed the mend was counted, and the isolation itself.
  it("is only what follows the mend when the one that was cut off comes back and wins", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "a");
    play(overlap, [700, 4_700], "b");
    play(overlap, [4_700, 4_760], "ab");
    play(overlap, [4_760, 6_000], "a");
    assert.equal(overlap.longestMs, 60 - ASK_MS);
  });

  it("goes on over answers that are lost", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "a");
    for (let ms = 400; ms < 1_200; ms += 80) {
      play(overlap, [ms, ms + 40], "ab");
      play(overlap, [ms + 40, ms + 80], "b");
    }
    assert.equal(overlap.longestMs, 760 - ASK_MS);
  });

  it("goes on while the witness itself stood still", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "ab");
    play(overlap, [2_400, 2_800], "ab");
    assert.equal(overlap.longestMs, 2_800 - ASK_MS);
  });

  it("is the longest of several", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 300], "ab");
    play(overlap, [300, 900], "b");
    play(overlap, [900, 1_000], "ab");
    assert.equal(overlap.longestMs, 300 - ASK_MS);
  });

  it("begins anew with a window", () => {
    const overlap = new AnswerOverlap();
    play(overlap, [0, 400], "ab");
    overlap.mark();
    play(overlap, [400, 800], "a");
    assert.equal(overlap.longestMs, 0);
  });
});
