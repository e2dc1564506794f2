import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LoginThrottle } from "./login-throttle.ts";

describe("LoginThrottle", () => {
  it("lets five failures pass, then doubles the delay up to a bound, longer for addresses than for names", () => {
    const throttle = new LoginThrottle();
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 20; i++) {
      throttle.failed(nowMs, "192.0.2.1", "ana");
      waits.push(throttle.waitMs(nowMs, "192.0.2.1", "ana"));
      nowMs += waits.at(-1) ?? 0;
    }
    assert.deepEqual(waits.slice(0, 7), [0, 0, 0, 0, 1_000, 2_000, 4_000]);
    assert.equal(waits.at(-1), 900_000);
    nowMs -= 900_000;
    assert.equal(throttle.waitMs(nowMs, "192.0.2.2", "ana"), 60_000);
    assert.equal(throttle.waitMs(nowMs, "192.0.2.1", "bob"), 900_000);
    assert.equal(throttle.waitMs(nowMs, "192.0.2.2", "bob"), 0);
  });

  it("forgets a name that succeeded, but not the address, and all after an hour", () => {
    const throttle = new LoginThrottle();
    for (let i = 0; i < 6; i++) throttle.failed(0, "192.0.2.1", "ana");
    throttle.succeeded("ana");
    assert.equal(throttle.waitMs(0, "192.0.2.2", "ana"), 0);
    assert.equal(throttle.waitMs(0, "192.0.2.1", "ana"), 2_000);
    throttle.failed(3_600_001, "192.0.2.1", "ana");
    assert.equal(throttle.waitMs(3_600_001, "192.0.2.1", "ana"), 0);
  });

  it("has a bound, and forgets what failed longest ago first", () => {
    const throttle = new LoginThrottle();
    for (let i = 0; i < 20_000; i++) throttle.failed(i, `2001:db8:0:${i.toString(16)}::/64`, "ana");
    assert.equal(throttle.size, 4_096);
    assert.equal(throttle.waitMs(20_000, "192.0.2.9", "ana"), 59_999);
  });
});
