import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory, StoryTeller } from "./election-story.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

describe("preemption of a foreign router", () => {
  story(
    "a lower active is heard until the delay is over",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=5s
    up lan
    ready
    advert lan 10.1.0.9 priority=100
    advance 3s
    advert lan 10.1.0.9 priority=100
    advance 1s
    advert lan 10.1.0.9 priority=100
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=5s  takeover=7.219s

    advance 1s
    advert lan 10.1.0.9 priority=100
    advance 1s
    advert lan 10.1.0.9 priority=100
    advance 1219ms
    ----
    7.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: it ranks higher than the VRRP router 10.1.0.9, and preemption is on
    active  deadline=7.269s
    `,
  );

  story(
    "one that falls silent meanwhile is not preempted",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=0s peers=gw2
    up lan
    ready
    advert lan 10.1.0.9 priority=100
    advance 1s
    advert lan 10.1.0.9 priority=100
    advance 2s
    pulse gw2 standby priority=100 complete
    advance 4219ms
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    7.219s  add-addresses, pulses, announce, advert lan 200, standby -> active: the VRRP router 10.1.0.9 was silent for 6219 ms on every path
    active  deadline=7.269s
    `,
  );

  story(
    "beside it the active of the cluster dies: that one's silence is the cause",
    `
    node gw1 priority=200 interval=1s preempt preemptDelay=0s peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=210
    advert lan 10.1.0.9 priority=100
    advance 3125ms
    ----
    0s  pulses, init -> standby: gw2 is active
    3.125s  add-addresses, pulses, announce, advert lan 200, standby -> active: gw2 was silent for 3125 ms on every path
    active  deadline=3.175s
    `,
  );

  story(
    "the address owner preempts without being told to",
    `
    node gw1 priority=255 interval=1s preemptDelay=0s
    up lan
    ready
    advert lan 10.1.0.9 priority=254
    advance 1s
    advert lan 10.1.0.9 priority=254
    advance 2004ms
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    3.004s  add-addresses, pulses, announce, advert lan 255, standby -> active: it ranks higher than the VRRP router 10.1.0.9, and it is the address owner
    active  deadline=3.054s
    `,
  );

  story(
    "and follows another owner, whose address is higher",
    `
    node gw1 priority=255 interval=1s preemptDelay=0s
    up lan
    ready
    advert lan 10.1.0.9 priority=255
    advance 3s
    advert lan 10.1.0.9 priority=255
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=4s  takeover=6.004s
    `,
  );

  story(
    "a node does not preempt before it has the connections that another one has",
    `
    node gw1 priority=255 interval=1s preemptDelay=0s peers=gw2
    up lan
    ready
    pulse gw2 standby priority=100 complete
    advert lan 10.1.0.9 priority=100
    advance 3s
    advert lan 10.1.0.9 priority=100
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=4s  takeover=6.004s
    `,
  );
});

it("history knows a preemption by its kind, and when the router that it took the role from spoke last", () => {
  const teller = new StoryTeller();
  const input = [
    "node gw1 priority=200 interval=1s preempt preemptDelay=0s",
    ...["up lan", "ready", "advert lan 10.1.0.9 priority=100", "advance 2s"],
    ...["advert lan 10.1.0.9 priority=100"],
  ];
  teller.play({ input, expected: "" });
  const change = teller.election.timeout(3_219).find((effect) => effect.do === "transition");
  assert.deepEqual(change?.reason, { kind: "priority", other: "the VRRP router 10.1.0.9", wordMs: 2_000 });
});

describe("the delay of preemption", () => {
  /** What it wants 5 s after it has become a standby, all is well, and this was told it in between, after 4 s. */
  function wantsAfter(...told: readonly string[]): boolean {
    const teller = new StoryTeller();
    const hear = ["pulse gw2 active priority=100", "advance 200ms"];
    const start = ["node gw1 priority=110 interval=100ms preempt peers=gw2", "up lan", "ready", "complete"];
    const checks = ["check upstream ok weight=20", "check disk failing weight=5"];
    const input = [
      ...start,
      ...checks,
      ...Array(20).fill(hear).flat(),
      ...told,
      ...Array(5).fill(hear).flat(),
    ];
    teller.play({ input, expected: "" });
    return teller.election.pulse().wantsToBeActive;
  }

  it("goes on when the control role tells the checks again, and what is still pending after its restart", () => {
    assert.equal(wantsAfter(), true);
    assert.equal(wantsAfter("check upstream ok weight=20"), true);
    assert.equal(wantsAfter("check upstream pending weight=20", "check disk failing weight=5"), true);
  });

  it("begins anew when one of them is another", () => {
    assert.equal(wantsAfter("check disk ok weight=5"), false);
    assert.equal(wantsAfter("check upstream failing weight=1"), false);
    assert.equal(wantsAfter("check other ok weight=20"), false);
  });
});

describe("RFC 9568 6.1", () => {
  story(
    "after priority 0 the skew is a part of the interval that the router advertised, and not of the own one",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    advert lan 10.1.0.9 priority=200 interval=1s
    advert lan 10.1.0.9 priority=0 interval=1s
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=0.1s  takeover=0.609s      (a foreign backup of priority 200 is first, after 219 ms)
    `,
  );
});

describe("VRRPv2", () => {
  story(
    "RFC 3768 6.1: the skew is a part of one second, whatever the interval",
    `
    node gw1 priority=100 interval=5s skewOf=1s
    up lan
    ready
    advert lan 10.1.0.9 priority=100 interval=5s
    ----
    0s  pulses, init -> standby: the VRRP router 10.1.0.9 is active
    standby  deadline=5s  takeover=15.609s

    advert lan 10.1.0.9 priority=0 interval=5s
    ----
    standby  deadline=0.609s  takeover=0.609s
    `,
  );
});
