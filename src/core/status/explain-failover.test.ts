import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../../base/ip.ts";
import { takeoverEntry } from "../../contract/failover-history.test-data.ts";
import type { HistoryEntry } from "../../contract/failover-history.ts";
import type { GroupWhy } from "../../contract/failover-why.ts";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../../contract/status.test-data.ts";
import type { ClusterStatus, NodeStatus } from "../../contract/status.ts";
import { explainFailover } from "./explain-failover.ts";
import type { GroupPolicy } from "./group-policy.ts";

type Change = Partial<NodeStatus> & { readonly complete?: boolean };

/** The healthy cluster, of which gw1 is active, with some things otherwise. */
function cluster(
  changes: Readonly<Record<string, Change>>,
  activeNode: string | null = "gw1",
): ClusterStatus {
  const status = healthyStatus();
  return {
    ...status,
    groups: [{ name: "gateway", activeNode }],
    nodes: status.nodes.map((node) => {
      const { complete = node.replication.complete, ...rest } = changes[node.name] ?? {};
      const changed = { ...node, ...rest };
      const { role, cause, priority, effectivePriority, sinceSeconds, addresses } = changed;
      const own = { role, cause, priority, effectivePriority, sinceSeconds, addresses, complete };
      return { ...changed, groups: changed.reachable ? [{ name: "gateway", ...own }] : [] };
    }),
  };
}

interface Circumstances {
  readonly preempt?: boolean;
  readonly addresses?: GroupPolicy["addresses"];
  readonly history?: readonly HistoryEntry[];
  readonly pulsesOnAllFaces?: boolean;
}

function why(
  status: ClusterStatus,
  {
    preempt = false,
    addresses = {},
    history = [takeoverEntry()],
    pulsesOnAllFaces = true,
  }: Circumstances = {},
): GroupWhy {
  const times = { preemptDelayMs: 5_000, intervalMs: 100, pulseIntervalMs: 50, pulsesOnAllFaces };
  const policy = { name: "gateway", preempt, addresses, ...times };
  const [group] = explainFailover({ status, groups: [policy], history }).groups;
  assert.ok(group !== undefined);
  return group;
}

const failing = (group: string) => ({
  ...{ group, name: "upstream", kind: "ping", state: "failing", sinceSeconds: 3, words: "no answer" },
  ...{ failure: "no answer", weight: 40, veto: false, try: "ping", heldSeconds: null, flaps: 0 },
});

const laggingStream = () => {
  const { streams } = healthyStatus().nodes[0]?.replication ?? { streams: [] };
  return streams.map((stream) =>
    stream.direction === "to" ? { ...stream, lagRecords: 3, lagMs: 2 } : stream,
  );
};

describe("explainFailover", () => {
  const unwell = { effectivePriority: 6, interfaces: [{ name: "wan", device: "eth1", up: false }] };
  const high = { priority: 120, effectivePriority: 120 };
  /** What gw2 is like, why it is not active, and whether it could take over. */
  const situations: readonly [string, Change, { preempt?: boolean }, string, boolean, RegExp][] = [
    ["lower", {}, {}, "lower", true, /^gw2 ranks lower: priority 100, gw1 has 110\.$/],
    [
      "higher without preemption",
      high,
      {},
      "preempt-off",
      true,
      /preempt is off.*"tocha switchover --to gw2"/,
    ],
    ["higher with preemption", high, { preempt: true }, "waiting", true, /preempt is on: .* well for 5s\.$/],
    [
      "that is the address owner",
      { priority: 255, effectivePriority: 255 },
      {},
      "waiting",
      true,
      /^gw2 ranks higher .* and is the address owner \(priority 255\): it asks for the role .* well for 5s\.$/,
    ],
    ["equal", { priority: 110, effectivePriority: 110 }, {}, "equal", true, /same priority 110/],
    ["with a face down", unwell, {}, "degraded", true, /priority 6 instead of 100.*\(interface wan down\)/],
    [
      "with a failing check",
      {
        effectivePriority: 60,
        checks: [failing("gateway"), { ...failing("gateway"), name: "well", state: "ok" }, failing("guests")],
      },
      ...([{}, "degraded", true, /60 instead of 100, .* \(check upstream fails: no answer\)\.$/] as const),
    ],
    [
      "that is set aside",
      {
        effectivePriority: 1,
        maintenance: { by: "ana@gw1", reason: "new disk", since: "2026-08-01T09:00:00Z" },
      },
      ...([{}, "set-aside", true, /set aside since 2026-08-01T09:00:00Z by ana@gw1 \(new disk\)/] as const),
    ],
    [
      "with an incomplete table",
      { complete: false },
      {},
      "incomplete",
      true,
      /does not hold every connection yet/,
    ],
    [
      "without any face",
      { role: "fault", effectivePriority: 0, cause: "no interface of the group is up" },
      ...([{}, "unable", false, /^gw2 cannot serve: no interface of the group is up\.$/] as const),
    ],
    [
      "that has just started",
      { role: "init", cause: "it has just started and listens" },
      ...([{}, "init", false, /^gw2 is not ready: it has just started and listens\.$/] as const),
    ],
    [
      "that was stopped",
      { role: "stopped", cause: "it was stopped" },
      ...([{}, "stopped", false, /^gw2 takes no part: it was stopped\.$/] as const),
    ],
    ["that is only heard", { reachable: false }, {}, "unreachable", true, /^gw2 does not answer/],
  ];
  for (const [name, change, policy, reason, canTakeOver, sentence] of situations) {
    it(`says why a standby ${name} is not active`, () => {
      const [other, ...more] = why(cluster({ gw2: change }), policy).others;
      assert.deepEqual(
        [other?.node, other?.reason, other?.canTakeOver, more.length],
        ["gw2", reason, canTakeOver, 0],
      );
      assert.match(other?.sentences[0] ?? "", sentence);
    });
  }

  it("says when a node that is away was last heard", () => {
    const peers = [
      {
        ...{ name: "gw2", alive: true },
        paths: [
          { name: "sync", lastHeardMs: null },
          { name: "lan", lastHeardMs: 40 },
        ],
      },
    ];
    const { others } = why(cluster({ gw1: { peers }, gw2: { reachable: false } }));
    assert.equal(others[0]?.sentences[1], "gw1 heard gw2 last 40ms ago on lan.");
    const [silent] = why(
      cluster({ gw1: { peers: [{ name: "gw2", alive: false, paths: [] }] }, gw2: { reachable: false } }),
    ).others;
    assert.equal(silent?.sentences[1], "gw1 has never heard gw2 on any path.");
    assert.deepEqual([others[0]?.canTakeOver, silent?.canTakeOver], [true, false]);
  });

  it("says who is active, since when, and by what evidence", () => {
    const gw2 = { role: "active", sinceSeconds: 61, cause: takeoverEntry().cause } as const;
    const group = why(cluster({ gw1: { role: "standby" }, gw2 }, "gw2"));
    assert.deepEqual([group.activeNode, group.historyId], ["gw2", "gw2-17"]);
    assert.deepEqual(group.sentences, [
      "gw2 has been active for 1m 1s: gw1 was silent for 313 ms on every path.",
      "When it decided, it had heard gw1 last 313.4ms before on sync, 312.6ms before on lan, never on wan.",
      "It held every connection.",
      "The first packet went through it 315.2ms after the last sign of the other.",
    ]);
  });

  it("says who held the connections that the active lacked when it took over", () => {
    const { evidence } = takeoverEntry();
    const [gw1] = evidence.peers;
    assert.ok(gw1 !== undefined);
    const gw2 = { role: "active", sinceSeconds: 61, cause: takeoverEntry().cause } as const;
    const held = (rest: Partial<HistoryEntry>, peers: typeof evidence.peers) => {
      const entry = takeoverEntry({ ...rest, evidence: { ...evidence, tableComplete: false, peers } });
      const { sentences } = why(cluster({ gw1: { role: "standby" }, gw2 }, "gw2"), { history: [entry] });
      return sentences.find((sentence) => sentence.startsWith("It did not hold"))?.replace(/^.*: /, "");
    };
    const nobody = "no other node was there that did.";
    // It may have fallen silent so little ago that it counts as alive.
    for (const alive of [true, false]) assert.equal(held({}, [{ ...gw1, alive }]), nobody);
    assert.equal(held({ kind: "resignation" }, [gw1]), "gw1 did, and gave the role up.");
    assert.equal(held({ kind: "resignation" }, [{ ...gw1, tableComplete: false }]), nobody);
    const gw3 = { ...gw1, name: "gw3", alive: true, role: "standby" as const };
    assert.equal(held({}, [gw1, gw3]), "gw3 did, and did not take over.");
    assert.equal(held({}, [gw1, { ...gw3, alive: false }]), nobody);
  });

  it("gives no evidence of an earlier time", () => {
    const later = takeoverEntry({ id: "gw1-18", node: "gw1", from: "active", to: "standby" });
    const earlier = takeoverEntry({ id: "gw1-17", node: "gw1" });
    const group = why(cluster({}), { history: [later, earlier] });
    assert.equal(group.historyId, null);
    assert.equal(group.sentences.length, 1);
  });

  it("says what happens when the active dies", () => {
    const healthy = healthyStatus().nodes[0]?.replication;
    assert.ok(healthy !== undefined);
    const { sentences, ...figures } = why(cluster({})).ifActiveDied;
    assert.deepEqual(figures, {
      ...{ node: "gw2", withinMs: 157, complete: true, connections: 102_334 },
      ...{ notProtected: 0, lagRecords: 0, lagMs: 0 },
    });
    assert.match(
      sentences.join(" "),
      /^gw2 would take over within 157ms .* 102,334 connections .* nothing is on its way\.$/,
    );

    const lagging = why(
      cluster({ gw1: { replication: { ...healthy, streams: laggingStream() } } }),
    ).ifActiveDied;
    assert.deepEqual([lagging.lagRecords, lagging.lagMs], [3, 2]);
    assert.match(lagging.sentences.join(" "), /but for 3 changes on the way, the oldest for 2ms\./);

    const gw2 = { replication: { ...healthy, notProtected: 12 } };
    assert.match(
      why(cluster({ gw2 })).ifActiveDied.sentences.join(" "),
      /refused 12 connections: they would be lost/,
    );

    const incomplete = why(cluster({ gw2: { complete: false } })).ifActiveDied;
    assert.deepEqual([incomplete.node, incomplete.complete], ["gw2", false]);
    assert.match(incomplete.sentences.join(" "), /some of the 102,334 connections .* would be lost/);

    const peers = [{ name: "gw2", alive: false, paths: [] }];
    const nobody = why(cluster({ gw1: { peers }, gw2: { reachable: false } })).ifActiveDied;
    assert.deepEqual([nobody.node, nobody.withinMs], [null, null]);
    assert.match(nobody.sentences.join(" "), /^Nobody would take over/);
  });

  it("waits for the silence of advertisements where a face carries no pulses", () => {
    const within = (gw2: Change) => why(cluster({ gw2 }), { pulsesOnAllFaces: false }).ifActiveDied.withinMs;
    // Three intervals of 100 ms, and an eighth of 50 ms.
    assert.equal(within({}), 307);
    assert.equal(within({ maintenance: { by: "ana", reason: "", since: "2026-08-01T09:00:00Z" } }), 350);
  });

  it("counts on a node that cannot be asked and that the active hears, as when the sync link alone is cut", () => {
    const status = cluster({ gw2: { reachable: false } });
    const alone = why(status).ifActiveDied;
    assert.deepEqual([alone.node, alone.withinMs, alone.complete], ["gw2", null, false]);
    assert.deepEqual(alone.sentences, [
      "gw2 cannot be asked, but gw1 hears it: it would take over, if it can serve.",
      "Which connections it holds is not known.",
    ]);
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    const peers = ["gw2", "gw3"].map((name) => ({ name, alive: true, paths: [] }));
    const three = (gw3: NodeStatus) => why({ ...status, nodes: [{ ...gw1, peers }, gw2, gw3] }).ifActiveDied;
    const both = three({ ...gw2, name: "gw3" });
    assert.equal(both.node, null);
    assert.match(both.sentences[0] ?? "", /^gw2 and gw3 cannot be asked, but gw1 hears them: one of them/);
    const [, healthy] = cluster({}).nodes;
    assert.ok(healthy !== undefined);
    const known = three({ ...healthy, name: "gw3" });
    assert.equal(known.node, "gw3");
    assert.match(
      known.sentences.at(-1) ?? "",
      /^gw2 cannot be asked, .* whoever ranks highest takes over\.$/,
    );
  });

  it("prefers the one with every connection to the one with the higher priority", () => {
    const status = cluster({});
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    const [own] = gw2.groups;
    assert.ok(own !== undefined);
    const gw3 = { ...gw2, name: "gw3", groups: [{ ...own, effectivePriority: 105, complete: false }] };
    const nodes = [gw1, gw2, gw3];
    assert.equal(why({ ...status, nodes }).ifActiveDied.node, "gw2");
    const unknown = { ...gw3, reachable: false, groups: [] };
    // Whose rank is not known may be better: then the skew of the priority counts, 156/256 of 50 ms.
    assert.equal(why({ ...status, nodes: [gw1, gw2, unknown] }).ifActiveDied.withinMs, 181);
    const whole = { ...gw3, groups: [{ ...own, effectivePriority: 105 }] };
    assert.equal(why({ ...status, nodes: [gw1, gw2, whole] }).ifActiveDied.node, "gw3");
  });

  it("breaks ties by address, as the election does", () => {
    const status = cluster({});
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    const three = { ...status, nodes: [gw1, gw2, { ...gw2, name: "gw3" }] };
    for (const best of ["gw2", "gw3"]) {
      const addresses = {
        gw2: [validIp("10.1.0.3")],
        gw3: [validIp("10.1.0.3")],
        [best]: [validIp("10.1.0.9")],
      };
      assert.equal(why(three, { addresses }).ifActiveDied.node, best);
      const both = cluster({ gw1: { effectivePriority: 100 }, gw2: { role: "active" } }, null);
      const stays = { gw1: [validIp("10.1.0.5")], gw2: addresses.gw2 };
      const name = best === "gw2" ? "gw2" : "gw1";
      assert.match(
        why(both, { addresses: stays }).sentences.join(" "),
        new RegExp(`stays \\(${name}, unless`),
      );
    }
  });

  it("counts on a node that is set aside only where nobody else has every connection", () => {
    const status = cluster({});
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    const maintenance = { by: "ana", reason: "", since: "2026-08-01T09:00:00Z" };
    const aside = { ...gw2, maintenance };
    const alone = why({ ...status, nodes: [gw1, aside] }).ifActiveDied;
    assert.deepEqual([alone.node, alone.withinMs], ["gw2", 200]);
    assert.match(alone.sentences.join(" "), /It is set aside, but no other standby has every connection\./);
    const [own] = gw2.groups;
    assert.ok(own !== undefined);
    const lacking = { ...gw2, name: "gw3", groups: [{ ...own, effectivePriority: 5, complete: false }] };
    assert.equal(why({ ...status, nodes: [gw1, aside, lacking] }).ifActiveDied.node, "gw2");
    const groups = [{ ...own, complete: false }];
    assert.equal(why({ ...status, nodes: [gw1, { ...aside, groups }, lacking] }).ifActiveDied.node, "gw3");
    const whole = { ...lacking, groups: [{ ...own, effectivePriority: 5 }] };
    assert.equal(why({ ...status, nodes: [gw1, aside, whole] }).ifActiveDied.node, "gw3");
    const still = why({ ...status, nodes: [{ ...gw1, maintenance }, gw2] });
    assert.equal(
      still.sentences.at(-1),
      "It is set aside, but nobody else who is well could serve with every connection.",
    );
  });

  it("is honest where nobody, everybody, or somebody unknown is active", () => {
    const nobody = why(cluster({ gw1: { role: "fault", cause: "no interface of the group is up" } }, null));
    assert.equal(nobody.activeNode, null);
    assert.match(
      nobody.sentences.join(" "),
      /^No node is active.*gw1: no interface of the group is up; gw2: gw1 is active/,
    );
    const both = why(cluster({ gw2: { role: "active" } }, null));
    assert.deepEqual([both.activeNode, both.others], [null, []]);
    assert.match(both.sentences.join(" "), /^gw1 and gw2 are active at the same time.* stays \(gw1, unless/);
    const heard = why(cluster({ gw1: { reachable: false, role: "unknown" } }, "gw1"));
    assert.deepEqual([heard.activeNode, heard.sinceSeconds], ["gw1", null]);
    assert.match(heard.sentences.join(" "), /^gw1 is heard to be active, but does not answer/);
  });

  it("says that an active is no node of the cluster, and that nobody holds its connections", () => {
    const cause = "the VRRP router 10.1.0.3 is active";
    const status = cluster({ gw1: { role: "standby", cause }, gw2: { complete: false, cause } }, "10.1.0.3");
    const { activeNode, sentences, others, ifActiveDied } = why(status);
    assert.equal(activeNode, "10.1.0.3");
    assert.deepEqual(sentences, [
      "No node is active, for the VRRP router 10.1.0.3, which is no node of this cluster, is active.",
      "No node holds its connections.",
    ]);
    assert.deepEqual(
      others.map((other) => other.sentences),
      [[`gw1 is standby: ${cause}.`], [`gw2 is standby: ${cause}.`]],
    );
    const { node, withinMs, complete, connections } = ifActiveDied;
    // Three intervals of 100 ms and 146/256 of one: it sends no pulses.
    assert.deepEqual([node, withinMs, complete, connections], ["gw1", 358, false, null]);
    assert.match(
      ifActiveDied.sentences.join(" "),
      /^gw1 would take over within 358ms of the router's last advertisement, .* they would be lost\.$/,
    );
    const unable = { ...status, nodes: cluster({ gw1: { role: "fault" } }).nodes.slice(0, 1) };
    assert.match(why(unable).ifActiveDied.sentences.join(" "), /^Nobody would take over/);
  });

  it("explains a survivor, and each group by itself", () => {
    const survivor = why(degradedStatus(), { history: [] });
    assert.deepEqual([survivor.activeNode, survivor.others[0]?.reason], ["gw2", "unreachable"]);
    assert.equal(survivor.ifActiveDied.node, null);
    const groups = ["campus", "guests"].map((name) => ({
      ...{
        name,
        preempt: true,
        addresses: {},
        preemptDelayMs: 0,
        intervalMs: 10,
        pulseIntervalMs: 10,
        pulsesOnAllFaces: true,
      },
    }));
    const both = explainFailover({ status: bothActiveStatus(), groups, history: [] });
    assert.deepEqual(
      both.groups.map(({ name, activeNode, ifActiveDied }) => [name, activeNode, ifActiveDied.node]),
      [
        ["campus", "gw1", "gw2"],
        ["guests", "gw2", "gw1"],
      ],
    );
  });
});
