import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: paths", () => {
  story(
    "any path keeps the active alive, and silence on all of them ends it",
    `
    node gw1 priority=100 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    advert lan 10.1.0.3 priority=110 interval=100ms
    advance 300ms
    pulse gw2 active priority=110
    advance 300ms
    advert wan 10.2.0.3 priority=110 interval=100ms
    advance 311ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.913s  takeover=0.913s

    advance 2ms
    ----
    0.913s  add-addresses, pulses, announce, advert lan 100, advert wan 100, standby -> active: gw2 was silent for 313 ms on every path
    active  deadline=0.963s
    `,
  );

  story(
    "among tocha nodes preemption does not make a standby deaf",
    `
    node gw1 priority=200 interval=100ms preempt peers=gw2
    up lan
    ready
    complete
    advert lan 10.1.0.3 priority=90 interval=100ms
    advance 200ms
    advert lan 10.1.0.3 priority=90 interval=100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.3s  takeover=0.513s
    `,
  );

  story(
    "a path with pulses is silent after three of them, one with advertisements only after three of those",
    `
    node gw1 priority=100 interval=100ms pulse=20ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw2 active priority=110 path=lan
    advert lan 10.1.0.3 priority=110 interval=100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.02s  takeover=0.063s      (3 x 20 ms, and an eighth)

    advert wan 10.2.0.3 priority=110 interval=100ms
    advance 100ms
    advert wan 10.2.0.3 priority=110 interval=100ms
    ----
    standby  deadline=0.12s  takeover=0.403s      (no pulses on wan: 3 x 100 ms)

    pulse gw2 active priority=110 path=wan
    ----
    standby  deadline=0.12s  takeover=0.163s      (now there are)

    advance 59ms
    advert wan 10.2.0.3 priority=110 interval=100ms
    ----
    standby  deadline=0.16s  takeover=0.222s      (any evidence counts)

    advance 61ms
    advert wan 10.2.0.3 priority=110 interval=100ms
    ----
    standby  deadline=0.24s  takeover=0.523s      (its pulses are lost, and it lives)

    advance 303ms
    ----
    0.523s  add-addresses, pulses, announce, advert lan 100, advert wan 100, standby -> active: gw2 was silent for 303 ms on every path
    active  deadline=0.543s
    `,
  );

  story(
    "pulses have an interval of their own, and advertisements keep theirs",
    `
    node gw1 priority=100 interval=1s pulse=250ms peers=gw2
    up lan
    ready
    complete
    advance 14.438s
    ----
    10.828s  pulses, init -> standby: it has listened and can serve
    14.438s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 3609 ms on every path
    active  deadline=14.488s

    advance 300ms
    ----
    14.488s  announce
    14.638s  announce
    active  deadline=14.938s     (pulses at 14.688 s)

    advance 1.2s
    ----
    15.438s  advert lan 100, pulses, announce
    active  deadline=16.188s
    `,
  );

  story(
    "the best standby waits for nobody, the next one for one interval, and whoever cannot know for its skew time",
    `
    node gw1 priority=100 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.361s      (nothing is known of gw3)

    pulse gw3 standby priority=90 complete
    pulse gw2 active priority=110
    ----
    standby  deadline=0.1s  takeover=0.313s

    pulse gw3 standby priority=105 complete
    pulse gw2 active priority=110
    ----
    standby  deadline=0.1s  takeover=0.413s

    pulse gw3 standby priority=105
    pulse gw2 active priority=110
    ----
    standby  deadline=0.1s  takeover=0.313s      (its table is not complete)
    `,
  );
});
