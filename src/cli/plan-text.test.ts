import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../contract/config-plan.ts";
import { pairDocument, planOf } from "../core/config/plans.test-data.ts";
import { differenceText, planText } from "./plan-text.ts";
import { plainPaper } from "./terminal.ts";

/** Colours as letters. */
const marked = { ...plainPaper, paint: (style: string, text: string) => `<${style}>${text}</>` };

function plan(...edits: Parameters<typeof planOf>[1]): Plan {
  return planOf(pairDocument, edits, { activeNodes: { main: "gw1" } });
}

describe("planText", () => {
  it("is the verdict alone where there is nothing to do", () => {
    assert.equal(planText(plan(), plainPaper), "nothing to do\n");
  });

  it("tells of nodes that do the same together, then of roles and warnings", () => {
    const text = planText(
      plan(
        {
          path: ["nat", "source", 2],
          value: { id: "guests", from: "10.2.0.0/24", out: "wan", to: "192.0.2.1" },
        },
        { path: ["groups", "main", "addresses", "lan"], value: ["10.1.0.254/24"] },
        { path: ["groups", "main", "virtualRouterId"], value: 60 },
        { path: ["nodes", "gw2", "interfaces", "lan", "device"], value: "eth9" },
      ),
      plainPaper,
    );
    assert.equal(
      text,
      `5 changes on 2 nodes; connections are touched; the role moves in main

gw1
  failover           virtualRouterId of group main goes from 51 to 60
  virtual addresses  virtual address 10.1.0.1/24 is removed from lan
                     ! connections of hosts that have 10.1.0.1 as their router
                     stand still until they have another
                     virtual address 10.1.0.254/24 is added to lan
  rules              rule guests is added to source NAT after rule lab
  -> control, failover and replication start anew

gw2
  failover           the device of lan on gw2 goes from eth0 to eth9
                     virtualRouterId of group main goes from 51 to 60
  virtual addresses  virtual address 10.1.0.1/24 is removed from lan
                     ! connections of hosts that have 10.1.0.1 as their router
                     stand still until they have another
                     virtual address 10.1.0.254/24 is added to lan
  rules              rule guests is added to source NAT after rule lab
  -> control, failover and replication start anew

roles
  group main: gw1 hands over to gw2 before it starts anew

warning: gw2 must have 10.1.0.3/24 on eth9 before: tocha sets no own addresses of nodes [plan-own-addresses]
  -> On gw2: ip -brief address show dev eth9

warning: other routers know group main as VRID 51, version 3, and no longer take part [plan-other-routers]
  -> If there are any, such as keepalived, change them to VRID 60, version 3 too.
`,
    );
  });

  it("puts nodes that do the same into one paragraph, and says that they take turns", () => {
    const text = planText(plan({ path: ["groups", "main", "preemptDelay"], value: "1m" }), plainPaper);
    assert.match(text, /\n\ngw1, gw2\n {2}failover {2}preemptDelay of group main goes from 5s to 1m\n/);
    assert.match(text, /\n {2}-> control and failover start anew, one node after the other\n/);
    assert.doesNotMatch(planText(plan({ path: ["nat", "source", 1] }), plainPaper), /start anew/);
  });

  it("shows the first of many steps, and how many there are more", () => {
    const source = Array.from({ length: 60 }, (_, index) => ({
      ...{ id: `r${index}`, from: `10.3.${index}.0/24`, out: "wan", to: "192.0.2.1" },
    }));
    const text = planText(plan({ path: ["nat", "source"], value: source }), plainPaper);
    assert.match(text, /^62 changes on 2 nodes; no connection is touched\n/);
    // Two that are gone, and the first of sixty new ones.
    assert.match(
      text,
      /\n {9}rule r37 is added to source NAT after rule r36\n {2}and 22 more steps: -o json shows all\n$/,
    );
  });

  it("tells of long lists in one sentence", () => {
    const from = Array.from({ length: 20 }, (_, index) => `10.3.${index}.0/24`);
    const { changes, nodes } = plan({ path: ["nat", "source", 0, "from"], value: from });
    assert.equal(changes, 1);
    assert.deepEqual(
      nodes[0]?.steps.map(({ path, sentence }) => [path, sentence]),
      [["nat.source.office.from", "nat.source.office.from: 20 added, 1 removed"]],
    );
  });

  it("paints what is refused red, and connections that are touched yellow", () => {
    const gone = plan({ path: ["nodes", "gw1"] }, { path: ["groups", "main", "priorities", "gw1"] });
    assert.match(planText(gone, marked), /^<red>.*; refused<\/>\n/);
    assert.match(planText(gone, marked), /<red>error:<\/> gw1 would be removed while it is active for main/);
    const cut = plan({ path: ["groups", "main", "acceptMode"], value: false });
    assert.match(planText(cut, marked), /<yellow>! connections to the nodes themselves/);
    assert.match(planText(plan(), marked), /^<green>/);
  });
});

describe("differenceText", () => {
  it("has colours by what a line is", () => {
    assert.equal(
      differenceText("--- a\n+++ b\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n", marked),
      "<bold>--- a</>\n<bold>+++ b</>\n<cyan>@@ -1,2 +1,2 @@</>\n x\n<red>-y</>\n<green>+z</>\n",
    );
  });
});
