import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoryTeller } from "./election-story.ts";

describe("election: a handover whose occasion is over when the drain ends", () => {
  /** Why gw1 stays active after a scene that follows an active gw1 with two faces and a complete gw2. */
  const refusal = (scene: string): string | undefined => {
    const teller = new StoryTeller();
    const start =
      "node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan; up lan wan; ready; complete; advance 20s";
    const input = `${start}; pulse gw2 standby priority=100 complete; ${scene}`.split("; ");
    assert.match(teller.play({ input, expected: "" }), /drain 1 .*handover-refused/s);
    return teller.election.view.handoverRefused?.message;
  };

  it("is refused with what is so, and not for want of a standby", () => {
    const gone = "the reason to hand over is gone";
    assert.equal(refusal("down wan; up wan; drained 1 yes"), gone);
    assert.equal(refusal("check upstream failing veto; check upstream ok; drained 1 no"), gone);
    assert.equal(refusal("standby; resume; drained 1 yes"), gone);
    assert.equal(
      refusal("down wan; pulse gw2 standby priority=6 complete; drained 1 yes"),
      "no standby would serve better any more",
    );
  });

  it("is refused for want of a standby where there is none", () => {
    const none = "no living standby has a complete connection table";
    assert.equal(refusal("down wan; pulse gw2 standby priority=100; drained 1 yes"), none);
    assert.equal(refusal("switchover; pulse gw2 standby priority=100; drained 1 yes"), none);
  });
});
