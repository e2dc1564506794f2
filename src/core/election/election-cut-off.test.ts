import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { active, shortStory } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of shortStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: a node that is cut off (TieBreak)", () => {
  story(
    "stays down until it hears anybody",
    `
    ${active}
    advance 1s
    cut-off yes
    cut-off yes
    advance 3s
    ----
    21s  remove-addresses, advert lan 0, pulses, active -> fault: it is cut off
    fault

    pulse gw2 active priority=100 complete
    ----
    24s  pulses, fault -> standby: it can serve again
    standby
    `,
  );

  story(
    "or until it is told that it need not: then it takes over when its timer runs out",
    `
    ${active}
    advance 1s
    cut-off yes
    advance 1s
    cut-off no
    advance 1s
    ----
    21s  remove-addresses, advert lan 0, pulses, active -> fault: it is cut off
    22s  pulses, fault -> standby: it can serve again
    22.357s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    active
    `,
  );

  story(
    "takes no notice when it hears somebody by now",
    `
    ${active}
    cut-off yes
    advance 100ms
    ----
    active
    `,
  );

  story(
    "in init it stays there",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    cut-off yes
    advance 5s
    ----
    init

    cut-off no
    advance 1s
    ----
    5s  pulses, init -> standby: it has listened and can serve
    5.361s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    active
    `,
  );

  story(
    "stays down for the holder of the arbiter's lease although another node is heard",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    advance 2s
    arbiter gw2
    cut-off yes
    pulse gw3 standby priority=90
    advance 50ms
    pulse gw3 standby priority=90
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    2s  remove-addresses, advert lan 0, pulses, active -> fault: gw2 holds the arbiter's lease, and this node hears nothing of it
    fault

    pulse gw2 active priority=100
    ----
    2.05s  pulses, fault -> standby: it can serve again
    standby
    `,
  );

  story(
    "takes no notice of the arbiter's word when it hears the holder by now",
    `
    ${active}
    arbiter gw2
    advance 100ms
    ----
    active
    `,
  );

  story(
    "and need not stay down for another one either, for that one holds the lease no more",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    advance 2s
    arbiter gw2
    advance 1s
    pulse gw3 standby priority=90
    arbiter gw3
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    2s  remove-addresses, advert lan 0, pulses, active -> fault: gw2 holds the arbiter's lease, and this node hears nothing of it
    3s  pulses, fault -> standby: it can serve again
    standby
    `,
  );
});
