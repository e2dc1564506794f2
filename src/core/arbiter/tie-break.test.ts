import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { GroupRole } from "../election/election-types.ts";
import type { Standing } from "./arbitration.ts";
import { TieBreak, type TieRuling } from "./tie-break.ts";

const WHY = "it hears no other node, and no tie-breaker answers (server: no answer)";
const down: TieRuling = { cutOff: WHY };
const up: TieRuling = { cutOff: null };
const no = { reach: "no", words: "server: no answer" } as const;
const yes = { reach: "yes", words: "server: 192.0.2.9 answers" } as const;
const unknown = { reach: "unknown", words: "server: " } as const;

const withOther: Standing = {
  ...{ role: "active", seen: ["gw2"], isAlone: false, lostTo: undefined, cutOff: null },
};
const alone: Standing = { ...withOther, seen: [], isAlone: true };
const fallen: Standing = { ...alone, role: "fault", cutOff: WHY };

/** One that was told to stay down at 1,000 ms, and has done so. */
function cutOff(): TieBreak {
  const tie = new TieBreak(100);
  tie.stands(0, alone);
  tie.reaches(0, no);
  assert.deepEqual(tie.timeout(1_000), down);
  assert.equal(tie.stands(1_001, fallen), undefined);
  return tie;
}

describe("TieBreak", () => {
  it("steps down when it has been active, alone and without an answer for a second", () => {
    const tie = new TieBreak(100);
    assert.equal(tie.stands(0, withOther), undefined);
    assert.equal(tie.reaches(100, no), undefined);
    assert.equal(tie.deadline, Number.POSITIVE_INFINITY);
    assert.equal(tie.stands(200, alone), undefined);
    assert.equal(tie.deadline, 1_200);
    assert.equal(tie.reaches(700, no), undefined);
    assert.equal(tie.timeout(1_199), undefined);
    assert.deepEqual(tie.timeout(1_200), down);
    assert.equal(tie.deadline, Number.POSITIVE_INFINITY);
  });

  it("waits for ten intervals of pulses, where that is longer", () => {
    const tie = new TieBreak(1_000);
    tie.stands(0, alone);
    tie.reaches(0, no);
    assert.equal(tie.deadline, 10_000);
  });

  const moments: readonly [string, (tie: TieBreak) => unknown][] = [
    ["another node is heard", (tie) => [tie.stands(500, withOther), tie.stands(600, alone)]],
    ["a target answers", (tie) => [tie.reaches(500, yes), tie.reaches(600, no)]],
    ["it is not known whether one answers", (tie) => [tie.reaches(500, unknown), tie.reaches(600, no)]],
    [
      "it is not active",
      (tie) => [tie.stands(500, { ...alone, role: "standby" }), tie.stands(600, { ...alone })],
    ],
  ];
  for (const [what, pass] of moments)
    it(`begins anew when for a moment ${what}`, () => {
      const tie = new TieBreak(100);
      tie.stands(0, alone);
      tie.reaches(0, no);
      pass(tie);
      assert.equal(tie.timeout(1_599), undefined);
      assert.deepEqual(tie.timeout(1_600), down);
    });

  it("comes back when a node is heard, or a target answers; not while that is unknown", () => {
    const heard = cutOff();
    assert.equal(heard.reaches(2_000, unknown), undefined);
    // The failover role has taken itself back already: telling it so changes nothing there.
    assert.deepEqual(heard.stands(3_000, { ...withOther, role: "standby" }), up);
    assert.deepEqual(cutOff().reaches(2_000, yes), up);
    assert.deepEqual(cutOff().stands(2_000, { ...alone, role: "stopped" }), up);
  });

  it("tells a failover role that has started again, and believes one that knows when it has itself", () => {
    const tie = cutOff();
    assert.deepEqual(tie.stands(2_000, { ...alone, role: "init" }), { cutOff: WHY });
    const started = new TieBreak(100);
    assert.equal(started.stands(0, fallen), undefined);
    assert.equal(started.reaches(10, unknown), undefined);
    assert.equal(started.reaches(20, no), undefined);
    assert.deepEqual(started.reaches(30, yes), up);
  });

  it("lets a node up whose document has no tie-breakers any more", () => {
    const tie = new TieBreak(100);
    tie.reaches(0, { reach: "yes", words: "" });
    assert.deepEqual(tie.stands(10, fallen), up);
  });

  it("is down only for an active that was alone and without an answer, and never for ever", () => {
    const standing = fc
      .record({
        role: fc.constantFrom<GroupRole>("init", "standby", "active", "fault", "stopped"),
        isAlone: fc.boolean(),
      })
      .map((part) => ({ stands: { ...alone, ...part } }));
    const input = fc.oneof(
      standing,
      fc.constantFrom(no, yes, unknown).map((reaches) => ({ reaches })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(0, 10, 999, 1_000), input)), (inputs) => {
        const tie = new TieBreak(10);
        let nowMs = 0;
        let cut: string | null = null;
        let last: Standing = withOther;
        let reach: string = "unknown";
        const take = (ruling: TieRuling | undefined) => {
          if (ruling === undefined) return;
          if (ruling.cutOff !== null && cut === null)
            assert.deepEqual([last.role, last.isAlone, reach], ["active", true, "no"]);
          cut = ruling.cutOff;
        };
        for (const [afterMs, one] of inputs) {
          nowMs += afterMs;
          if ("stands" in one) {
            last = { ...one.stands, cutOff: cut };
            take(tie.stands(nowMs, last));
          } else {
            reach = one.reaches.reach;
            take(tie.reaches(nowMs, one.reaches));
          }
        }
        take(tie.reaches(nowMs, yes));
        assert.equal(cut, null);
      }),
    );
  });
});
