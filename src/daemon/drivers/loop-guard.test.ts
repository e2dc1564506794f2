import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockOffsetMs } from "./clock-offset.ts";
import { LoopGuard } from "./loop-guard.ts";
import { LoopTurns } from "./loop-turns.ts";

function setUp(processors: readonly number[] = [0, 1]) {
  const turns = LoopTurns.create();
  const calls: string[] = [];
  let here = 0;
  const startMs = performance.now();
  const guard = new LoopGuard({
    turns,
    processors,
    kernel: {
      current: () => here,
      keepGuardOn: (some) => {
        calls.push(`guard on ${some}`);
        if (!some.includes(here)) here = some[0] ?? 0;
      },
      keepLoopOn: (processor) => calls.push(`loop on ${processor}`),
      fetchKeeper: (processor) => calls.push(`keeper to ${processor}`),
    },
  });
  /** The loop begins to wait, for so long at most. */
  const rest = (ms: number) => {
    turns.rest(startMs + ms);
    return turns.processor;
  };
  const look = (inMs: number) => {
    const againMs = guard.look(startMs + clockOffsetMs + inMs);
    return { againMs: Math.round(againMs), calls: calls.splice(0) };
  };
  return { turns, rest, look, standOn: (processor: number) => (here = processor) };
}

describe("LoopGuard", () => {
  it("keeps the loop where it is and itself elsewhere, and looks again when the loop should have woken up", () => {
    const { turns, rest, look, standOn } = setUp();
    const loopOn = rest(10);
    const other = 1 - loopOn;
    standOn(loopOn);
    assert.deepEqual(look(0), { againMs: 12, calls: [`loop on ${loopOn}`, `guard on ${other}`] });
    assert.deepEqual(look(11), { againMs: 1, calls: [] }, "a little late is no reason");
    turns.wake();
    assert.deepEqual(look(11), { againMs: 2, calls: [] });
    rest(1_000);
    assert.deepEqual(look(0).againMs, 50, "the loop can have other plans before");
    assert.equal(turns.moves, 0);
  });

  it("fetches a loop that does not wake up, and leaves the processor to it", () => {
    const { turns, rest, look, standOn } = setUp();
    const loopOn = rest(10);
    const other = 1 - loopOn;
    standOn(other);
    look(0);
    assert.deepEqual(look(13), {
      againMs: 2,
      calls: [`loop on ${other}`, `keeper to ${other}`, `guard on ${loopOn}`],
    });
    assert.equal(turns.moves, 1);
    assert.equal(turns.processor, other);
  });

  it("goes to a third processor rather than to the one that is not given back", () => {
    const { rest, look, standOn } = setUp([0, 1, 2, 3].map((i) => i + 100));
    rest(10);
    standOn(102);
    look(0);
    // The loop is on a processor of this machine, which is none of these.
    assert.deepEqual(look(13).calls, ["loop on 102", "keeper to 102", "guard on 100,101,103"]);
    assert.deepEqual(look(16).calls, ["loop on 100", "keeper to 100", "guard on 101,103"]);
  });

  it("fetches loop and keeper when a turn does not end", () => {
    const { turns, rest, look, standOn } = setUp();
    const loopOn = rest(10);
    const other = 1 - loopOn;
    standOn(other);
    turns.wake();
    assert.deepEqual(look(0).calls, [`loop on ${loopOn}`]);
    assert.deepEqual(look(2).calls, [`loop on ${other}`, `keeper to ${other}`, `guard on ${loopOn}`]);
    rest(10);
    look(3);
    turns.wake();
    assert.deepEqual(look(14).calls, [], "another turn");
    turns.wake();
    assert.deepEqual(look(16).calls, [], "another one again");
  });

  it("has nowhere to move the loop to when all other processors have gone", () => {
    const { turns, rest, look, standOn } = setUp();
    standOn(rest(10));
    const { processor } = turns;
    // What it asks for is refused.
    const guard = new LoopGuard({
      turns,
      processors: [processor, processor + 1],
      kernel: {
        current: () => processor,
        keepGuardOn: () => {},
        keepLoopOn: () => {},
        fetchKeeper: () => {},
      },
    });
    assert.equal(guard.look(performance.now() + clockOffsetMs + 1_000), 2);
    assert.equal(turns.moves, 0);
    assert.deepEqual(look(0).calls.length, 2);
  });

  it("guards nothing before the loop has waited once, and takes no deadline that has passed for one", () => {
    const { turns, rest, look, standOn } = setUp();
    assert.equal(turns.isGuarded, false);
    standOn(1 - rest(-1_000));
    assert.equal(turns.isGuarded, true);
    look(0);
    assert.equal(turns.moves, 0);
  });
});
