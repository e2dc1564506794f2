import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory, readStory, StoryTeller } from "./election-story.ts";
import { alone } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

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
    0.041s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 did not take over within 41 ms of the handover to it
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
    19.047s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 did not take over within 4609 ms of the handover to it
    active  deadline=19.097s
    `,
  );
});

describe("election: what was heard before its own time as the active", () => {
  story(
    "is over: the heir that dies is the cause, and not who was silent on Monday",
    `
    node gw1 priority=110 interval=100ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=115
    pulse gw3 standby priority=90 complete
    advance 361ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.357s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 was silent for 357 ms on every path
    active  deadline=0.407s

    pulse gw2 standby priority=115
    pulse gw3 standby priority=90 complete
    switchover gw3
    drained 1 yes
    ----
    0.361s  drain 1 within 1000ms, pulses
    0.361s  remove-addresses, advert lan 0, pulses, active -> standby: it handed over to gw3: maintenance
    standby  deadline=0.461s  takeover=0.718s

    advance 457ms
    ----
    0.818s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw3 did not take over within 457 ms of the handover to it
    active  deadline=0.868s
    `,
  );

  story(
    "also where it gave the role up for a fault of its own",
    `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=115
    advance 313ms
    down lan
    advance 10s
    up lan
    advance 357ms
    ----
    0s  pulses, init -> standby: gw2 is active
    0.313s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 was silent for 313 ms on every path
    0.313s  remove-addresses, pulses, active -> fault: no interface of the group is up
    10.313s  pulses, fault -> standby: it can serve again
    10.67s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    active  deadline=10.72s
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
