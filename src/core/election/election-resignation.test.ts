import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

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

  story(
    "whoever has just handed over stays behind all others if its successor dies at once: they do not count with it yet",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    advance 2s
    pulse gw2 standby priority=100 complete
    pulse gw3 standby priority=90 complete
    switchover gw3
    drained 1 yes
    pulse gw3 active priority=90
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    1.478s  announce
    1.528s  advert lan 110, pulses
    1.628s  advert lan 110, pulses, announce
    1.728s  advert lan 110, pulses
    1.828s  advert lan 110, pulses
    1.928s  advert lan 110, pulses
    2s  drain 1 within 1000ms, pulses
    2s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw3: maintenance
    standby  deadline=2.1s  takeover=2.513s

    advance 190ms
    pulse gw3 active priority=90
    ----
    standby  deadline=2.2s  takeover=2.703s

    advance 20ms
    pulse gw3 active priority=90
    ----
    standby  deadline=2.3s  takeover=2.523s
    `,
  );
});
