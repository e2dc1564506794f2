import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readDocument } from "../../contract/read-document.ts";
import type { Edit } from "./changes.test-data.ts";
import { planChange } from "./plan.ts";
import { pairDocument, planOf } from "./plans.test-data.ts";

const main = ["groups", "main"] as const;
const own = (node: string, name: string, key = "addresses") =>
  ["nodes", node, "interfaces", name, key] as const;
const otherSync: readonly Edit[] = [
  { path: own("gw1", "sync"), value: ["10.254.0.1/24"] },
  { path: own("gw2", "sync"), value: ["10.254.0.2/24"] },
];
/** Two groups, so that addresses can move. */
const twoGroups = pairDocument.replace(
  "groups:\n",
  "groups:\n  second:\n    virtualRouterId: 52\n    priorities: { gw1: 1, gw2: 2 }\n    addresses: { wan: [192.0.2.9/24] }\n",
);
const moved: readonly Edit[] = [
  { path: [...main, "addresses", "wan"], value: ["192.0.2.1/24", "192.0.2.5/24", "192.0.2.9/24"] },
  { path: ["groups", "second", "addresses", "wan"], value: ["192.0.2.10/24"] },
];

function codes(
  edits: readonly Edit[],
  known: Parameters<typeof planOf>[2] = {},
  text = pairDocument,
): { readonly refused: string[]; readonly warned: string[] } {
  const { refusals, warnings } = planOf(text, edits, known);
  for (const { hint = "" } of [...refusals, ...warnings]) assert.notEqual(hint, "");
  return { refused: refusals.map(({ code }) => code), warned: warnings.map(({ code }) => code) };
}

describe("planHazards refuses", () => {
  it("to move all nodes away at once from where they speak to each other; one alone may move", () => {
    assert.deepEqual(codes(otherSync).refused, ["plan-cuts-sync"]);
    assert.deepEqual(codes([{ path: own("gw2", "sync"), value: ["10.255.0.9/24"] }]), {
      refused: [],
      warned: ["plan-streams-pause", "plan-own-addresses"],
    });
    // A further address that is not the first takes nothing away.
    assert.deepEqual(
      codes([
        { path: own("gw1", "sync"), value: ["10.255.0.1/24", "10.254.0.1/24"] },
        { path: own("gw2", "sync"), value: ["10.255.0.2/24", "10.254.0.2/24"] },
      ]).refused,
      [],
    );
  });

  it("to remove a node that is active, and no other", () => {
    const gone: readonly Edit[] = [{ path: ["nodes", "gw1"] }, { path: [...main, "priorities", "gw1"] }];
    const { refusals } = planOf(pairDocument, gone, { activeNodes: { main: "gw1" } });
    assert.deepEqual(
      refusals.map(({ code, message, hint }) => [code, message, hint]),
      [
        [
          "plan-removes-active",
          "gw1 would be removed while it is active for main",
          'Hand over first: tocha node standby gw1 --reason "leaves the cluster".',
        ],
      ],
    );
    assert.deepEqual(codes(gone, { activeNodes: { main: "gw2" } }).refused, []);
    assert.deepEqual(codes(gone, { activeNodes: { main: null } }).refused, []);
  });

  it("to replace all nodes", () => {
    const gw9 = {
      interfaces: {
        lan: { device: "eth0", addresses: ["10.1.0.9/24"] },
        wan: { device: "eth1", addresses: ["192.0.2.99/24"] },
        sync: { device: "eth2", addresses: ["10.255.0.9/24"] },
      },
    };
    const edits = [
      { path: ["nodes"], value: { gw9 } },
      { path: [...main, "priorities"], value: { gw9: 1 } },
    ];
    assert.deepEqual(codes(edits).refused, ["plan-removes-active"]);
  });

  it("to let nodes of the old and the new document hear nothing of each other", () => {
    const newId: Edit = { path: [...main, "virtualRouterId"], value: 60 };
    const unicast: Edit = { path: [...main, "unicastPeers"], value: { wan: ["192.0.2.2", "192.0.2.3"] } };
    // By pulses, or by VRRP.
    assert.deepEqual(codes([newId]).refused, []);
    assert.deepEqual(codes([{ path: ["pulses"], value: { port: 7_900 } }]).refused, []);
    assert.deepEqual(codes([{ path: ["cluster"], value: "other" }]).refused, []);
    assert.deepEqual(codes([{ path: ["keys"], value: { directory: "/srv" } }]).refused, []);
    // VRRP is still multicast on the LAN.
    assert.deepEqual(codes([unicast, { path: ["cluster"], value: "other" }]).refused, []);
    // By neither.
    const unicastOnly: Edit = {
      path: [...main, "unicastPeers"],
      value: { wan: ["192.0.2.2", "192.0.2.3"], lan: ["10.1.0.2", "10.1.0.3"] },
    };
    assert.deepEqual(codes([unicastOnly, { path: ["cluster"], value: "other" }]).refused, [
      "plan-nodes-deaf",
    ]);
    for (const noPulses of [
      { path: ["pulses"], value: { port: 7_900 } },
      { path: ["cluster"], value: "other" },
      { path: ["keys"], value: { directory: "/srv" } },
    ])
      assert.deepEqual(codes([newId, noPulses]).refused, ["plan-nodes-deaf"]);
    const version: Edit = { path: [...main, "version"], value: 2 };
    const second: Edit = { path: [...main, "interval"], value: "1s" };
    assert.deepEqual(codes([version, second, { path: ["cluster"], value: "other" }]).refused, [
      "plan-nodes-deaf",
    ]);
  });

  it("pulses that take another path than before, where one stays", () => {
    const newId: Edit = { path: [...main, "virtualRouterId"], value: 60 };
    const faces: readonly Edit[] = [
      { path: own("gw1", "lan"), value: ["10.1.0.12/24"] },
      { path: own("gw2", "wan"), value: ["192.0.2.13/24"] },
    ];
    assert.deepEqual(codes([newId, ...faces]).refused, []);
    assert.deepEqual(codes([newId, ...faces, ...otherSync]).refused, ["plan-cuts-sync", "plan-nodes-deaf"]);
  });
});

describe("planHazards warns", () => {
  it("of nothing, where nothing is", () => {
    assert.deepEqual(codes([{ path: ["nat", "source", 1] }]), { refused: [], warned: [] });
  });

  it("of what is new in the document itself, and not of what was so before", () => {
    const rules = (...ids: string[]) =>
      ids.map((id) => `      - { id: ${id}, in: lan, action: drop }\n`).join("");
    const [one, two, three] = [["a"], ["a", "b"], ["a", "b", "c"]].map((ids) => {
      const text = `${pairDocument}firewall:\n  forward:\n    rules:\n${rules(...ids)}`;
      const { document, notices } = readDocument(text, "cluster.yaml");
      assert.ok(document);
      return { name: "cluster.yaml", text, document, notices };
    });
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    const told = (before: typeof one | undefined, after: typeof one) =>
      planChange({ before, after }).warnings.map(({ code, path }) => `${code} ${path}`);
    assert.deepEqual(told(one, two), ["rule-never-matches firewall.forward.rules[1].id"]);
    assert.deepEqual(told(two, three), ["rule-never-matches firewall.forward.rules[2].id"]);
    assert.deepEqual(told(three, one), []);
    assert.deepEqual(told(undefined, two), ["rule-never-matches firewall.forward.rules[1].id"]);
  });

  it("of a caller whose network goes away", () => {
    const renumbered: readonly Edit[] = [
      { path: own("gw1", "lan"), value: ["10.8.0.2/24"] },
      { path: own("gw2", "lan"), value: ["10.8.0.3/24"] },
      { path: [...main, "addresses", "lan"], value: ["10.8.0.1/24"] },
    ];
    const cut = "plan-cuts-caller";
    assert.ok(codes(renumbered, { caller: { by: "ssh", address: "10.1.0.77" } }).warned.includes(cut));
    assert.ok(!codes(renumbered, { caller: { by: "ssh", address: "10.255.0.77" } }).warned.includes(cut));
    // From further away nothing is known.
    assert.ok(!codes(renumbered, { caller: { by: "ssh", address: "198.51.100.7" } }).warned.includes(cut));
    assert.ok(!codes(renumbered).warned.includes(cut));
  });

  it("of connections that are not mirrored meanwhile", () => {
    const pause = (...edits: Edit[]) =>
      planOf(pairDocument, edits).warnings.flatMap(({ code, message }) =>
        code === "plan-streams-pause" ? [message] : [],
      );
    const rest = "until all nodes have it, new connections are not mirrored";
    assert.deepEqual(pause({ path: ["cluster"], value: "other" }), [`the cluster's name changes: ${rest}`]);
    assert.deepEqual(pause({ path: ["replication", "port"], value: 7_900 }), [
      `the port of replication changes: ${rest}`,
    ]);
    assert.deepEqual(
      pause({
        path: ["groups", "second"],
        value: { virtualRouterId: 9, priorities: { gw1: 1, gw2: 2 }, addresses: { wan: ["192.0.2.9/24"] } },
      }),
      [`the failover groups change: ${rest}`],
    );
    assert.deepEqual(pause({ path: ["replication", "refresh"], value: "20s" }), []);
  });

  it("of the keys of a node that leaves, with the commands that take them from it", () => {
    const gone: readonly Edit[] = [{ path: ["nodes", "gw2"] }, { path: [...main, "priorities", "gw2"] }];
    const warned = planOf(pairDocument, gone).warnings.filter(({ code }) => code === "plan-revoke-keys");
    assert.deepEqual(warned, [
      {
        code: "plan-revoke-keys",
        message:
          "gw2 leaves, and keeps a certificate of the cluster and the key of its pulses: stop tocha there, then have them refused",
        hint: "Where ca.key is, once the change is confirmed: tocha keys revoke gw2, then tocha keys rotate --cluster-key.",
        path: "nodes.gw2",
      },
    ]);
  });

  it("of a virtual address that two nodes may have for a moment", () => {
    const known = (main: string, second: string) => ({ activeNodes: { main, second } });
    assert.deepEqual(codes(moved, {}, twoGroups).warned, ["plan-address-moves"]);
    assert.deepEqual(codes(moved, known("gw1", "gw2"), twoGroups).warned, ["plan-address-moves"]);
    assert.deepEqual(codes(moved, known("gw1", "gw1"), twoGroups).warned, []);
  });

  it("but an address that only moves ends no connection", () => {
    const steps = planOf(twoGroups, moved).nodes.flatMap((node) => node.steps);
    const removed = steps.filter(({ sentence }) => sentence.includes("192.0.2.9/24 is removed"));
    assert.deepEqual(
      removed.map(({ connections }) => connections),
      ["untouched", "untouched"],
    );
  });
});
