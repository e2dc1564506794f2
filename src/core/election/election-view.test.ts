import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoryTeller } from "./election-story.ts";

/** The role and its cause after each scene. */
function causes(...scenes: readonly string[]): string[] {
  const teller = new StoryTeller();
  return scenes.map((scene) => {
    teller.play({ input: scene.split("; "), expected: "" });
    const { role, cause } = teller.election.view;
    return `${role}: ${cause}`;
  });
}

describe("the cause of init", () => {
  const listens = "init: it has just started and listens";

  it("is that it listens, and then what it lacks", () => {
    assert.deepEqual(
      causes(
        "node gw1 priority=100 interval=100ms peers=gw2",
        "advance 1s",
        "advance 1s",
        "ready",
        "down lan; advance 2s",
        "pulse gw2 active priority=90",
        "up lan",
      ),
      [
        listens,
        listens,
        "init: the gateway's rules are not in place",
        "init: no interface of the group is up",
        "init: no interface of the group is up",
        "init: no interface of the group is up",
        "standby: gw2 is active",
      ],
    );
  });

  it("is what it lacks as soon as it hears an active: there is nothing more to listen for", () => {
    assert.deepEqual(
      causes("node gw1 priority=100 interval=100ms peers=gw2; ready; pulse gw2 active priority=90"),
      ["init: no interface of the group is up"],
    );
  });

  it("is that it listens, where nothing is lacking", () => {
    assert.deepEqual(causes("node gw1 priority=100 interval=100ms peers=gw2; up lan; ready; advance 1s"), [
      listens,
    ]);
  });
});

describe("the cause of fault", () => {
  const serving = "node gw1 priority=110 interval=100ms peers=gw2,gw3; up lan; ready; complete; advance 2s";

  it("is what hinders the node now, not what made it step down", () => {
    assert.deepEqual(
      causes(
        `${serving}; cut-off yes`,
        "down lan",
        // The sync link is back.
        "pulse gw2 standby priority=100",
        "up lan",
      ),
      [
        "fault: it is cut off",
        "fault: it is cut off",
        "fault: no interface of the group is up",
        "standby: it can serve again",
      ],
    );
  });

  it("names the one that holds the arbiter's lease now", () => {
    const lost = (to: string) => `fault: ${to} holds the arbiter's lease, and this node hears nothing of it`;
    assert.deepEqual(causes(`${serving}; arbiter gw2`, "arbiter gw3"), [lost("gw2"), lost("gw3")]);
  });
});
