import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { active, shortStory } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of shortStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: checks", () => {
  story(
    "the active hands over for a check when the other had time to find the same, and did not",
    `
    ${active}
    check upstream failing weight=20 settle=200ms
    pulse gw2 standby priority=100 complete
    advance 100ms
    pulse gw2 standby priority=100 complete
    ----
    active

    advance 100ms
    pulse gw2 standby priority=100 complete
    ----
    20.2s  drain 1 within 1000ms
    active

    drained 1 yes
    ----
    20.2s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: check upstream failed: no answer
    standby
    `,
  );

  story(
    "with a veto also to a standby that lacks connections, where no other is better; not with a weight",
    `
    ${active}
    pulse gw2 standby priority=100
    check upstream failing weight=20
    advance 100ms
    pulse gw2 standby priority=100
    ----
    active

    check table failing veto
    drained 1 no
    ----
    20.1s  advert lan 1, pulses, drain 1 within 1000ms
    20.1s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: check table failed: no answer
    standby
    `,
  );

  story(
    "both lose the target: nothing moves, whoever of them finds out first",
    `
    ${active}
    check upstream failing weight=20 settle=200ms
    pulse gw2 standby priority=100 complete
    advance 100ms
    pulse gw2 standby priority=80 complete
    advance 100ms
    pulse gw2 standby priority=80 complete
    advance 100ms
    pulse gw2 standby priority=80 complete
    ----
    active
    `,
  );

  story(
    "nor does anything move between equally ill nodes, although one has the higher priority",
    `
    node gw2 priority=90 interval=100ms peers=gw1
    up lan
    ready
    complete
    advance 20s
    check upstream failing weight=20
    check table failing veto
    pulse gw1 standby priority=6 complete
    advance 100ms
    pulse gw1 standby priority=6 complete
    ----
    1.095s  pulses, init -> standby: it has listened and can serve
    1.459s  add-addresses, pulses, announce, advert lan 90, standby -> active: every other router was silent for 365 ms on every path
    active

    check table ok veto
    pulse gw1 standby priority=90 complete
    advance 100ms
    pulse gw1 standby priority=90 complete
    ----
    active

    pulse gw1 standby priority=110 complete     (well again, while this node is not)
    ----
    20.2s  drain 1 within 1000ms
    active
    `,
  );

  story(
    "a node that cannot serve does not wait for ever for the last connections",
    `
    ${active}
    check upstream failing veto
    check dns failing weight=20
    pulse gw2 standby priority=100 complete
    ----
    20s  advert lan 6, pulses, drain 1 within 1000ms
    active

    drained 1 no
    ----
    20s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: check upstream failed: no answer
    standby
    `,
  );

  story(
    "a weight loses no connection",
    `
    ${active}
    check dns failing weight=20
    pulse gw2 standby priority=100 complete
    drained 1 no
    ----
    20s  advert lan 90, pulses, drain 1 within 1000ms
    20s  handover-refused switchover-not-drained
    active
    `,
  );

  story(
    "a weight that changes no order moves nothing",
    `
    ${active}
    check dns failing weight=5
    pulse gw2 standby priority=100 complete
    ----
    active
    `,
  );

  story(
    "who has just become active stays it for ten seconds, and the next time for longer",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.5s
    check upstream failing veto
    pulse gw2 standby priority=100 complete
    advance 9.9s
    pulse gw2 standby priority=100 complete
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    active

    advance 100ms
    pulse gw2 standby priority=100 complete
    drained 1 yes
    check upstream ok veto
    pulse gw2 active priority=100
    pulse gw2 standby priority=6 resigning complete
    ----
    11.5s  drain 1 within 1000ms
    11.5s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: check upstream failed: no answer
    11.5s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned
    active

    check upstream failing veto
    advance 19.9s
    pulse gw2 standby priority=100 complete
    ----
    active

    advance 200ms
    pulse gw2 standby priority=100 complete
    ----
    31.6s  drain 2 within 1000ms
    active
    `,
  );

  story(
    "a dead face waits for nothing of this",
    `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    advance 1.5s
    check upstream failing weight=20 settle=10s
    pulse gw2 standby priority=100 complete
    down wan
    drained 1 no
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    1.5s  advert lan 1, pulses, drain 1 within 5ms
    1.5s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: interface down: wan
    standby
    `,
  );

  story(
    "with nobody better the active stays, and a standby that fails takes over from silence all the same",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    check upstream failing veto
    advance 20s
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.469s  add-addresses, pulses, announce, advert lan 6, standby -> active: every other router was silent for 398 ms on every path
    active
    `,
  );

  story(
    "a check that is pending changes nothing of what was known",
    `
    ${active}
    check upstream failing veto
    check upstream pending veto
    pulse gw2 standby priority=100 complete
    ----
    20s  advert lan 6, pulses, drain 1 within 1000ms
    active
    `,
  );
});
