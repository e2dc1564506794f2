import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";
import { alone } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: RFC 9568", () => {
  story(
    "6.4.2: a silent active router is replaced",
    `
    node gw1 priority=100 interval=1s
    up lan
    ready
    advance 500ms
    ----
    init  deadline=1s

    advert lan 10.1.0.9 priority=120 interval=1s
    advance 1s
    advert lan 10.1.0.9 priority=120 interval=1s
    advance 3.608s
    ----
    0.5s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=5.109s  takeover=5.109s     (1.5 s + 3 x 1 s + 156/256 s)

    advance 1ms
    ----
    5.109s  add-addresses, pulses, announce, advert lan 100, standby -> active: the VRRP router 10.1.0.9 was silent for 3609 ms on every path
    active  deadline=5.159s
    `,
  );

  story(
    "6.4.2: the timer follows the interval that the active advertises",
    `
    node gw1 priority=128 interval=1s
    up lan
    ready
    advert lan 10.1.0.9 priority=120 interval=10s
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=1s  takeover=35s     (3 x 10 s + 128/256 x 10 s)

    advance 35s
    ----
    35s  add-addresses, pulses, announce, advert lan 128, standby -> active: the VRRP router 10.1.0.9 was silent for 35000 ms on every path
    active  deadline=35.05s
    `,
  );

  story(
    "6.4.2: priority 0 shortens the wait to the skew time",
    `
    node gw1 priority=128 interval=1s
    up lan
    ready
    advert lan 10.1.0.9 priority=200
    advance 200ms
    advert lan 10.1.0.9 priority=0
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=0.7s  takeover=0.7s     (0.2 s + 128/256 s)

    advance 500ms
    ----
    0.7s  add-addresses, pulses, announce, advert lan 128, standby -> active: the VRRP router 10.1.0.9 resigned, and 500 ms later nobody better had taken over
    active  deadline=0.75s
    `,
  );

  story(
    "6.4.2: a lower active is left alone without preemption",
    `
    node gw1 priority=200 interval=1s
    up lan
    ready
    complete
    advert lan 10.1.0.9 priority=100
    advance 3s
    advert lan 10.1.0.9 priority=100
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=4s  takeover=6.219s
    `,
  );

  story(
    "6.4.2: a lower active is not heard with preemption, but only by a node whose table is complete, where another one has the connections",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=0s peers=gw2
    up lan
    ready
    pulse gw2 standby priority=100 complete
    advert lan 10.1.0.9 priority=100
    advance 3s
    advert lan 10.1.0.9 priority=100
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=4s  takeover=6.219s

    complete
    advance 1s
    advert lan 10.1.0.9 priority=100
    advance 2s
    advert lan 10.1.0.9 priority=100
    advance 219ms
    ----
    6.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: it ranks higher than the VRRP router 10.1.0.9, and preemption is on
    active  deadline=6.269s
    `,
  );

  story(
    "6.4.2: a lower active that is no node of the cluster is not heard with preemption, where nobody has any connections",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=0s peers=gw2
    up lan
    ready
    advert lan 10.1.0.9 priority=100
    advance 3s
    pulse gw2 standby priority=100
    advert lan 10.1.0.9 priority=100
    advance 219ms
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    3.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: it ranks higher than the VRRP router 10.1.0.9, and preemption is on
    active  deadline=3.269s
    `,
  );

  story(
    "6.4.2: … but only by the best of those who could serve",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=0s peers=gw2
    up lan
    ready
    advert lan 10.1.0.9 priority=100
    pulse gw2 standby priority=210
    advance 3s
    pulse gw2 standby priority=210
    advert lan 10.1.0.9 priority=100
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=4s  takeover=6.219s
    `,
  );

  story(
    "6.4.3: an active answers a router that resigns, at once, so that nobody else takes over",
    `
    ${alone}

    advance 600ms
    advert lan 10.1.0.9 priority=0
    ----
    14.488s  announce
    14.638s  announce
    15.038s  advert lan 100, pulses
    active  deadline=16.038s
    `,
  );

  story(
    "6.4.3: an active asserts itself against a lower one, and gives way to a higher one",
    `
    ${alone}

    advance 600ms
    advert lan 10.1.0.9 priority=99
    ----
    14.488s  announce
    14.638s  announce
    15.038s  conflict with the VRRP router 10.1.0.9, advert lan 100, pulses
    active  deadline=16.038s

    advance 1s
    ----
    16.038s  advert lan 100, pulses, announce
    active  deadline=16.088s

    advert lan 10.1.0.9 priority=101
    ----
    16.038s  remove-addresses, pulses, active -> standby: the VRRP router 10.1.0.9 is active and ranks higher
    standby  deadline=17.038s  takeover=19.647s
    `,
  );

  story(
    "6.4.3: of equal priorities the higher address wins",
    `
    ${alone}

    advert lan 10.1.0.1 priority=100
    ----
    14.438s  conflict with the VRRP router 10.1.0.1
    active  deadline=15.438s

    advert lan 10.1.0.9 priority=100
    ----
    14.438s  remove-addresses, pulses, active -> standby: the VRRP router 10.1.0.9 is active and ranks higher
    standby  deadline=15.438s  takeover=18.047s
    `,
  );

  story(
    "6.4.3: an active answers a lower one at most four times per interval",
    `
    ${alone}

    advance 300ms
    advert lan 10.1.0.9 priority=99
    advert lan 10.1.0.9 priority=99
    advance 200ms
    advert lan 10.1.0.9 priority=99
    advance 50ms
    advert lan 10.1.0.9 priority=99
    ----
    14.488s  announce
    14.638s  announce
    14.738s  conflict with the VRRP router 10.1.0.9, advert lan 100, pulses
    14.988s  advert lan 100, pulses
    active  deadline=15.738s
    `,
  );

  story(
    "what is not for it is ignored",
    `
    ${alone}

    advert lan 10.1.0.9 priority=200 id=52
    advert wan 10.1.0.9 priority=200
    advert lan 10.1.0.2 priority=200
    ----
    active  deadline=14.488s
    `,
  );
});

describe("election: start", () => {
  story(
    "a node listens first, for three active-down times, and waits for its gateway",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    advance 5s
    ----
    init  deadline=5.1s

    ready
    ----
    5s  pulses, init -> standby: it has listened and can serve
    standby  deadline=5.1s  takeover=5.361s

    advance 361ms
    ----
    5.361s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    active  deadline=5.411s
    `,
  );

  story(
    "a node that hears an active ends its wait",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    pulse gw2 standby priority=90
    ----
    init  deadline=0.1s

    pulse gw2 active priority=90
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.313s     (3 x 100 ms, and an eighth)
    `,
  );

  story(
    "it stays in init until a face is up",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    ready
    pulse gw2 active priority=90
    advance 2s
    ----
    init  deadline=2.1s

    up lan
    ----
    2s  pulses, init -> standby: gw2 is active
    standby  deadline=2.1s  takeover=2.361s
    `,
  );
});

describe("election: preemption", () => {
  story(
    "the active hands over to a better standby that wants it",
    `
    node gw1 priority=90 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.46s
    pulse gw2 standby priority=100 complete
    ----
    1.095s  pulses, init -> standby: it has listened and can serve
    1.459s  add-addresses, pulses, announce, advert lan 90, standby -> active: every other router was silent for 365 ms on every path
    active  deadline=1.509s

    pulse gw2 standby priority=100 complete wants
    ----
    1.46s  drain 1 within 1000ms
    active  deadline=1.509s

    drained 1 yes
    ----
    1.46s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: it ranks higher and preemption is on
    standby  deadline=1.56s  takeover=1.825s
    `,
  );
});
