import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory, readStory, StoryTeller } from "./election-story.ts";

// One node and its paths, to the moment. What two nodes do, for each line of the table "Paths that fail" of
// docs/guide/failover.md, is in tests/sim/election-paths.test.ts.

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

const standby = `
    node gw1 priority=100 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=110
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=0.313s`;

const active = `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    advance 1.428s
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    active  deadline=1.478s`;

describe("election: paths of pulses", () => {
  story(
    "a pulse on any one path keeps the active alive",
    `
    ${standby}

    advance 300ms
    pulse gw2 active priority=110 path=wan
    advance 300ms
    pulse gw2 active priority=110 path=lan
    advance 311ms
    ----
    standby  deadline=0.913s  takeover=0.913s

    advance 1ms
    ----
    0.913s  add-addresses, pulses, announce, advert lan 100, advert wan 100, standby -> active: gw2 was silent for 313 ms on every path
    active  deadline=0.963s
    `,
  );

  story(
    "a pulse that was overtaken says nothing about the role",
    `
    ${standby}

    advance 300ms
    overtaken gw2 wan
    advance 13ms
    ----
    0.313s  add-addresses, pulses, announce, advert lan 100, advert wan 100, standby -> active: gw2 was silent for 313 ms on every path
    active  deadline=0.363s
    `,
  );

  story(
    "an active that hears nothing more of its standby stays what it is",
    `
    ${active}

    pulse gw2 standby priority=100 complete
    advance 300ms
    ----
    1.478s  announce
    1.528s  advert lan 110, advert wan 110, pulses
    1.628s  advert lan 110, advert wan 110, pulses, announce
    1.728s  advert lan 110, advert wan 110, pulses
    active  deadline=1.828s
    `,
  );
});

describe("election: whether pulses arrive", () => {
  it("is doubted while the peer talks and does not say that they do", () => {
    const teller = new StoryTeller();
    const isDeaf = (text: string) => {
      for (const scene of readStory(`${text}\n----\n-`)) teller.play(scene);
      return teller.election.addressing.isDeafOn("gw2", "lan");
    };
    assert.equal(
      isDeaf("node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan\nup lan wan\nready"),
      false,
    );
    assert.equal(isDeaf("pulse gw2 standby priority=100 deaf"), true);
    assert.equal(isDeaf("pulse gw2 standby priority=100"), false);
    assert.equal(
      isDeaf("pulse gw2 standby priority=100 other-document"),
      true,
      "what it says of paths means others",
    );
    assert.equal(isDeaf("pulse gw2 standby priority=100 deaf\nadvance 400ms"), false, "silent by now");
  });

  it("is said of pulses only: advertisements need no hardware address of the peer", () => {
    const teller = new StoryTeller();
    const heard = (text: string) => {
      for (const scene of readStory(`${text}\n----\n-`)) teller.play(scene);
      return teller.election.addressing.heardPaths("gw2").toString(2);
    };
    assert.equal(
      heard("node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan\nup lan wan\nready"),
      "0",
    );
    assert.equal(heard("advert lan 10.1.0.3 priority=100"), "10000000");
    assert.equal(heard("pulse gw2 active priority=100 path=wan"), "10000100");
    assert.equal(heard("pulse gw2 active priority=100 path=lan"), "10000110");
  });
});

describe("election: two actives, one of them deaf", () => {
  story(
    "with frequent pulses the contest is as short as they are, however long the interval is",
    `
    node gw1 priority=110 interval=1s pulse=10ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 active priority=100 deaf path=lan
    advance 30ms
    pulse gw2 active priority=100 deaf path=lan
    advance 30ms
    pulse gw2 active priority=100 deaf path=lan
    advance 30ms
    pulse gw2 active priority=100 deaf path=lan
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned
    0s  conflict with gw2
    0.09s  remove-addresses, pulses, active -> standby: gw2 is active and does not hear this node on any path
    standby  deadline=0.1s  takeover=0.121s
    `,
  );

  story(
    "the higher gives way after two active-down times to one that says that it hears nothing of it",
    `
    ${active}

    pulse gw2 active priority=100 deaf path=lan
    advance 300ms
    pulse gw2 active priority=100 deaf path=lan
    advance 300ms
    pulse gw2 active priority=100 deaf path=lan
    advance 198ms
    pulse gw2 active priority=100 deaf path=lan
    ----
    1.428s  conflict with gw2
    1.528s  advert lan 110, advert wan 110, pulses, announce
    1.578s  announce
    1.628s  advert lan 110, advert wan 110, pulses
    1.728s  advert lan 110, advert wan 110, pulses, announce
    1.828s  advert lan 110, advert wan 110, pulses, announce
    1.878s  announce
    1.928s  advert lan 110, advert wan 110, pulses
    2.028s  advert lan 110, advert wan 110, pulses, announce
    2.128s  advert lan 110, advert wan 110, pulses, announce
    2.178s  announce
    2.226s  advert lan 110, advert wan 110, pulses
    active  deadline=2.326s

    advance 3ms
    pulse gw2 active priority=100 deaf path=lan
    ----
    2.229s  remove-addresses, pulses, active -> standby: gw2 is active and does not hear this node on any path
    standby  deadline=2.329s  takeover=2.542s

    advance 300ms
    pulse gw2 active priority=100 deaf path=lan
    advance 300ms
    ----
    standby  deadline=2.842s  takeover=2.842s
    `,
  );

  story(
    "it stays, however long that lasts, beside one that hears it",
    `
    ${active}

    pulse gw2 active priority=100 path=lan
    advance 400ms
    pulse gw2 active priority=100 path=lan
    advance 400ms
    pulse gw2 active priority=100 path=lan
    advance 100ms
    pulse gw2 active priority=100 path=lan
    ----
    1.428s  conflict with gw2
    1.528s  advert lan 110, advert wan 110, pulses, announce
    1.578s  announce
    1.628s  advert lan 110, advert wan 110, pulses
    1.728s  advert lan 110, advert wan 110, pulses, announce
    1.828s  advert lan 110, advert wan 110, pulses
    1.928s  advert lan 110, advert wan 110, pulses, announce
    1.978s  announce
    2.028s  advert lan 110, advert wan 110, pulses
    2.128s  advert lan 110, advert wan 110, pulses, announce
    2.228s  advert lan 110, advert wan 110, pulses
    2.328s  advert lan 110, advert wan 110, pulses, announce
    active  deadline=2.428s
    `,
  );

  story(
    "the one that stays announces again when the other has given way before it was heard",
    `
    ${active}

    advance 200ms
    pulse gw2 standby priority=100 complete gave-way
    pulse gw2 standby priority=100 complete gave-way path=lan
    advance 100ms
    ----
    1.478s  announce
    1.528s  advert lan 110, advert wan 110, pulses
    1.628s  advert lan 110, advert wan 110, pulses, announce
    1.628s  conflict with gw2
    1.728s  advert lan 110, advert wan 110, pulses, announce
    active  deadline=1.778s
    `,
  );
});

describe("election: the arbiter's word", () => {
  story(
    "an active stays down for a node that it does not hear, until it hears it again",
    `
    ${active}

    arbiter gw2
    arbiter gw2
    ----
    1.428s  remove-addresses, advert lan 0, advert wan 0, pulses, active -> fault: gw2 holds the arbiter's lease, and this node hears nothing of it
    fault  deadline=1.528s

    advance 3s
    pulse gw2 active priority=100
    ----
    4.428s  pulses, fault -> standby: it can serve again
    standby  deadline=4.528s  takeover=4.785s
    `,
  );

  story(
    "or until the arbiter says that it may serve: then it takes over when its timer runs out",
    `
    ${active}

    arbiter gw2
    advance 1s
    arbiter -
    advance 357ms
    ----
    1.428s  remove-addresses, advert lan 0, advert wan 0, pulses, active -> fault: gw2 holds the arbiter's lease, and this node hears nothing of it
    2.428s  pulses, fault -> standby: it can serve again
    2.785s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: every other router was silent for 357 ms on every path
    active  deadline=2.835s
    `,
  );
});
