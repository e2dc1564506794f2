import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoryTeller } from "./election-story.ts";
import { shortStory } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of shortStory(text)) assert.equal(told, expected, after);
  });
}

/** gw1 has just become active, and its LAN cable is pulled. */
const cableOut = `
    node gw1 priority=110 interval=1s peers=gw2,gw3 faces=lan,wan
    up lan wan
    ready
    complete
    pulse gw2 active priority=100
    pulse gw2 standby priority=100 resigning heir=me
    down lan
`;
const tookOver =
  "0s  add-addresses, pulses, announce, advert lan 110, advert wan 110, standby -> active: gw2 resigned";

describe("election: an active that nothing can go through", () => {
  story(
    "hands over to a node that is set aside, where nobody else can serve, after a while",
    `
    ${cableOut}
    pulse gw2 standby priority=0 complete reserve fit
    pulse gw3 standby priority=6 complete
    advance 1s
    pulse gw2 standby priority=0 complete reserve fit
    ----
    0s  pulses, init -> standby: gw2 is active
    ${tookOver}
    active

    advance 1s
    pulse gw2 standby priority=0 complete reserve fit
    drained 1 yes
    ----
    2s  drain 1 within 5ms, pulses
    2s  remove-addresses, advert wan 0, pulses, active -> standby: it handed over to gw2: interface down: lan
    standby
    `,
  );

  story(
    "goes by the order in which they would take over if it died: who is set aside and lacks connections is the last",
    `
    ${cableOut}
    pulse gw2 standby priority=0 fit
    pulse gw3 standby priority=90
    advance 2s
    pulse gw2 standby priority=0 fit
    pulse gw3 standby priority=90
    drained 1 no
    ----
    0s  pulses, init -> standby: gw2 is active
    ${tookOver}
    2s  drain 1 within 5ms, pulses
    2s  remove-addresses, advert wan 0, pulses, active -> standby: it handed over to gw3: interface down: lan
    standby
    `,
  );

  story(
    "before nobody serves at all",
    `
    ${cableOut}
    pulse gw2 standby priority=0 fit
    advance 2s
    pulse gw2 standby priority=0 fit
    drained 1 no
    ----
    0s  pulses, init -> standby: gw2 is active
    ${tookOver}
    2s  drain 1 within 5ms, pulses
    2s  remove-addresses, advert wan 0, pulses, active -> standby: it handed over to gw2: interface down: lan
    standby
    `,
  );

  story(
    "and who holds them all goes before one that lacks some",
    `
    ${cableOut}
    pulse gw2 standby priority=0 complete reserve fit
    pulse gw3 standby priority=90
    advance 2s
    pulse gw2 standby priority=0 complete reserve fit
    pulse gw3 standby priority=90
    drained 1 yes
    ----
    0s  pulses, init -> standby: gw2 is active
    ${tookOver}
    2s  drain 1 within 5ms, pulses
    2s  remove-addresses, advert wan 0, pulses, active -> standby: it handed over to gw2: interface down: lan
    standby
    `,
  );

  story(
    "keeps the role where the one that is set aside is not well itself, or as long as it can serve between other networks",
    `
    ${cableOut}
    pulse gw2 standby priority=0 complete reserve
    advance 3s
    pulse gw2 standby priority=0 complete reserve
    ----
    0s  pulses, init -> standby: gw2 is active
    ${tookOver}
    active

    up lan
    check upstream failing weight=20
    pulse gw2 standby priority=0 complete reserve fit
    advance 20s
    pulse gw2 standby priority=0 complete reserve fit
    ----
    active
    `,
  );

  it("a planned switchover to a node that is set aside is refused, with its name and what ends it", () => {
    const teller = new StoryTeller();
    const lines = cableOut
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    const set = "pulse gw2 standby priority=0 complete reserve fit";
    teller.play({ input: [...lines, set], expected: "" });
    const refusal = (to?: string) => {
      const answer = teller.election.requestSwitchover(0, "asked for", to);
      return "code" in answer ? `${answer.code}: ${answer.message}. ${answer.hint}` : "";
    };
    assert.equal(
      refusal(),
      "switchover-no-standby: gw2 is set aside, and no other living standby has a complete connection table. tocha node resume gw2",
    );
    assert.equal(
      refusal("gw2"),
      "switchover-not-ready: gw2 is set aside: a switchover does not go to it. tocha node resume gw2",
    );
    assert.match(refusal("gw3"), /^switchover-not-ready: gw3 could not take over/);
  });
});

describe("election: a node that is set aside, in need", () => {
  const setAside = `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan
    up lan wan
    ready
    complete
    standby
    pulse gw2 active priority=6 heir=me
    pulse gw2 standby priority=6 complete resigning heir=me
  `;

  story(
    "takes the role from an active that nothing can go through, keeps it, and gives it back 5 s after that one is well",
    `
    ${setAside}
    advance 5s
    pulse gw2 standby priority=6 complete
    advance 100ms
    pulse gw2 standby priority=100 complete
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 1, advert wan 1, standby -> active: gw2 resigned
    active

    advance 4.8s
    pulse gw2 standby priority=100 complete
    ----
    active

    advance 100ms
    pulse gw2 standby priority=100 complete
    drained 1 yes
    ----
    10s  drain 1 within 1000ms
    10s  remove-addresses, advert lan 0, advert wan 0, pulses, active -> standby: it handed over to gw2: set aside by ops
    standby
    `,
  );

  story(
    "does not give it back while the link of that one flaps",
    `
    ${setAside}
    advance 4s
    pulse gw2 standby priority=100 complete
    advance 2s
    pulse gw2 standby priority=6 complete
    advance 4s
    pulse gw2 standby priority=100 complete
    advance 900ms
    pulse gw2 standby priority=100 complete
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 1, advert wan 1, standby -> active: gw2 resigned
    active
    `,
  );

  story(
    "does not give it back to one that nothing can go through because it has fallen ill itself, as long as it serves",
    `
    node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan,dmz
    up lan wan dmz
    ready
    complete
    standby
    pulse gw2 active priority=6 heir=me
    pulse gw2 standby priority=6 complete resigning heir=me
    advance 1s
    pulse gw2 standby priority=6 complete
    down dmz
    check upstream failing veto
    pulse gw2 standby priority=6 complete
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 1, advert wan 1, advert dmz 1, standby -> active: gw2 resigned
    active

    down wan
    pulse gw2 standby priority=6 complete
    ----
    1s  advert lan 1, pulses, drain 1 within 1000ms
    active
    `,
  );

  story(
    "resumed meanwhile it is an active as any other",
    `
    ${setAside}
    advance 100ms
    pulse gw2 standby priority=6 complete
    resume
    standby
    pulse gw2 standby priority=100 complete
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 1, advert wan 1, standby -> active: gw2 resigned
    0.1s  drain 1 within 1000ms
    active
    `,
  );

  it("says that it is fit while it is well, and was not set aside by force", () => {
    const teller = new StoryTeller();
    const isFit = (...input: readonly string[]) => {
      teller.play({ input, expected: "" });
      return teller.election.pulse().fitInNeed;
    };
    assert.equal(isFit("node gw1 priority=110 interval=100ms peers=gw2 faces=lan,wan", "ready"), false);
    assert.equal(isFit("up lan wan"), false);
    assert.equal(isFit("standby"), true);
    assert.equal(isFit("down wan"), false);
    assert.equal(isFit("up wan", "check upstream failing veto"), false);
    assert.equal(isFit("check upstream ok veto", "check disk failing weight=20"), true);
    assert.equal(isFit("standby force"), false);
    assert.equal(isFit("resume"), false);
  });
});
