import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../../base/ip.ts";
import { healthyStatus } from "../../contract/status.test-data.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { type ActiveView, foreseeSwitchover } from "./foreseen-switchover.ts";
import type { GroupPolicy } from "./group-policy.ts";

type PeerChange = Partial<ActiveView["peers"][number]>;

const peer = (name: string, rest: PeerChange = {}) => ({
  ...({ name, alive: true, role: "standby", priority: 100, tableComplete: true } as const),
  ...rest,
});

function foresee({
  peers = [peer("gw2")],
  to,
  view = {},
  nodes = healthyStatus().nodes,
  rules = {},
}: {
  readonly peers?: ActiveView["peers"];
  readonly to?: string;
  readonly view?: Partial<ActiveView>;
  readonly nodes?: readonly NodeStatus[];
  readonly rules?: Partial<GroupPolicy>;
}) {
  const active = { role: "active", activeNode: "gw1", draining: false, peers, ...view };
  const policy = {
    ...{
      name: "gateway",
      preempt: false,
      preemptDelayMs: 5_000,
      intervalMs: 100,
      pulseIntervalMs: 50,
      pulsesOnAllFaces: true,
    },
    ...{ addresses: {}, ...rules },
  };
  return foreseeSwitchover(active, { node: "gw1", to, policy }, nodes);
}

/** gw1, which is active, and standbys: all healthy, with some things otherwise. */
function nodesWith(changes: Readonly<Record<string, Partial<NodeStatus>>>): NodeStatus[] {
  const [gw1, gw2] = healthyStatus().nodes;
  assert.ok(gw1 !== undefined && gw2 !== undefined);
  const names = [...new Set(["gw1", "gw2", ...Object.keys(changes)])];
  return names.map((name) => {
    const node = { ...(name === "gw1" ? gw1 : gw2), name, ...changes[name] };
    const { role, priority, effectivePriority } = node;
    return { ...node, groups: node.groups.map((own) => ({ ...own, role, priority, effectivePriority })) };
  });
}

describe("foreseeSwitchover", () => {
  it("says who would take over, and what is protected", () => {
    const answer = foresee({});
    assert.ok(!("code" in answer));
    const { sentences, ...figures } = answer;
    assert.deepEqual(figures, {
      ...{ ok: true, dryRun: true, group: "gateway", from: "gw1", to: "gw2" },
      ...{ complete: true, connections: 102_334, notProtected: 0, lagRecords: 0, lagMs: 0 },
    });
    assert.deepEqual(sentences, [
      "gw2 would take over from gw1.",
      "Nothing would have to be waited for.",
      "gw2 holds every one that is mirrored of the 102,334 connections in the active's table, and nothing is on its way.",
    ]);
  });

  it("says what it would wait for, and what would be lost all the same", () => {
    const [gw1] = healthyStatus().nodes;
    assert.ok(gw1 !== undefined);
    const streams = gw1.replication.streams.map((one) =>
      one.direction === "to" && one.peer === "gw2" ? { ...one, lagRecords: 1_200, lagMs: 40 } : one,
    );
    assert.notDeepEqual(streams, gw1.replication.streams);
    const nodes = nodesWith({
      gw1: { replication: { ...gw1.replication, streams } },
      gw2: { replication: { ...gw1.replication, streams: [], notProtected: 12 } },
    });
    const answer = foresee({ nodes });
    assert.ok(!("code" in answer));
    const { lagRecords, lagMs, notProtected, sentences } = answer;
    assert.deepEqual([lagRecords, lagMs, notProtected], [1_200, 40, 12]);
    assert.deepEqual(sentences, [
      "gw2 would take over from gw1.",
      "First 1,200 changes would be brought to it: the switchover waits for that, and is refused if it takes more than a second.",
      "gw2 holds every one that is mirrored of the 102,334 connections in the active's table, but for 1,200 changes on the way, the oldest for 40ms.",
      "Its kernel refused 12 connections: they would be lost.",
    ]);
  });

  const refusals: readonly [string, Parameters<typeof foresee>[0], string][] = [
    ["this node is not active", { view: { role: "standby", activeNode: "gw2" } }, "switchover-not-active"],
    ["a handover is running", { view: { draining: true } }, "switchover-running"],
    ["nobody is there", { peers: [] }, "switchover-no-standby"],
    ["the standby is dead", { peers: [peer("gw2", { alive: false })] }, "switchover-no-standby"],
    ["it has just started", { peers: [peer("gw2", { role: "init" })] }, "switchover-no-standby"],
    ["it lacks connections", { peers: [peer("gw2", { tableComplete: false })] }, "switchover-no-standby"],
    ["it is set aside", { peers: [peer("gw2", { priority: 0 })] }, "switchover-no-standby"],
    ["it is in fault", { peers: [peer("gw2", { role: "fault", priority: 0 })] }, "switchover-no-standby"],
    [
      "the one that is meant lacks connections, whoever else is fit",
      { peers: [peer("gw2", { tableComplete: false }), peer("gw3", { priority: 105 })], to: "gw2" },
      "switchover-not-ready",
    ],
  ];
  for (const [why, wish, code] of refusals)
    it(`is refused when ${why}`, () => {
      const answer = foresee(wish);
      assert.equal("code" in answer && answer.code, code);
    });

  it("says who is set aside, and how that ends", () => {
    const refusal = (wish: Parameters<typeof foresee>[0]) => {
      const answer = foresee(wish);
      return "code" in answer ? `${answer.message}. ${answer.hint}` : "";
    };
    const peers = [peer("gw2", { priority: 0 }), peer("gw3", { tableComplete: false })];
    assert.equal(
      refusal({ peers }),
      "gw2 is set aside, and no other living standby has a complete connection table. tocha node resume gw2",
    );
    assert.match(
      refusal({ peers: [peer("gw2", { priority: 0 }), peer("gw3", { priority: 0 })] }),
      /^gw2 and gw3 are set aside/,
    );
    assert.equal(
      refusal({ peers, to: "gw2" }),
      "gw2 is set aside: a switchover does not go to it. tocha node resume gw2",
    );
    assert.match(refusal({ peers, to: "gw3" }), /^gw3 could not take over/);
  });

  it("goes to the best that is fit", () => {
    const peers = [
      peer("gw2"),
      peer("gw3", { priority: 105 }),
      peer("gw4", { priority: 109, tableComplete: false }),
    ];
    const answer = foresee({ peers });
    assert.equal("to" in answer && answer.to, "gw3");
  });

  it("goes to the one that is meant, although another is better", () => {
    const answer = foresee({ peers: [peer("gw2"), peer("gw3", { priority: 105 })], to: "gw2" });
    assert.equal("to" in answer && answer.to, "gw2");
  });

  it("goes to the higher address where priorities are equal, as the election does", () => {
    const peers = [peer("gw2"), peer("gw3")];
    const addresses = { gw2: [validIp("10.1.0.3")], gw3: [validIp("10.1.0.4")] };
    const answer = foresee({ peers, rules: { addresses } });
    assert.equal("to" in answer && answer.to, "gw3");
    const swapped = { gw2: [validIp("10.1.0.4")], gw3: [validIp("10.1.0.3")] };
    const other = foresee({ peers, rules: { addresses: swapped } });
    assert.equal("to" in other && other.to, "gw2");
  });
});

describe("what foreseeSwitchover says of the time after it", () => {
  const wanDown = { effectivePriority: 6, interfaces: [{ name: "wan", device: "eth1", up: false }] };
  const check = {
    ...{ group: "gateway", name: "upstream", kind: "ping", state: "failing", sinceSeconds: 3, words: "" },
    ...{ failure: "no answer", weight: 0, veto: true, try: "ping", heldSeconds: null, flaps: 0 },
  };
  const vetoed = { effectivePriority: 6, checks: [check] };
  const maintenance = { by: "ana", reason: "", since: "2026-08-01T09:00:00.000Z" };
  const preempt = { preempt: true };
  const asksFor5s = "it asks for the role again when it has been a standby with every connection for 5s.";
  const isDown = "gw2 is not well (interface wan down)";
  const isVetoed = "gw2 is not well (check upstream fails: no answer)";

  /** What the nodes are like, what the document says, and what follows when gw2 has taken over. */
  const situations: readonly [
    string,
    Readonly<Record<string, Partial<NodeStatus>>>,
    Partial<GroupPolicy>,
    readonly string[],
  ][] = [
    ["nothing where all are well", {}, {}, []],
    [
      "a face of the target is down",
      { gw2: wanDown },
      preempt,
      [`${isDown}: it would hand the role back to gw1 as soon as that one holds every connection.`],
    ],
    [
      "a check of the target vetoes",
      { gw2: vetoed },
      {},
      [
        `${isVetoed}: it would hand the role back to gw1 as soon as that one holds every connection, after 10s at the earliest.`,
      ],
    ],
    [
      "a check of it fails, and preemption is sooner",
      { gw2: vetoed },
      preempt,
      [`${isVetoed}.`, `gw1 ranks higher and preempt is on: ${asksFor5s}`],
    ],
    ["both are as ill", { gw1: { ...wanDown, effectivePriority: 6 }, gw2: wanDown }, preempt, [`${isDown}.`]],
    [
      "the active is set aside",
      { gw1: { effectivePriority: 1, maintenance }, gw2: wanDown },
      {},
      [`${isDown}.`],
    ],
    [
      "a third node is better than both",
      { gw1: wanDown, gw2: wanDown, gw3: { effectivePriority: 90, priority: 90 } },
      {},
      [`${isDown}: it would hand the role on to gw3 as soon as that one holds every connection.`],
    ],
    [
      "the active ranks higher, with preemption",
      {},
      preempt,
      [`gw1 ranks higher and preempt is on: ${asksFor5s}`],
    ],
    [
      "the delay is shorter than ten active-down times",
      {},
      { preempt: true, preemptDelayMs: 0, intervalMs: 1_000 },
      [
        "gw1 ranks higher and preempt is on: it asks for the role again when it has been a standby with every connection for 35.7s.",
      ],
    ],
    ["the active ranks lower", { gw1: { priority: 90, effectivePriority: 90 } }, preempt, []],
    ["the active is not well, with preemption", { gw1: wanDown }, preempt, []],
    [
      "the active is the address owner",
      { gw1: { priority: 255, effectivePriority: 255 } },
      {},
      [`gw1 ranks higher and is the address owner (priority 255): ${asksFor5s}`],
    ],
    [
      "a third node ranks higher, with preemption",
      { gw1: { priority: 90, effectivePriority: 90 }, gw3: { priority: 105, effectivePriority: 105 } },
      preempt,
      [`gw3 ranks higher and preempt is on: ${asksFor5s.replace(" again", "")}`],
    ],
    ["the target cannot be asked", { gw2: { reachable: false, effectivePriority: 0 } }, preempt, []],
  ];
  for (const [title, changes, rules, expected] of situations)
    it(title, () => {
      const answer = foresee({ nodes: nodesWith(changes), rules, to: "gw2" });
      assert.ok(!("code" in answer));
      assert.deepEqual(answer.sentences.slice(3), expected);
    });
});
