import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

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
    1.432s  advert lan 6, pulses, drain 1 within 5ms
    active  deadline=1.439s

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
    2s  drain 1 within 5ms
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
    2s  drain 1 within 5ms, pulses
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
    0s  advert lan 6, pulses, drain 2 within 5ms
    active  deadline=0.007s
    `,
  );

  story(
    "nor does it wait for the drain of a switchover that is running, and goes to the node that was asked for if that is well",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3 faces=lan,wan
    up lan wan
    ready
    complete
    advance 1.5s
    pulse gw2 standby priority=100 complete
    pulse gw3 standby priority=90 complete
    switchover gw3
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    1.478s  announce
    1.5s  drain 1 within 1000ms, pulses
    active  deadline=1.528s

    down wan
    pulse gw2 standby priority=100 complete
    drained 1 no
    ----
    1.5s  advert lan 6, pulses, drain 2 within 5ms, pulses
    active  deadline=1.507s

    drained 2 yes
    ----
    1.5s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw3: interface down: wan
    standby  deadline=1.6s  takeover=1.898s
    `,
  );

  story(
    "or else to the best, of whom its pulses tell at once",
    `
    node gw1 priority=110 interval=1s peers=gw2,gw3 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100 complete
    pulse gw3 standby priority=90 complete
    switchover gw3
    pulse gw3 standby priority=6 complete
    down wan
    advance 7ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned
    0s  drain 1 within 1000ms, pulses
    0s  advert lan 6, pulses, drain 2 within 5ms, pulses
    0.007s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw2: interface down: wan
    standby  deadline=1.007s  takeover=3.984s
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
