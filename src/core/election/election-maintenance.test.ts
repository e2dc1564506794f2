import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoryTeller } from "./election-story.ts";
import { active, shortStory } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of shortStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: maintenance", () => {
  story(
    "an active that is set aside hands over, and says why",
    `
    ${active}
    standby
    drained 1 yes
    ----
    20s  advert lan 1, pulses, drain 1 within 1000ms
    20s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: set aside by ops
    standby
    `,
  );

  story(
    "without a standby that has every connection it goes on serving, until there is one",
    `
    ${active}
    pulse gw2 standby priority=100
    standby
    advance 100ms
    pulse gw2 standby priority=100
    ----
    active

    pulse gw2 standby priority=100 complete
    drained 1 yes
    ----
    20.1s  drain 1 within 1000ms
    20.1s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: set aside by ops
    standby
    `,
  );

  story(
    "nor does it hand over to one that is severely ill, such as by a face that is down; but to one with a failing weight",
    `
    ${active}
    pulse gw2 standby priority=6 complete
    standby
    advance 100ms
    pulse gw2 standby priority=6 complete
    ----
    active

    pulse gw2 standby priority=60 complete
    ----
    20.1s  drain 1 within 1000ms
    active
    `,
  );

  story(
    "by force, a living node is good enough, with whatever connections it has",
    `
    ${active}
    pulse gw2 standby priority=100
    standby force
    drained 1 no
    ----
    20s  advert lan 1, pulses, drain 1 within 1000ms
    20s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: set aside by ops
    standby
    `,
  );

  story(
    "set aside on both sides: nothing is handed to and fro",
    `
    ${active}
    pulse gw2 standby priority=0 complete
    standby force
    advance 100ms
    pulse gw2 standby priority=0 complete
    ----
    active
    `,
  );

  story(
    "a standby that is set aside takes over where nobody else can, and gives the role back",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    standby
    pulse gw2 active priority=100
    advance 300ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby

    advance 100ms
    ----
    0.313s  add-addresses, pulses, announce, advert lan 1, standby -> active: gw2 was silent for 313 ms on every path
    active

    advance 1s
    pulse gw2 standby priority=100
    advance 100ms
    pulse gw2 standby priority=100 complete
    drained 1 yes
    ----
    1.5s  drain 1 within 1000ms
    1.5s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: set aside by ops
    standby
    `,
  );

  story(
    "by force, it lets every other node go first, complete or not, as long as three active-down times",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    standby force
    pulse gw2 active priority=100
    pulse gw3 standby priority=90
    pulse gw2 standby priority=100 resigning
    advance 300ms
    pulse gw3 standby priority=90
    advance 300ms
    pulse gw3 standby priority=90
    advance 300ms
    pulse gw3 standby priority=90
    advance 300ms
    pulse gw3 standby priority=90
    advance 300ms
    pulse gw3 standby priority=90
    ----
    0s  pulses, init -> standby: gw2 is active
    standby

    advance 300ms
    ----
    1.598s  add-addresses, pulses, announce, advert lan 1, standby -> active: gw2 resigned, and 1598 ms later nobody better had taken over
    active
    `,
  );

  story(
    "with every connection it takes over at once before one that lacks some",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    standby
    pulse gw2 active priority=100
    pulse gw3 standby priority=90
    pulse gw2 active priority=100
    advance 300ms
    pulse gw3 standby priority=90
    advance 20ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.313s  add-addresses, pulses, announce, advert lan 1, standby -> active: gw2 was silent for 313 ms on every path
    active
    `,
  );

  story(
    "also when the active resigns, but not before one that holds them as well",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    standby
    pulse gw2 active priority=100
    pulse gw3 standby priority=90 complete
    pulse gw2 standby priority=100 resigning
    advance 100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby

    pulse gw2 active priority=100
    pulse gw3 standby priority=90
    pulse gw2 standby priority=100 resigning
    ----
    0.1s  add-addresses, pulses, announce, advert lan 1, standby -> active: gw2 resigned
    active
    `,
  );

  story(
    "without every connection it is the last, whoever is in reserve",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    standby
    pulse gw2 active priority=100
    pulse gw3 standby priority=0 complete reserve
    pulse gw2 active priority=100
    advance 400ms
    pulse gw3 standby priority=0 complete reserve
    advance 400ms
    pulse gw3 standby priority=0 complete reserve
    advance 400ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby
    `,
  );

  story(
    "a node that lacks connections lets one in reserve go first, but does not wait for ever",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=100
    pulse gw3 standby priority=0 complete reserve
    pulse gw2 standby priority=100 resigning
    advance 400ms
    pulse gw3 standby priority=0 complete reserve
    advance 400ms
    pulse gw3 standby priority=0 complete reserve
    advance 400ms
    pulse gw3 standby priority=0 complete reserve
    ----
    0s  pulses, init -> standby: gw2 is active
    standby

    advance 400ms
    ----
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned, and 1428 ms later nobody better had taken over
    active
    `,
  );

  story(
    "of two in reserve the one with the higher address goes first",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    standby
    pulse gw2 active priority=100
    pulse gw3 standby priority=0 complete reserve
    pulse gw2 active priority=100
    advance 300ms
    pulse gw3 standby priority=0 complete reserve
    advance 100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby

    advance 20ms
    ----
    0.413s  add-addresses, pulses, announce, advert lan 1, standby -> active: gw2 was silent for 413 ms on every path
    active
    `,
  );

  it("is in reserve while it holds every connection, and not by force", () => {
    const teller = new StoryTeller();
    const isReserve = (...input: readonly string[]) => {
      teller.play({ input, expected: "" });
      return teller.election.pulse().inReserve;
    };
    assert.equal(
      isReserve("node gw1 priority=110 interval=100ms peers=gw2", "up lan", "ready", "complete"),
      false,
    );
    assert.equal(isReserve("standby"), true);
    assert.equal(isReserve("incomplete"), false);
    assert.equal(isReserve("complete", "standby force"), false);
    assert.equal(isReserve("resume"), false);
  });

  story(
    "resumed it ranks as before, and takes nothing back without preemption",
    `
    node gw1 priority=110 interval=100ms peers=gw2 preempt
    up lan
    ready
    complete
    standby
    pulse gw2 active priority=100
    resume
    advance 300ms
    pulse gw2 active priority=100
    ----
    0s  pulses, init -> standby: gw2 is active
    standby
    `,
  );
});

it("a node that is set aside tells the others that it is not to be handed anything, unless it is active", () => {
  const teller = new StoryTeller();
  const play = (...input: string[]) => teller.play({ input, expected: "" });
  play("node gw1 priority=110 interval=100ms peers=gw2", "up lan", "ready", "complete", "standby");
  play("pulse gw2 active priority=100");
  assert.equal(teller.election.pulse().effectivePriority, 0);
  assert.equal(teller.election.view.maintenance, true);
  play("advance 1s");
  assert.deepEqual([teller.election.role, teller.election.pulse().effectivePriority], ["active", 1]);
  play("resume");
  assert.equal(teller.election.pulse().effectivePriority, 110);
});
