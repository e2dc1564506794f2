import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { affectedPartNames, affectedParts } from "./affected-parts.ts";
import { changed, type Edit, parsed, singleChanges, wholeDocument } from "./changes.test-data.ts";

const before = parsed(wholeDocument);

/** The parts of gw1 and of gw2; the latter only where it differs. */
function parts(...edits: readonly Edit[]): string {
  const after = changed(...edits);
  const [first, second] = ["gw1", "gw2"].map((node) => [...affectedParts(before, after, node)].join(" "));
  return first === second ? (first ?? "") : `gw1: ${first}; gw2: ${second}`;
}

describe("affectedParts", () => {
  it("is empty for the same document, whatever the order of its maps", () => {
    const { groups, nodes, ...rest } = before;
    const turned = {
      nodes: Object.fromEntries(Object.entries(nodes).reverse()),
      groups: Object.fromEntries(Object.entries(groups).reverse()),
      ...rest,
    };
    assert.deepEqual([...affectedParts(before, turned, "gw1")], []);
  });

  it("is everything for the first document, and for a node that joins or leaves", () => {
    assert.deepEqual([...affectedParts(undefined, before, "gw1")], affectedPartNames);
    const { gw1 } = before.nodes;
    assert.ok(gw1);
    const alone = { ...before, nodes: { gw1 } };
    assert.deepEqual([...affectedParts(before, alone, "gw2")], affectedPartNames);
    assert.deepEqual([...affectedParts(alone, before, "gw2")], affectedPartNames);
    assert.deepEqual(
      [...affectedParts(alone, before, "gw1")].filter((part) => part === "failover" || part === "replicator"),
      ["replicator", "failover"],
    );
  });

  const rows: readonly [string, readonly Edit[], string][] = [
    ["a source translation", [{ path: ["nat", "source", 0, "to"], value: "192.0.2.5" }], "rules"],
    ["accept mode", [{ path: ["groups", "main", "acceptMode"], value: false }], "rules"],
    ["another helper", [{ path: ["nat", "helpers"], value: ["ftp", "sip"] }], "rules"],
    ["the last helper", [{ path: ["nat", "helpers"], value: [] }], "rules replicator"],
    [
      "a virtual address",
      [{ path: ["groups", "second", "addresses", "wan"], value: ["192.0.2.5/24", "192.0.2.9/24"] }],
      "rules control replicator failover supervisor",
    ],
    [
      "an interface that had none",
      [{ path: ["groups", "main", "addresses", "mgmt"], value: ["10.9.0.1/24"] }],
      "rules sysctls control replicator failover supervisor",
    ],
    [
      "priorities",
      [{ path: ["groups", "main", "priorities"], value: { gw1: 1, gw2: 2 } }],
      "control failover",
    ],
    ["a check", [{ path: ["groups", "main", "checks", "disk", "weight"], value: 7 }], "control"],
    [
      "a device of one node",
      [{ path: ["nodes", "gw1", "interfaces", "lan", "device"], value: "eth9" }],
      "gw1: rules sysctls routes control failover supervisor; gw2: ",
    ],
    [
      "an own address, by which the other node knows a peer",
      [
        {
          path: ["nodes", "gw1", "interfaces", "wan", "addresses"],
          value: ["192.0.2.2/24", "192.0.2.7/24", "2001:db8::2/64"],
        },
      ],
      "gw1: control replicator failover; gw2: replicator failover",
    ],
    [
      "an address between the nodes",
      [{ path: ["nodes", "gw2", "interfaces", "sync", "addresses"], value: ["10.255.0.3/24"] }],
      "rules control replicator failover",
    ],
    [
      "an address that only metrics and the API use",
      [{ path: ["nodes", "gw2", "interfaces", "mgmt", "addresses"], value: ["10.9.0.7/24"] }],
      "gw1: ; gw2: control api",
    ],
    ["the refresh", [{ path: ["replication", "refresh"], value: "30s" }], "replicator"],
    ["the port of pulses", [{ path: ["pulses", "port"], value: 7_850 }], "rules failover"],
    ["the arbiter's lease", [{ path: ["arbiter", "leaseTtl"], value: "9s" }], "control"],
    ["no arbiter", [{ path: ["arbiter"] }], "control failover"],
    // The firewall lets those in who ask for metrics.
    ["metrics", [{ path: ["metrics", "port"], value: 9_999 }], "rules control"],
    ["a route", [{ path: ["routes", 0, "via"], value: "10.1.0.8" }], "gw1: routes; gw2: "],
    ["a file of a set", [{ path: ["sets", "listed", "file"], value: "other.txt" }], "rules"],
    ["a rule of the firewall", [{ path: ["firewall", "input", "rules", 0, "limit"], value: "7/s" }], "rules"],
    ["a timeout", [{ path: ["timeouts", "udp"], value: "7m" }], "sysctls"],
    ["how much is logged", [{ path: ["logging", "level"], value: "debug" }], "supervisor"],
    ["keys", [{ path: ["keys", "directory"], value: "/srv/keys" }], "control replicator failover keys api"],
  ];
  for (const [name, edits, expected] of rows) it(name, () => assert.equal(parts(...edits), expected));

  it("sees every change of any one key, save what no running part reads", () => {
    const unread = singleChanges.filter((edit) => parts(edit) === "").map(({ path }) => path.join("."));
    // Who may come in, which control looks up at each request; a route's interface where its router says it too; where the history is sent, which is read when there is something to send; a
    // further address beside the one that the nodes speak by.
    assert.deepEqual(unread.sort(), [
      "history.remote",
      "nodes.gw2.interfaces.sync.addresses",
      "routes.0.interface",
      "users",
      "users.ben",
      "users.ben.role",
      "users.cid",
    ]);
  });
});
