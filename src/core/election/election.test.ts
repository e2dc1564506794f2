import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type IpAddress, parseIp } from "../../base/ip.ts";
import type { Pulse } from "../../wire/pulse.ts";
import { Election } from "./election.ts";
import { playStory, readStory, StoryTeller } from "./election-story.ts";
import type { ElectionEffect, ElectionSettings } from "./election-types.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

/** A node that found nobody: it listened for 3 x 3.609 s, and then waited for an active-down time of 3.609 s. */
const alone = `
    node gw1 priority=100 interval=1s peers=gw2
    up lan
    ready
    complete
    advance 14.437s
    ----
    10.828s  pulses, init -> standby: it has listened and can serve
    14.438s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 3609 ms on every path
    active  deadline=14.488s
`;

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
    6.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: the VRRP router 10.1.0.9 was silent for 3219 ms on every path
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
    3.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: the VRRP router 10.1.0.9 was silent for 3219 ms on every path
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

describe("election: resignation", () => {
  story(
    "the best standby takes over at once when a tocha node resigns",
    `
    node gw1 priority=100 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw3 standby priority=90 complete
    advance 100ms
    advert lan 10.1.0.3 priority=0
    ----
    0s  pulses, init -> standby: gw2 is active
    0.1s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned
    active  deadline=0.15s
    `,
  );

  story(
    "without any connections, as well",
    `
    node gw1 priority=100 interval=100ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw3 standby priority=105
    pulse gw2 standby priority=110 resigning
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.113s
    `,
  );

  story(
    "the heir takes over also without its connections: whoever named it knows that, and will not serve",
    `
    node gw1 priority=100 interval=10ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw3 standby priority=6 complete
    pulse gw2 standby priority=6 resigning complete reserve heir=me
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned
    active  deadline=0.01s
    `,
  );

  story(
    "nobody lets one go first that has just resigned, although that one would serve in need",
    `
    node gw1 priority=100 interval=10ms peers=gw2
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw2 standby priority=0 resigning complete reserve
    advance 5ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.001s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned, and 1 ms later nobody better had taken over
    active  deadline=0.011s
    `,
  );

  story(
    "whoever woke late believes the pulses, and no older advertisement that resigned",
    `
    node gw1 priority=100 interval=1s pulse=10ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=110
    sleep 60ms
    pulse gw2 active priority=110
    advert lan 10.1.0.3 priority=0
    pulse gw2 active priority=110
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.01s  takeover=0.091s
    `,
  );

  story(
    "a pulse that comes an interval of pulses after a resignation was sent after it",
    `
    node gw1 priority=100 interval=1s pulse=10ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    advert lan 10.1.0.3 priority=0
    advance 10ms
    pulse gw2 active priority=110
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.02s  takeover=0.051s
    `,
  );

  story(
    "a node that lets others go first looks after each interval of pulses whether they are there still",
    `
    node gw1 priority=90 interval=1s pulse=10ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    advance 4ms
    pulse gw3 standby priority=105 complete
    advance 60ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.046s  add-addresses, pulses, announce, advert lan 90, standby -> active: gw2 was silent for 46 ms on every path
    active  deadline=0.066s
    `,
  );

  story(
    "the heir of a tocha node takes over, although a foreign router was active a moment ago, and has given way without a word",
    `
    node gw1 priority=100 interval=1s peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    advert lan 10.1.0.9 priority=90
    advance 500ms
    pulse gw2 standby priority=110 resigning heir=me
    ----
    0s  pulses, init -> standby: gw2 is active
    0.5s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned
    active  deadline=0.55s
    `,
  );

  story(
    "and so does the best where nobody is named, once the foreign router has missed its interval",
    `
    node gw1 priority=100 interval=1s peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=110
    advert lan 10.1.0.9 priority=90
    advance 1s
    pulse gw2 active priority=110
    pulse gw2 standby priority=110 resigning
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=2s  takeover=4.125s

    advance 300ms
    pulse gw2 standby priority=110 resigning
    ----
    1.3s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned
    active  deadline=1.35s
    `,
  );

  story(
    "the second best waits for a pulse of the best",
    `
    node gw1 priority=100 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    pulse gw2 standby priority=110 resigning
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.113s

    advance 113ms
    ----
    0.113s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned, and 113 ms later nobody better had taken over
    active  deadline=0.163s
    `,
  );

  story(
    "a node without its table lets one that has it go first, as long as that one lives",
    `
    node gw1 priority=200 interval=100ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    pulse gw2 standby priority=110 resigning
    advance 100ms
    pulse gw3 standby priority=105 complete
    advance 200ms
    pulse gw3 standby priority=105 complete
    advance 200ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.513s  takeover=0.513s

    advance 200ms
    ----
    standby  deadline=0.713s  takeover=0.713s

    advance 22ms
    ----
    0.713s  add-addresses, pulses, announce, advert lan 200, standby -> active: gw2 resigned, and 713 ms later nobody better had taken over
    active  deadline=0.763s
    `,
  );

  story(
    "it does not wait for ever for one that does nothing",
    `
    node gw1 priority=200 interval=100ms peers=gw2,gw3
    up lan
    ready
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    advance 300ms
    pulse gw3 standby priority=105 complete
    advance 300ms
    pulse gw3 standby priority=105 complete
    advance 300ms
    pulse gw3 standby priority=105 complete
    advance 300ms
    pulse gw3 standby priority=105 complete
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=1.222s  takeover=1.222s

    advance 87ms
    ----
    1.288s  add-addresses, pulses, announce, advert lan 200, standby -> active: gw2 was silent for 1288 ms on every path
    active  deadline=1.338s                       (after four active-down times of 322 ms)
    `,
  );

  story(
    "with nobody else alive even a node without its table takes over",
    `
    node gw1 priority=200 interval=100ms peers=gw2
    up lan
    ready
    pulse gw2 active priority=110
    advance 313ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.313s  add-addresses, pulses, announce, advert lan 200, standby -> active: gw2 was silent for 313 ms on every path
    active  deadline=0.363s
    `,
  );

  story(
    "what was sent before the resignation may arrive after it",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=110
    advert lan 10.1.0.3 priority=0
    advance 1ms
    pulse gw2 active priority=110
    advert lan 10.1.0.3 priority=110
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 resigned
    active  deadline=0.05s

    pulse gw2 standby priority=110 resigning
    pulse gw2 active priority=110
    ----
    0.001s  remove-addresses, pulses, active -> standby: gw2 is active and ranks higher
    standby  deadline=0.101s  takeover=0.314s
    `,
  );

  story(
    "a second active elsewhere makes a resignation no reason to take over",
    `
    node gw1 priority=100 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw3 active priority=105
    pulse gw2 standby priority=110 resigning
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.313s
    `,
  );
});

describe("election: handover", () => {
  story(
    "planned: drain, then resign; meanwhile it stays active",
    `
    ${alone}

    pulse gw2 standby priority=90 complete
    switchover
    switchover
    ----
    14.438s  drain 1 within 1000ms
    14.438s  refused: switchover-running
    active  deadline=14.488s

    drained 1 yes
    ----
    14.438s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: maintenance
    standby  deadline=15.438s  takeover=18.047s

    advance 500ms
    pulse gw2 active priority=90
    ----
    standby  deadline=15.438s  takeover=18.063s
    `,
  );

  story(
    "a failed drain leaves everything as it is",
    `
    ${alone}

    pulse gw2 standby priority=90 complete
    switchover
    drained 7 yes
    drained 1 no
    ----
    14.438s  drain 1 within 1000ms
    14.438s  handover-refused switchover-not-drained
    active  deadline=14.488s
    `,
  );

  story(
    "a drain without an answer is given up",
    `
    ${alone}

    pulse gw2 standby priority=90 complete
    switchover
    advance 1s
    pulse gw2 standby priority=90 complete
    advance 50ms
    ----
    14.438s  drain 1 within 1000ms
    14.488s  announce
    14.638s  announce
    15.438s  advert lan 100, pulses, announce
    15.488s  handover-refused switchover-not-drained
    active  deadline=16.438s
    `,
  );

  story(
    "is refused by a standby, and without a standby that has all connections",
    `
    node gw1 priority=100 interval=1s peers=gw2
    up lan
    ready
    switchover
    ----
    0s  refused: switchover-not-active
    init  deadline=1s

    ${alone}

    switchover
    pulse gw2 standby priority=90
    switchover
    pulse gw2 standby priority=90 complete
    advance 5s
    switchover
    ----
    14.438s  refused: switchover-no-standby
    14.438s  refused: switchover-no-standby
    14.488s  announce
    14.638s  announce
    15.438s  advert lan 100, pulses, announce
    16.438s  advert lan 100, pulses
    17.438s  advert lan 100, pulses, announce
    18.438s  advert lan 100, pulses
    19.438s  advert lan 100, pulses
    19.438s  refused: switchover-no-standby
    active  deadline=20.438s
    `,
  );

  story(
    "nobody hands over to a standby that has fallen silent, however long its interval is",
    `
    node gw1 priority=110 interval=1s pulse=10ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100 complete
    advance 50ms
    down wan
    switchover
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned
    0.05s  pulses, announce
    0.05s  advert lan 6, pulses
    0.05s  refused: switchover-no-standby
    active  deadline=0.06s
    `,
  );

  story(
    "whoever handed over to a node that then does nothing takes the role back after the silence of pulses",
    `
    node gw1 priority=110 interval=1s pulse=10ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100 complete
    switchover
    drained 1 yes
    advance 100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned
    0s  drain 1 within 1000ms
    0s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: maintenance
    0.041s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 was silent for 41 ms on every path
    0.091s  pulses, announce
    active  deadline=0.101s
    `,
  );

  story(
    "whoever resigned takes back what nobody took",
    `
    ${alone}

    pulse gw2 standby priority=90 complete
    switchover
    drained 1 yes
    ----
    14.438s  drain 1 within 1000ms
    14.438s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: maintenance
    standby  deadline=15.438s  takeover=18.047s

    advance 4.61s
    ----
    19.047s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 4609 ms on every path
    active  deadline=19.097s
    `,
  );
});

describe("election: the heir", () => {
  story(
    "the active names whom it hands over to, before it resigns and while it does",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    advance 1.5s
    pulse gw2 standby priority=100 complete
    pulse gw3 standby priority=90 complete
    switchover gw3
    drained 1 yes
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    1.478s  announce
    1.5s  drain 1 within 1000ms, pulses
    1.5s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw3: maintenance
    standby  deadline=1.6s  takeover=1.857s
    `,
  );

  story(
    "it waits for nobody else: one that cannot take over is refused, whoever else could",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    advance 1.5s
    pulse gw2 standby priority=100 complete
    pulse gw3 standby priority=90
    switchover gw3
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    1.478s  announce
    1.5s  refused: switchover-not-ready
    active  deadline=1.528s

    pulse gw3 standby priority=90 complete
    switchover gw3
    pulse gw3 standby priority=90
    drained 1 yes
    ----
    1.5s  drain 1 within 1000ms, pulses
    1.5s  handover-refused switchover-not-ready
    active  deadline=1.528s
    `,
  );

  story(
    "takes over at once, although it is not the best, whichever word comes first",
    `
    node gw1 priority=90 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    pulse gw2 active priority=110 heir=me
    advert lan 10.1.0.3 priority=0 interval=100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 90, standby -> active: gw2 resigned
    active  deadline=0.05s
    `,
  );

  story(
    "of a resigning pulse alone it learns the same",
    `
    node gw1 priority=90 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=110
    pulse gw3 standby priority=105 complete
    pulse gw2 standby priority=110 resigning heir=me
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 90, standby -> active: gw2 resigned
    active  deadline=0.05s
    `,
  );

  story(
    "the others, the best of them included, wait for it for the time after which they would have missed the active",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=105
    pulse gw3 standby priority=90 complete
    pulse gw2 active priority=105 heir=other
    advert lan 10.1.0.3 priority=0 interval=100ms
    pulse gw2 standby priority=105 resigning heir=other
    advance 100ms
    pulse gw2 standby priority=105 resigning heir=other
    advance 100ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.3s  takeover=0.313s

    advance 113ms
    ----
    0.313s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned, and 213 ms later nobody better had taken over
    active  deadline=0.363s
    `,
  );

  it("is the one that a failing check moves the group to, although an equally ill one ranks higher", () => {
    const teller = new StoryTeller();
    const peers = "pulse gw1 standby priority=105 complete\npulse gw2 standby priority=100 complete";
    const start = `node gw3 priority=90 interval=100ms peers=gw1,gw2\nup lan\nready\ncomplete\nadvance 20s\n${peers}`;
    for (const scene of readStory(`${start}\ncheck upstream failing weight=5\n${peers}\n----\n-`))
      teller.play(scene);
    assert.equal(teller.election.view.draining, true);
    assert.deepEqual(
      ["gw1", "gw2"].map((peer) => teller.election.addressing.heirFor(peer)),
      ["other", "recipient"],
    );
  });

  it("is told to each peer, and nobody is named when the handover does not take place or is over", () => {
    const teller = new StoryTeller();
    const heirs = (text: string) => {
      for (const scene of readStory(`${text}\n----\n-`)) teller.play(scene);
      return ["gw2", "gw3"].map((peer) => teller.election.addressing.heirFor(peer));
    };
    const peers = "pulse gw2 standby priority=100 complete\npulse gw3 standby priority=90 complete";
    const start = `node gw1 priority=110 interval=100ms peers=gw2,gw3\nup lan\nready\ncomplete\nadvance 2s\n${peers}`;
    assert.deepEqual(heirs(start), ["none", "none"]);
    assert.deepEqual(heirs("switchover gw3"), ["other", "recipient"]);
    assert.deepEqual(heirs("drained 1 no"), ["none", "none"]);
    assert.deepEqual(heirs("switchover"), ["recipient", "other"]);
    assert.deepEqual(heirs("drained 2 yes"), ["recipient", "other"]);
    assert.deepEqual(heirs("pulse gw2 active priority=100"), ["none", "none"]);
    assert.deepEqual(heirs("advance 2s"), ["none", "none"]);
    assert.equal(teller.election.role, "active");
    assert.deepEqual(heirs("stop"), ["none", "none"]);
  });
});

describe("election: health", () => {
  story(
    "an active that loses a face hands over to a healthy standby",
    `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    advance 1.432s
    pulse gw2 standby priority=100 complete
    down wan
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    1.432s  advert lan 6, pulses, drain 1 within 10ms
    active  deadline=1.444s

    drained 1 no
    ----
    1.432s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: interface down: wan
    standby  deadline=1.532s  takeover=1.83s
    `,
  );

  story(
    "it serves nobody any more: after a while a standby that lacks connections is better than that",
    `
    node gw1 priority=110 interval=1s peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100
    down wan
    advance 1s
    pulse gw2 standby priority=100
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned
    0s  advert lan 6, pulses
    0.05s  announce
    0.2s  announce
    1s  advert lan 6, pulses, announce
    active  deadline=2s

    advance 1s
    pulse gw2 standby priority=100
    drained 1 no
    ----
    2s  advert lan 6, pulses
    2s  drain 1 within 10ms
    2s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: interface down: wan
    standby  deadline=3s  takeover=5.977s
    `,
  );

  story(
    "to the best of those",
    `
    node gw1 priority=110 interval=1s peers=gw2,gw3 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=40
    pulse gw3 standby priority=90
    down wan
    advance 1s
    pulse gw2 standby priority=40
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned
    0s  advert lan 6, pulses
    0.05s  announce
    0.2s  announce
    1s  advert lan 6, pulses, announce
    active  deadline=2s

    advance 1s
    pulse gw2 standby priority=40
    drained 1 no
    ----
    2s  advert lan 6, pulses
    2s  drain 1 within 10ms, pulses
    2s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw3: interface down: wan
    standby  deadline=3s  takeover=5.977s
    `,
  );

  story(
    "also while another handover was refused just before",
    `
    node gw1 priority=110 interval=1s pulse=10ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=120 complete wants
    drained 1 no
    pulse gw2 standby priority=120 complete wants
    down wan
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned
    0s  drain 1 within 1000ms
    0s  handover-refused switchover-not-drained
    0s  advert lan 6, pulses, drain 2 within 10ms
    active  deadline=0.01s
    `,
  );

  story(
    "but not while it can serve between other networks",
    `
    node gw1 priority=110 interval=1s peers=gw2 faces=lan,wan,dmz
    up lan wan dmz
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100
    down wan
    advance 1s
    pulse gw2 standby priority=100
    advance 2s
    pulse gw2 standby priority=100
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, advert dmz 110, standby -> active: gw2 resigned
    0s  advert lan 6, advert dmz 6, pulses
    0.05s  announce
    0.2s  announce
    1s  advert lan 6, advert dmz 6, pulses, announce
    2s  advert lan 6, advert dmz 6, pulses
    3s  advert lan 6, advert dmz 6, pulses, announce
    active  deadline=4s
    `,
  );

  story(
    "it stays if nobody is better",
    `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    advance 1.432s
    pulse gw2 standby priority=6 complete
    down wan
    pulse gw2 standby priority=100
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    1.432s  advert lan 6, pulses
    active  deadline=1.478s

    up wan
    ----
    1.432s  advert lan 110, advert wan 110, pulses, announce
    active  deadline=1.482s
    `,
  );

  story(
    "with no face at all it cannot be active, and says so on the paths that are left",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.432s
    down lan
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    1.432s  remove-addresses, pulses, active -> fault: no interface of the group is up
    fault  deadline=1.532s

    up lan
    ----
    1.432s  pulses, fault -> standby: it can serve again
    standby  deadline=1.532s  takeover=1.789s
    `,
  );

  story(
    "without its rules a gateway is of no use",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.432s
    unready
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    1.432s  remove-addresses, advert lan 0, pulses, active -> fault: the gateway's rules are not in place
    fault  deadline=1.532s
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

describe("election: beyond stories", () => {
  const settings: ElectionSettings = {
    node: "gw1",
    group: "gateway",
    virtualRouterId: 51,
    priority: 100,
    intervalMs: 100,
    pulseIntervalMs: 100,
    preempt: true,
    preemptDelayMs: 5_000,
    faces: [{ name: "lan", families: [4, 6], addresses: [ip("10.1.0.2"), ip("fe80::2")] }],
    peers: [{ name: "gw2", priority: 100, addresses: [ip("10.1.0.3")] }],
    paths: ["sync"],
    revision: "00000000000000aa",
  };
  const pulse: Pulse = {
    sender: "gw2",
    recipient: "gw1",
    session: 1n,
    echo: 1n,
    sequence: 1,
    group: "gateway",
    path: "sync",
    heard: 0x81,
    role: "active",
    effectivePriority: 90,
    tableComplete: true,
    resigning: false,
    wantsToBeActive: false,
    gaveWay: false,
    heir: "none",
    inReserve: false,
    watermark: 7,
    revision: "00000000000000aa",
    intervalMs: 100,
    advertisementSources: [ip("fe80::3")],
  };
  const advertisement = { virtualRouterId: 51, priority: 90, intervalCs: 10, addresses: [ip("fe80::1")] };

  function standby(): Election {
    const election = new Election(settings, 0);
    election.faceChanged(0, "lan", true);
    election.readinessChanged(0, { gatewayReady: true, tableComplete: true });
    election.receivePulse(0, "sync", pulse);
    assert.equal(election.role, "standby");
    return election;
  }

  /** Hears an active every interval until `endMs`. */
  function hearUntil(election: Election, endMs: number): void {
    for (let nowMs = 100; nowMs <= endMs; nowMs += 100) {
      election.receivePulse(nowMs, "sync", pulse);
      election.timeout(nowMs);
    }
  }

  it("wants to be active after it has been well for five seconds", () => {
    const election = standby();
    hearUntil(election, 4_900);
    assert.equal(election.pulse().wantsToBeActive, false);
    hearUntil(election, 5_000);
    assert.equal(election.pulse().wantsToBeActive, true);
    election.readinessChanged(5_001, { tableComplete: false });
    assert.equal(election.pulse().wantsToBeActive, false);
    election.readinessChanged(5_002, { tableComplete: true });
    assert.equal(election.pulse().wantsToBeActive, false, "the time starts anew");
  });

  it("gives way by priority alone when a contest lasts: the other side does not hear whose table is complete", () => {
    const election = standby();
    election.receivePulse(1, "sync", { ...pulse, role: "standby", resigning: true });
    assert.equal(election.role, "active");
    const roles: string[] = [];
    for (let nowMs = 100; nowMs <= 1_200; nowMs += 100) {
      election.timeout(nowMs);
      election.receivePulse(nowMs, "sync", { ...pulse, effectivePriority: 110, tableComplete: false });
      roles.push(election.role);
    }
    // What comes within an interval of the resignation is ignored; then two active-down times of 400 ms.
    assert.deepEqual(roles, [...Array(9).fill("active"), ...Array(3).fill("standby")]);
  });

  it("compares priorities alone with a peer that it has no pulses from", () => {
    const election = standby();
    election.receivePulse(1, "sync", { ...pulse, role: "standby", resigning: true });
    for (let nowMs = 100; nowMs <= 1_000; nowMs += 100) election.timeout(nowMs);
    election.receiveAdvertisement(1_001, "lan", ip("10.1.0.3"), { ...advertisement, priority: 110 });
    assert.equal(election.role, "standby");
  });

  it("knows a peer by the link-local address that its pulses told", () => {
    const election = standby();
    election.receiveAdvertisement(50, "lan", ip("fe80::3"), advertisement);
    assert.equal(election.view.foreignActive, undefined);
    assert.deepEqual(election.view.peers[0]?.paths, [
      { name: "sync", pulses: true, lastHeardMs: 0, alive: true, heardByPeer: true },
      { name: "lan", pulses: false, lastHeardMs: 50, alive: true, heardByPeer: undefined },
    ]);
    election.receiveAdvertisement(60, "lan", ip("fe80::9"), { ...advertisement, priority: 120 });
    assert.deepEqual(election.view.foreignActive, {
      address: "fe80::9",
      face: "lan",
      priority: 120,
      intervalMs: 100,
      lastHeardMs: 60,
    });
  });

  it("tells in its pulses which link-local addresses its advertisements come from", () => {
    const election = standby();
    assert.deepEqual(election.pulse().advertisementSources, [ip("fe80::2")]);
    election.faceChanged(10, "lan", true, [ip("10.1.0.2"), ip("fe80::22")]);
    assert.deepEqual(election.pulse().advertisementSources, [ip("fe80::22")]);
  });

  it("shows its peers as they said last", () => {
    const election = standby();
    const [peer] = election.view.peers;
    assert.deepEqual(peer, {
      name: "gw2",
      alive: true,
      role: "active",
      priority: 90,
      tableComplete: true,
      watermark: 7,
      revision: "00000000000000aa",
      paths: [
        { name: "sync", pulses: true, lastHeardMs: 0, alive: true, heardByPeer: true },
        { name: "lan", pulses: false, lastHeardMs: undefined, alive: false, heardByPeer: undefined },
      ],
    });
    assert.equal(election.view.activeNode, "gw2");
    election.receivePulse(10, "sync", { ...pulse, role: "stopped" });
    assert.equal(election.view.peers[0]?.alive, false);
  });

  it("counts what it ignores, and remembers a bounded number of foreign routers", () => {
    const election = standby();
    election.receivePulse(1, "sync", { ...pulse, sender: "gw9" });
    election.receivePulse(1, "sync", { ...pulse, group: "other" });
    election.receivePulse(1, "wan", pulse);
    election.receiveAdvertisement(1, "wan", ip("10.1.0.3"), advertisement);
    election.receiveAdvertisement(1, "lan", ip("10.1.0.2"), advertisement);
    election.receiveAdvertisement(1, "lan", ip("10.1.0.3"), { ...advertisement, virtualRouterId: 7 });
    election.drained(1, 5, true);
    for (let i = 0; i < 20; i++) {
      election.receiveAdvertisement(2, "lan", Uint8Array.of(10, 1, 9, i), {
        ...advertisement,
        priority: 200,
      });
    }
    assert.deepEqual(
      Object.fromEntries(Object.entries(election.view.counters).filter(([, count]) => count > 0)),
      {
        pulseFromUnknownPeer: 1,
        pulseOfOtherGroup: 1,
        pulseOnUnknownPath: 1,
        advertisementOnUnknownFace: 1,
        advertisementOfOwn: 1,
        advertisementOfOtherRouterId: 1,
        drainTokenUnknown: 1,
        foreignRouterOverflow: 4,
      },
    );
  });

  it("counts a conflict whether it stays active or gives way", () => {
    const teller = new StoryTeller();
    const tell = (...input: string[]) => teller.play({ input, expected: "" });
    const conflicts = () => teller.election.view.counters.conflict;
    for (const scene of readStory(alone)) teller.play(scene);
    tell("advert lan 10.1.0.9 priority=99");
    assert.deepEqual([conflicts(), teller.election.role], [1, "active"]);
    tell("advert lan 10.1.0.9 priority=101");
    assert.deepEqual([conflicts(), teller.election.role], [2, "standby"]);
    tell("advert lan 10.1.0.9 priority=101");
    assert.equal(conflicts(), 2, "a standby hears the active, and that is no conflict");
  });

  it("never spins, throws, or loses track of its addresses, whatever it hears and whenever it wakes", () => {
    fc.assert(
      fc.property(fc.array(anyInput(), { maxLength: 60 }), (inputs) => {
        const election = new Election(settings, 0);
        let nowMs = 0;
        let holds = false;
        const perform = (effects: readonly ElectionEffect[]) => {
          for (const effect of effects) {
            assert.ok(effect.do !== "add-addresses" || !holds);
            assert.ok(effect.do !== "remove-addresses" || holds);
            if (effect.do === "add-addresses") holds = true;
            if (effect.do === "remove-addresses") holds = false;
            assert.ok(effect.do !== "announce" || holds);
          }
          assert.equal(holds, election.role === "active");
        };
        for (const [delayMs, act] of inputs) {
          nowMs += delayMs;
          const answer = act(election, nowMs);
          if (!("code" in answer)) perform(answer);
          perform(election.timeout(nowMs));
          assert.ok(election.deadline > nowMs, "a timeout leaves nothing due");
        }
      }),
      { numRuns: 500 },
    );
  });

  function anyInput() {
    type Act = (election: Election, nowMs: number) => ReturnType<Election["requestSwitchover"]>;
    const act = (run: Act): Act => run;
    const source = fc.constantFrom(ip("10.1.0.3"), ip("10.1.0.9"), ip("fe80::3"), ip("10.1.0.2"));
    const role = fc.constantFrom("init", "standby", "active", "fault", "stopped");
    const priority = fc.constantFrom(0, 1, 90, 100, 110, 254);
    return fc.tuple(
      fc.constantFrom(0, 1, 30, 100, 150, 400, 7_000),
      fc.oneof(
        fc.boolean().map((up) => act((election, now) => election.faceChanged(now, "lan", up))),
        fc
          .record({ gatewayReady: fc.boolean(), tableComplete: fc.boolean() })
          .map((readiness) => act((election, now) => election.readinessChanged(now, readiness))),
        fc
          .tuple(fc.constantFrom("pending", "ok", "failing"), fc.boolean(), fc.constantFrom(0, 20, 253))
          .map(([state, veto, weight]) =>
            act((election, now) =>
              election.readinessChanged(now, {
                checks: [{ name: "upstream", state, veto, weight, failure: "no answer", settleMs: 100 }],
              }),
            ),
          ),
        fc
          .constantFrom(null, { why: "aside", force: false }, { why: "aside", force: true })
          .map((maintenance) => act((election, now) => election.readinessChanged(now, { maintenance }))),
        fc
          .tuple(source, priority)
          .map(([from, value]) =>
            act((election, now) =>
              election.receiveAdvertisement(now, "lan", from, { ...advertisement, priority: value }),
            ),
          ),
        fc
          .tuple(role, priority, fc.boolean(), fc.boolean())
          .map(([said, effectivePriority, resigning, wantsToBeActive]) =>
            act((election, now) =>
              election.receivePulse(now, "sync", {
                ...pulse,
                role: said,
                effectivePriority,
                resigning,
                wantsToBeActive,
              }),
            ),
          ),
        fc.constant(act((election, now) => election.requestSwitchover(now, "test"))),
        fc
          .tuple(fc.nat(3), fc.boolean())
          .map(([token, complete]) => act((election, now) => election.drained(now, token, complete))),
      ),
    );
  }
});

function ip(text: string): IpAddress {
  const address = parseIp(text);
  assert.ok(address !== undefined);
  return address;
}
