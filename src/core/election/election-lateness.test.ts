import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { playStory } from "./election-story.ts";
import { told } from "./short-story.test-data.ts";

function story(title: string, text: string): void {
  it(title, () => {
    for (const { told, expected, after } of playStory(text)) assert.equal(told, expected, after);
  });
}

describe("election: lateness", () => {
  story(
    "an active that was stalled listens before it says anything",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.444s
    sleep 2s
    advance 0ms
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    active  deadline=3.557s

    advance 111ms
    ----
    active  deadline=3.557s

    advance 2ms
    ----
    3.557s  advert lan 100, pulses, announce
    active  deadline=3.657s
    `,
  );

  story(
    "whatever ends its listening, it speaks then",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.444s
    sleep 2s
    pulse gw2 standby priority=90
    sleep 113ms
    pulse gw2 standby priority=90
    advance 0ms
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    3.557s  advert lan 100, pulses, announce
    active  deadline=3.657s
    `,
  );

  story(
    "it gives way to whoever became active meanwhile",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.444s
    sleep 2s
    pulse gw2 active priority=1
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    3.444s  remove-addresses, pulses, active -> standby: gw2 became active while this node was stalled
    standby  deadline=3.544s  takeover=3.757s
    `,
  );

  story(
    "it does not give way to one that became active without its connections, whatever that one's priority",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.444s
    sleep 2s
    pulse gw2 active priority=110 incomplete
    advance 113ms
    pulse gw2 active priority=110 incomplete
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    3.444s  conflict with gw2
    3.557s  advert lan 100, pulses, announce
    active  deadline=3.657s
    `,
  );

  story(
    "a standby that was stalled starts its timer anew, and once more",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=110
    sleep 2s
    advance 0ms
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=2.1s  takeover=2.325s

    sleep 2s
    advance 0ms
    ----
    standby  deadline=4.1s  takeover=4.325s

    sleep 2s
    advance 0ms
    ----
    standby  deadline=6.1s  takeover=6.113s

    advance 113ms
    ----
    6.113s  add-addresses, pulses, announce, advert lan 100, standby -> active: gw2 was silent for 6113 ms on every path
    active  deadline=6.163s
    `,
  );

  // A machine that both nodes run on: each of them is late by its own deadline, and the active is to say nothing now.
  for (const [interval, stood] of [
    ["10ms", "22ms"],
    ["10ms", "27ms"],
    ["10ms", "31ms"],
    ["5ms", "12ms"],
    ["7ms", "17ms"],
  ] as const) {
    it(`a standby that stood still with the active for ${stood} takes nothing over, at ${interval}`, () => {
      const lines = told(`
        node gw1 priority=100 interval=${interval} peers=gw2
        up lan
        ready
        complete
        pulse gw2 active priority=110
        advance ${interval}
        pulse gw2 active priority=110
        advance ${Number.parseInt(interval, 10) - 0.1}ms
        sleep ${stood}
        advance ${interval}
        pulse gw2 active priority=110
        advance ${interval}`);
      assert.ok(!lines.some((line) => line.includes("-> active")), lines.join("\n"));
    });
  }

  story(
    "an active that was not silent long enough to be replaced speaks at once",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.644s
    sleep 299ms
    advance 0ms
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    1.494s  announce
    1.544s  advert lan 100, pulses
    1.644s  advert lan 100, pulses, announce
    1.943s  advert lan 100, pulses
    active  deadline=2.043s
    `,
  );

  story(
    "with frequent pulses an active listens for one of them, and for an advertisement only if a router without pulses can have taken over",
    `
    node gw1 priority=100 interval=1s pulse=10ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 standby priority=90
    advance 15s
    sleep 200ms
    advance 9ms
    ----
    10.828s  pulses, init -> standby: it has listened and can serve
    14.438s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 3609 ms on every path
    14.488s  pulses, announce
    14.638s  pulses, announce
    active  deadline=15.211s

    advance 2ms
    sleep 2.1s
    advance 1s
    ----
    18.311s  advert lan 100, pulses, announce
    active  deadline=18.321s
    `,
  );

  it("two standstills of a host, one soon after the other, move nothing", () => {
    const lines = told(`
      node gw1 priority=100 interval=10ms peers=gw2
      up lan
      ready
      complete
      pulse gw2 active priority=110
      advance 10ms
      pulse gw2 active priority=110
      advance 9.9ms
      sleep 25ms
      advance 5ms
      sleep 28ms
      advance 1ms
      pulse gw2 active priority=110
      advance 10ms`);
    assert.ok(!lines.some((line) => line.includes("-> active")), lines.join("\n"));
  });

  it("a late standby waits no longer than an active that listens needs, where its timer has time left", () => {
    const lines = told(`
      node gw1 priority=100 interval=1s pulse=10ms peers=gw2
      up lan
      ready
      complete
      advert lan 10.1.0.9 priority=200
      advance 3s
      sleep 25ms
      advance 600ms`);
    assert.ok(
      lines.some((line) => line.startsWith("3.609s") && line.includes("-> active")),
      lines.join("\n"),
    );
  });

  it("a standby whose own loop was busy with another group is not late", () => {
    const scene = (busy: string) => `
      node gw1 priority=100 interval=10ms peers=gw2
      up lan
      ready
      complete
      pulse gw2 active priority=110
      advance 30.5ms
      ${busy}
      advance 0ms`;
    assert.ok(told(scene("busy 12ms")).some((line) => line.includes("-> active")));
    assert.ok(!told(scene("sleep 12ms")).some((line) => line.includes("-> active")));
  });

  story(
    "several standstills in one turn, each of them short enough, count together",
    `
    node gw1 priority=110 interval=10ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    sleep 28ms
    pulse gw2 standby priority=100 complete
    sleep 19ms
    pulse gw2 active priority=100
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned
    0.047s  remove-addresses, pulses, active -> standby: gw2 became active while this node was stalled
    standby  deadline=0.057s  takeover=0.078s
    `,
  );

  story(
    "a switchover that was asked for meanwhile does not make it speak",
    `
    node gw1 priority=110 interval=1s pulse=10ms peers=gw2,gw3
    up lan
    ready
    complete
    pulse gw2 active priority=90
    pulse gw2 standby priority=90 resigning heir=me
    pulse gw2 standby priority=100 complete
    sleep 300ms
    switchover
    pulse gw2 active priority=100
    ----
    0s  pulses, init -> standby: gw2 is active
    0s  add-addresses, pulses, announce, advert lan 110, standby -> active: gw2 resigned
    0.3s  refused: switchover-stalled
    0.3s  remove-addresses, pulses, active -> standby: gw2 became active while this node was stalled
    standby  deadline=0.31s  takeover=0.336s
    `,
  );

  story(
    "an active is late when its pulse is, and not when an announcement is",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 1.444s
    sleep 253ms
    advance 0ms
    ----
    1.083s  pulses, init -> standby: it has listened and can serve
    1.444s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 361 ms on every path
    1.697s  advert lan 100, pulses, announce
    active  deadline=1.797s
    `,
  );

  it("a standby that was late for a pulse listens for one, however rare advertisements are", () => {
    const lines = told(`
      node gw1 priority=100 interval=1s pulse=10ms peers=gw2
      up lan
      ready
      complete
      pulse gw2 active priority=110
      sleep 21ms
      pulse gw2 active priority=110
      advance 32ms`);
    assert.ok(
      lines.some((line) => line.includes("-> active")),
      lines.join("\n"),
    );
  });

  it("a standby that has just been late for a pulse takes over when its active is silent", () => {
    const lines = told(`
      node gw1 priority=100 interval=10ms peers=gw2
      up lan
      ready
      complete
      pulse gw2 active priority=110
      advance 25ms
      sleep 14ms
      advance 0ms`);
    assert.ok(
      lines.some((line) => line.includes("-> active")),
      lines.join("\n"),
    );
  });

  story(
    "it believes no old resignation",
    `
    node gw1 priority=100 interval=100ms peers=gw2
    up lan
    ready
    complete
    pulse gw2 active priority=110
    sleep 2s
    pulse gw2 standby priority=110 resigning
    ----
    0s  pulses, init -> standby: gw2 is active
    standby  deadline=0.1s  takeover=2.113s

    pulse gw2 active priority=110
    ----
    standby  deadline=0.1s  takeover=2.313s
    `,
  );
});

/** In short: a node of 100 ms that is woken so much too late each time, and what it is in the end. */
