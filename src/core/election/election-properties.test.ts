import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type IpAddress, parseIp } from "../../base/ip.ts";
import type { Pulse } from "../../wire/pulse.ts";
import { Election } from "./election.ts";
import { readStory, StoryTeller } from "./election-story.ts";
import type { ElectionEffect, ElectionSettings } from "./election-types.ts";
import { alone } from "./short-story.test-data.ts";

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
    fitInNeed: false,
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
