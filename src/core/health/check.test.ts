import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Check, HOLD_MS_MAX } from "./check.ts";
import { ailments, CheckSet, newerVerdicts } from "./check-set.ts";

const SECOND = 1_000;

/** Probes a check once a second: `.` is a good result, `x` a bad one. @returns the states, as signs */
function play(check: Check, results: string, startMs = 0): string {
  return [...results]
    .map((sign, index) => {
      const nowMs = startMs + (index + 1) * SECOND;
      check.result(nowMs, sign === ".", sign === "." ? "answers" : "no answer");
      const { state, heldUntilMs } = check.view(nowMs);
      return heldUntilMs !== undefined ? "h" : state === "ok" ? "o" : state === "failing" ? "F" : "?";
    })
    .join("");
}

function newCheck({ rise, fall } = { rise: 2, fall: 3 }): Check {
  return new Check({ intervalMs: SECOND, rise, fall }, 0);
}

describe("a check", () => {
  it("believes the first result, whatever it is", () => {
    assert.equal(newCheck().view(0).state, "pending");
    assert.equal(play(newCheck(), "."), "o");
    assert.equal(play(newCheck(), "x"), "F");
  });

  it("fails after `fall` bad results in a row, and is ok after `rise` good ones", () => {
    assert.equal(play(newCheck(), "..xx.xxx.x..xx."), "oooooooFFFFoooo");
    assert.equal(play(newCheck({ rise: 4, fall: 1 }), ".x...x...."), "oFFFFFFFFo");
    assert.equal(play(newCheck({ rise: 1, fall: 5 }), ".xxxx.xxxxx."), "ooooooooooFo");
  });

  it("says why, and for how long", () => {
    const check = newCheck();
    play(check, "...xxx");
    assert.deepEqual(check.view(6 * SECOND), {
      ...{ state: "failing", sinceMs: 6 * SECOND, words: "no answer", flaps: 0, heldUntilMs: undefined },
      failure: "no answer for 3 s",
    });
    play(check, "..", 6 * SECOND);
    const { failure, words, sinceMs } = check.view(8 * SECOND);
    assert.deepEqual([failure, words, sinceMs], ["", "answers", 8 * SECOND]);
  });

  it("that flaps is held down, longer each time, and forgiven when it has been well for a minute", () => {
    const check = newCheck();
    assert.equal(play(check, ".xxx.."), "oooFFo");
    // The second failure within a minute: 5 s from there.
    assert.equal(play(check, "xxx.....", 6 * SECOND), "ooFhhhho");
    // The third: 10 s.
    assert.equal(play(check, "xxx..........", 14 * SECOND), "ooFhhhhhhhhho");
    assert.equal(check.view(27 * SECOND).flaps, 2);
    play(check, ".".repeat(60), 27 * SECOND);
    assert.equal(play(check, "xxx..", 87 * SECOND), "ooFFo");
    assert.equal(check.view(92 * SECOND).flaps, 0);
  });

  it("never flaps for ever: the longer it does, the seldomer, and it recovers in a bounded time", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 600 }), (results) => {
        const check = newCheck();
        let nowMs = 0;
        let changes = 0;
        for (const good of results) {
          nowMs += SECOND;
          if (check.result(nowMs, good, "")) changes += 1;
        }
        // The nth flap lasts 5 s x 2^n: in 600 s there is room for no more than seven, two changes each.
        assert.ok(changes <= 2 * 9, `${changes} changes`);
        for (let i = 1; i <= HOLD_MS_MAX / SECOND + 2; i++) check.result(nowMs + i * SECOND, true, "");
        assert.equal(check.view(nowMs).state, "ok");
      }),
    );
  });
});

describe("all checks of a node", () => {
  const common = { intervalMs: SECOND, timeoutMs: 500, rise: 1, fall: 1, tieBreaker: false };
  const checks = new CheckSet(
    [
      { name: "dns", weight: 20, veto: false, ...common },
      { name: "upstream", weight: 0, veto: true, ...common },
    ],
    0,
  );

  it("add up: weights, a veto, and the words of what disqualifies", () => {
    checks.result(1, "dns", false, "exit status 1");
    const light = ailments(checks.verdicts(1));
    assert.deepEqual(light, {
      ...{ weight: 20, vetoed: false, settleMs: 1_500 },
      why: "check dns failed: exit status 1",
    });
    checks.result(2_000, "upstream", false, "no answer from 198.51.100.1");
    const { why, vetoed, weight } = ailments(checks.verdicts(2_000));
    assert.deepEqual(
      [why, vetoed, weight],
      ["check upstream failed: no answer from 198.51.100.1 for 2 s", true, 20],
    );
  });

  it("that only break ties say nothing to the election", () => {
    const set = new CheckSet([{ name: "tie", weight: 0, veto: false, ...common, tieBreaker: true }], 0);
    set.result(1, "tie", false, "no answer");
    assert.deepEqual(set.verdicts(1), []);
    assert.deepEqual([set.failure(1, "tie"), set.views(1)[0]?.state], ["no answer", "failing"]);
  });

  it("that are pending again after a restart count as they did before", () => {
    const before = checks.verdicts(2_000);
    const restarted = before.map((one) => ({ ...one, state: "pending", failure: "" }) as const);
    assert.deepEqual(newerVerdicts(before, restarted), before);
    assert.deepEqual(newerVerdicts([], restarted), restarted);
    const recovered = before.map((one) => ({ ...one, state: "ok", failure: "" }) as const);
    assert.deepEqual(newerVerdicts(before, recovered), recovered);
  });
});

describe("the tie-breakers of a node", () => {
  const settings = { intervalMs: SECOND, timeoutMs: 500, rise: 2, fall: 3, weight: 0, veto: false };
  const both = () =>
    new CheckSet(
      [
        { ...settings, name: "server", tieBreaker: true },
        { ...settings, name: "client", tieBreaker: true },
        { ...settings, name: "disk", weight: 20, tieBreaker: false },
      ],
      0,
    );

  /** Probes both once a second: `.` is a good result, `x` a bad one. @returns what they say together after each */
  function reach(set: CheckSet, server: string, client: string): string {
    return [...server]
      .map((sign, index) => {
        const nowMs = (index + 1) * SECOND;
        set.result(nowMs, "server", sign === ".", sign === "." ? "answers" : "no answer");
        set.result(
          nowMs,
          "client",
          client[index] === ".",
          client[index] === "." ? "is there" : "is not there",
        );
        return { yes: "y", no: "n", unknown: "?" }[set.tie(nowMs).reach];
      })
      .join("");
  }

  it("fail together when each has failed as often as it must, from the start on, and not before", () => {
    assert.equal(reach(both(), "xxx", "xxx"), "??n");
    assert.equal(reach(both(), "..xxxx", "..xxxx"), "?yyynn");
    assert.equal(reach(both(), "xxxx", "..xx"), "?yyy");
  });

  it("answer when one does, as often as it must, whether it flaps or not", () => {
    assert.equal(reach(both(), "xxx.x..xxx..", "xxxxxxxxxxxx"), "??nnnnyyynny");
  });

  it("say what each said last", () => {
    const set = both();
    reach(set, "xxx", "x.x");
    assert.equal(set.tie(4 * SECOND).words, "server: no answer; client: is not there");
  });

  it("answer where there are none", () => {
    const set = new CheckSet([{ ...settings, name: "disk", weight: 20, tieBreaker: false }], 0);
    set.result(1, "disk", false, "exit status 1");
    assert.equal(set.tie(1).reach, "yes");
  });
});
