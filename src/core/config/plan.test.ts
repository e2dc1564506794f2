import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { planSchema, untouched } from "../../contract/config-plan.ts";
import { type Edit, edited, parsed, singleChanges, wholeDocument } from "./changes.test-data.ts";
import { planChange } from "./plan.ts";
import { pairDocument, planLines, planOf } from "./plans.test-data.ts";

const main = ["groups", "main"] as const;
const gw1Active = { activeNodes: { main: "gw1" } };
const handsOver = "group main: gw1 hands over to gw2 before it starts anew";
const rule = { id: "guests", from: "10.2.0.0/24", out: "wan", to: "192.0.2.1" };

/** What is told of changes of `pairDocument`, with gw1 active. */
const told: readonly [string, readonly Edit[], readonly string[]][] = [
  ["nothing", [], []],
  [
    "a new rule at the end",
    [{ path: ["nat", "source", 2], value: rule }],
    ["gw1 and gw2: rule guests is added to source NAT after rule lab"],
  ],
  [
    "a new rule at the beginning",
    [
      {
        path: ["nat", "source"],
        value: [
          rule,
          { id: "office", from: "10.1.0.0/25", out: "wan", to: "192.0.2.1" },
          { id: "lab", from: "10.1.0.128/25", out: "wan", to: "192.0.2.5" },
        ],
      },
    ],
    ["gw1 and gw2: rule guests is added to source NAT before all others"],
  ],
  [
    "rules change places",
    [
      {
        path: ["nat", "source"],
        value: [
          { id: "lab", from: "10.1.0.128/25", out: "wan", to: "192.0.2.5" },
          { id: "office", from: "10.1.0.0/25", out: "wan", to: "192.0.2.1" },
        ],
      },
    ],
    ["gw1 and gw2: rule lab moves in source NAT: before all others"],
  ],
  [
    "a rule is removed",
    [{ path: ["nat", "source", 1] }],
    ["gw1 and gw2: rule lab is removed from source NAT"],
  ],
  [
    "a rule translates to another address",
    [{ path: ["nat", "source", 1, "to"], value: "192.0.2.1" }],
    ["gw1 and gw2: `to` of rule lab in source NAT goes from 192.0.2.5 to 192.0.2.1"],
  ],
  [
    "a rule is for one more network",
    [{ path: ["nat", "source", 1, "from"], value: ["10.1.0.128/25", "10.2.0.0/24"] }],
    ["gw1 and gw2: 10.2.0.0/24 is added to `from` of rule lab in source NAT"],
  ],
  [
    "a helper",
    [{ path: ["nat", "helpers"], value: ["ftp"] }],
    ["gw1 and gw2: new connections of ftp get a helper"],
  ],
  [
    "a virtual address is added",
    [{ path: [...main, "addresses", "wan"], value: ["192.0.2.1/24", "192.0.2.5/24", "192.0.2.9/24"] }],
    ["gw1 and gw2: virtual address 192.0.2.9/24 is added to wan", handsOver],
  ],
  [
    "a virtual address is removed that connections are translated to",
    [
      { path: [...main, "addresses", "wan"], value: ["192.0.2.1/24"] },
      { path: ["nat", "source", 1, "to"], value: "192.0.2.1" },
    ],
    [
      "gw1 and gw2: virtual address 192.0.2.5/24 is removed from wan ! connections that are translated to 192.0.2.5 end (tocha connections list --nat 192.0.2.5 shows them)",
      "gw1 and gw2: `to` of rule lab in source NAT goes from 192.0.2.5 to 192.0.2.1",
      handsOver,
    ],
  ],
  [
    "a virtual address is replaced that hosts have as their router",
    [{ path: [...main, "addresses", "lan"], value: ["10.1.0.254/24"] }],
    [
      "gw1 and gw2: virtual address 10.1.0.1/24 is removed from lan ! connections of hosts that have 10.1.0.1 as their router stand still until they have another",
      "gw1 and gw2: virtual address 10.1.0.254/24 is added to lan",
      handsOver,
    ],
  ],
  [
    "all virtual addresses of an interface are removed",
    [{ path: [...main, "addresses", "lan"] }],
    [
      "gw1 and gw2: virtual address 10.1.0.1/24 is removed from lan ! connections of hosts that have 10.1.0.1 as their router stand still until they have another",
      handsOver,
    ],
  ],
  [
    "virtual addresses in another order",
    [{ path: [...main, "addresses", "wan"], value: ["192.0.2.5/24", "192.0.2.1/24"] }],
    ["gw1 and gw2: the virtual addresses of wan have another order", handsOver],
  ],
  [
    "another node comes first, and preempt is off",
    [{ path: [...main, "priorities", "gw2"], value: 150 }],
    [
      "gw1 and gw2: priority of gw2 in group main goes from 100 to 150: gw2 comes first now, but as preempt is off it does not take over for that",
      handsOver,
    ],
  ],
  [
    "a priority that changes nothing",
    [{ path: [...main, "priorities", "gw2"], value: 90 }],
    ["gw1 and gw2: priority of gw2 in group main goes from 100 to 90", handsOver],
  ],
  [
    "the first node comes first all the more",
    [{ path: [...main, "priorities", "gw1"], value: 120 }],
    ["gw1 and gw2: priority of gw1 in group main goes from 110 to 120", handsOver],
  ],
  [
    "preempt",
    [{ path: [...main, "preempt"], value: true }],
    [
      "gw1 and gw2: preempt of group main is turned on: gw1 is active whenever it can",
      `${handsOver}, and gw1 takes over again, as preempt is on`,
    ],
  ],
  [
    "the interval, and the pulses with it",
    [{ path: [...main, "interval"], value: "1s" }],
    ["gw1 and gw2: interval of group main goes from 100ms to 1s", handsOver],
  ],
  [
    "the router number",
    [{ path: [...main, "virtualRouterId"], value: 52 }],
    [
      "gw1 and gw2: virtualRouterId of group main goes from 51 to 52",
      handsOver,
      "warning plan-other-routers: other routers know group main as VRID 51, version 3, and no longer take part",
    ],
  ],
  [
    "accept mode",
    [{ path: [...main, "acceptMode"], value: false }],
    [
      "gw1 and gw2: acceptMode of group main is turned off ! connections to the nodes themselves by these virtual addresses end; what is forwarded goes on",
    ],
  ],
  [
    "unicast peers",
    [{ path: [...main, "unicastPeers"], value: { wan: ["192.0.2.2", "192.0.2.3"] } }],
    [
      "gw1 and gw2: group main speaks VRRP to single routers on wan, instead of the multicast group",
      handsOver,
    ],
  ],
  [
    "a check",
    [{ path: [...main, "checks"], value: { link: { kind: "interface", interface: "wan", veto: true } } }],
    ["gw1 and gw2: check link is added to group main"],
  ],
  [
    "a device",
    [{ path: ["nodes", "gw2", "interfaces", "lan", "device"], value: "eth9" }],
    [
      "gw2: the device of lan on gw2 goes from eth0 to eth9",
      "warning plan-own-addresses: gw2 must have 10.1.0.3/24 on eth9 before: tocha sets no own addresses of nodes",
    ],
  ],
  [
    "an own address",
    [{ path: ["nodes", "gw2", "interfaces", "lan", "addresses"], value: ["10.1.0.4/24"] }],
    [
      "gw1 and gw2: own address 10.1.0.3/24 is removed from lan of gw2",
      "gw1 and gw2: own address 10.1.0.4/24 is added to lan of gw2",
      handsOver,
      "warning plan-own-addresses: gw2 must have 10.1.0.4/24 on eth0 before: tocha sets no own addresses of nodes",
    ],
  ],
  [
    "a new node",
    [
      {
        path: ["nodes", "gw3"],
        value: {
          interfaces: {
            lan: { device: "eth0", addresses: ["10.1.0.4/24"] },
            wan: { device: "eth1", addresses: ["192.0.2.4/24"] },
            sync: { device: "eth2", addresses: ["10.255.0.3/24"] },
          },
        },
      },
      { path: [...main, "priorities", "gw3"], value: 90 },
    ],
    ["gw1, gw2 and gw3: gw3 joins the cluster, with priority 90 in group main", handsOver],
  ],
  [
    "a node that goes",
    [{ path: ["nodes", "gw2"] }, { path: [...main, "priorities", "gw2"] }],
    [
      "gw1 and gw2: gw2 leaves the cluster",
      "group main: no other node can serve meanwhile: gw1 gives up the addresses for about a second; no connection ends",
      "warning plan-revoke-keys: gw2 leaves, and keeps a certificate of the cluster and the key of its pulses: stop tocha there, then have them refused",
    ],
  ],
  [
    "metrics",
    [{ path: ["metrics"], value: { interface: "lan" } }],
    ["gw1 and gw2: metrics are offered on lan, port 9845"],
  ],
  [
    "an arbiter",
    [{ path: ["arbiter"], value: { endpoints: ["https://10.1.0.9:2379"], caFile: "ca.crt" } }],
    ["gw1 and gw2: an arbiter is added: of two nodes that do not hear each other, one gives way", handsOver],
  ],
  [
    "what is mirrored",
    [{ path: ["replication", "shortExchanges"], value: true }],
    ["gw1 and gw2: replication.shortExchanges is turned on"],
  ],
  [
    "the interface between the nodes",
    [{ path: ["replication", "interface"], value: "lan" }, { path: [...main, "addresses", "lan"] }],
    [
      "gw1 and gw2: virtual address 10.1.0.1/24 is removed from lan ! connections of hosts that have 10.1.0.1 as their router stand still until they have another",
      "gw1 and gw2: the interface between the nodes goes from sync to lan",
      handsOver,
      "warning plan-streams-pause: where the nodes speak to each other changes: until all nodes have it, new connections are not mirrored",
    ],
  ],
  [
    "the folder of the keys",
    [{ path: ["keys"], value: { directory: "/srv/keys" } }],
    [
      "gw1 and gw2: the folder of the keys goes from /etc/tocha/keys to /srv/keys",
      handsOver,
      "warning plan-keys-move: every node must have its keys in /srv/keys before, of the same authority and with the same cluster.key",
    ],
  ],
];

describe("planChange, in sentences", () => {
  for (const [name, edits, expected] of told)
    it(name, () => assert.deepEqual(planLines(planOf(pairDocument, edits, gw1Active)), expected));
});

describe("planChange", () => {
  it("sums up", () => {
    const summary = (...edits: Edit[]) => planOf(pairDocument, edits, gw1Active).summary;
    assert.equal(summary(), "nothing to do");
    assert.equal(summary({ path: ["nat", "source", 1] }), "1 change on 2 nodes; no connection is touched");
    assert.equal(
      summary(
        { path: ["nat", "source", 1, "to"], value: "192.0.2.1" },
        { path: [...main, "addresses", "wan"], value: ["192.0.2.1/24"] },
      ),
      "2 changes on 2 nodes; connections are touched; the role moves in main",
    );
    assert.equal(
      summary({ path: ["nodes", "gw1", "interfaces", "sync", "device"], value: "eth9" }),
      "1 change on 1 node; no connection is touched; the role moves in main",
    );
  });

  it("tells which processes start anew, and what becomes of the role", () => {
    const { nodes } = planOf(pairDocument, [
      { path: ["nat", "source", 1] },
      { path: [...main, "priorities", "gw2"], value: 150 },
      { path: [...main, "preempt"], value: true },
    ]);
    assert.deepEqual(
      nodes.map(({ node, restarts }) => [node, restarts]),
      [
        ["gw1", ["control", "failover"]],
        ["gw2", ["control", "failover"]],
      ],
    );
    assert.deepEqual(
      nodes[0]?.steps.map(({ part, path, role }) => [part, path, role]),
      [
        ["failover", "groups.main.preempt", "gw2 takes over"],
        ["failover", "groups.main.priorities.gw2", "gw2 takes over"],
        ["rules", "nat.source.lab", "untouched"],
      ],
    );
  });

  it("has everything added by the first document, and nothing handed over", () => {
    const document = { name: "new.yaml", text: pairDocument, document: parsed(pairDocument) };
    const plan = planChange({ before: undefined, after: document });
    assert.equal(plan.summary, "the first document: 2 nodes get all of it");
    assert.equal(plan.revisionBefore, null);
    assert.deepEqual(planLines(plan), [
      "gw1 and gw2: gw1 is a node, with priority 110 in group main",
      "gw1 and gw2: gw2 is a node, with priority 100 in group main",
      "gw1 and gw2: group main is added, with 10.1.0.1/24 on lan; 192.0.2.1/24 and 192.0.2.5/24 on wan",
      "gw1 and gw2: rule office is added to source NAT before all others",
      "gw1 and gw2: rule lab is added to source NAT after rule office",
    ]);
    assert.deepEqual(plan.nodes[0]?.restarts, []);
    assert.match(
      plan.difference,
      /^--- \/dev\/null\n\+\+\+ new.yaml\n@@ -0,0 \+1,\d+ @@\n\+cluster: campus\n/,
    );
  });

  it("has nothing to do where only the text differs, and shows that it does", () => {
    const text = pairDocument.replace("cluster: campus", "# our campus\ncluster: campus");
    const plan = planChange({
      before: { name: "old.yaml", text: pairDocument, document: parsed(pairDocument) },
      after: { name: "new.yaml", text, document: parsed(text) },
    });
    assert.equal(plan.summary, "nothing to do");
    assert.equal(plan.revisionBefore, plan.revision);
    assert.match(plan.difference, /\n\+# our campus\n/);
  });

  it("says nothing of a change of any one key that is not there, and something of each that is", () => {
    for (const edit of singleChanges) {
      const name = edit.path.join(".");
      const plan = planOf(wholeDocument, [edit]);
      assert.ok(plan.changes > 0, name);
      assert.ok(plan.nodes.length > 0, name);
      for (const { steps } of plan.nodes) {
        assert.ok(steps.length > 0, name);
        for (const { sentence } of steps) assert.doesNotMatch(sentence, /undefined|\[object|NaN|Ms\b/, name);
      }
      assert.deepEqual(planSchema.parse(plan), plan);
    }
  });

  it("of any document and itself is empty; of two different ones it is not, and its nodes are theirs", () => {
    const texts = fc
      .subarray([...singleChanges.keys()], { maxLength: 4 })
      .map((places) => places.flatMap((place) => singleChanges[place] ?? []))
      .map((edits) => edited(wholeDocument, ...edits))
      .filter((text) => isValid(text));
    fc.assert(
      fc.property(texts, texts, (old, now) => {
        const [before, after] = [old, now].map((text) => ({ name: "f", text, document: parsed(text) }));
        assert.ok(before !== undefined && after !== undefined);
        const same = planChange({ before, after: before });
        assert.deepEqual([same.changes, same.nodes, same.groups, same.warnings], [0, [], [], []]);
        const plan = planChange({ before, after });
        assert.equal(plan.changes > 0, plan.revision !== plan.revisionBefore);
        // The way back is a change of as many things, unless a value only follows another one.
        assert.equal(planChange({ before: after, after: before }).changes > 0, plan.changes > 0);
        for (const { steps } of plan.nodes)
          for (const { connections } of steps)
            assert.equal(connections === untouched || connections.length > 20, true);
      }),
      { numRuns: 60 },
    );
  });
});

function isValid(text: string): boolean {
  try {
    parsed(text);
    return true;
  } catch {
    return false;
  }
}
