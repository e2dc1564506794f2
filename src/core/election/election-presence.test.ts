import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";
import { alone } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: two actives", () => {
  story(
    "of two active tocha nodes the lower gives way at once",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.445s
    pulse gw2 active priority=90
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    1.445s  conflict with gw2
    active  deadline=1.544s

    pulse gw2 active priority=110
    ----
    1.445s  remove-addresses, pulses, active -> standby: gw2 is active and ranks higher
    standby  deadline=1.545s  takeover=1.758s
    `,
  );
});

describe("election: announcements", () => {
  story(
    "at once, soon, and then every minute; and again when a face comes back",
    `
    node gw1 priority=100 interval=40s peers=gw2 faces=lan,wan
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw2 standby priority=110 resigning
    advance 10s
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 6, standby -> active: gw2 resigned
    0.05s  announce
    0.2s  announce
    1s  announce
    3s  announce
    10s  announce
    active  deadline=40s

    advance 59s
    ----
    40s  advert lan 6, pulses
    active  deadline=70s

    advance 1s
    up wan
    ----
    70s  announce
    70s  advert lan 100, advert wan 100, pulses, announce
    active  deadline=70.05s

    advance 200ms
    ----
    70.05s  announce
    70.2s  announce
    active  deadline=71s
    `,
  );
});

describe("election: stop", () => {
  story(
    "an active resigns at once",
    `
    ${alone}

    stop
    ----
    14.438s  remove-addresses, advert lan 0, pulses, active -> stopped: it was stopped, finished
    stopped  deadline=never

    advert lan 10.1.0.9 priority=101
    advance 10s
    ----
    stopped  deadline=never
    `,
  );

  story(
    "a standby just leaves",
    `
    node gw1 priority=100 interval=1s peers=gw2
    up lan
    ready
    pulse gw2 active priority=110
    stop
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  pulses, standby -> stopped: it was stopped, finished
    stopped  deadline=never
    `,
  );
});
