import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readStory, StoryTeller } from "./election-story.ts";

describe("the standing that an arbitration goes by", () => {
  it("is the same object until the role, who is heard, or what it stays down for changes", () => {
    const teller = new StoryTeller();
    const after = (text: string) => {
      for (const scene of readStory(`${text}\n----\n-`)) teller.play(scene);
      return teller.election.standing;
    };
    const first = after("node gw1 priority=100 interval=100ms peers=gw2,gw3\nup lan\nready\ncomplete");
    const ruled = { lostTo: undefined, cutOff: null };
    assert.deepEqual(first, { role: "init", seen: [], isAlone: true, ...ruled });
    assert.equal(after("advance 200ms"), first);
    const seen = after("pulse gw3 standby priority=90");
    assert.deepEqual(seen, { role: "init", seen: ["gw3"], isAlone: false, ...ruled });
    assert.equal(after("advance 100ms\npulse gw3 standby priority=90"), seen);
    const both = after("pulse gw2 standby priority=90");
    assert.deepEqual(both.seen, ["gw2", "gw3"]);
    assert.deepEqual(after("advance 2s"), { role: "active", seen: [], isAlone: true, ...ruled });
    const lost = after("arbiter gw2");
    assert.deepEqual(lost, { role: "fault", seen: [], isAlone: true, ...ruled, lostTo: "gw2" });
    assert.equal(after("advance 2s"), lost);
    assert.deepEqual(after("arbiter gw3").lostTo, "gw3");
    assert.deepEqual(after("arbiter -"), { role: "standby", seen: [], isAlone: true, ...ruled });
    assert.deepEqual(after("cut-off yes").cutOff, "it is cut off");
    assert.deepEqual(after("cut-off no"), { role: "standby", seen: [], isAlone: true, ...ruled });
    assert.equal(after("pulse gw2 stopped priority=0 resigning").isAlone, true);
    assert.equal(after("pulse gw3 stopped priority=0 resigning").isAlone, false, "nobody is missed");
  });
});
