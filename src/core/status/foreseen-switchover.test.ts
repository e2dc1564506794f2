import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { healthyStatus } from "../../contract/status.test-data.ts";
import { type ActiveView, foreseeSwitchover } from "./foreseen-switchover.ts";

type PeerChange = Partial<ActiveView["peers"][number]>;

const peer = (name: string, rest: PeerChange = {}) => ({
  ...({ name, alive: true, role: "standby", priority: 100, tableComplete: true } as const),
  ...rest,
});

function foresee({
  peers = [peer("gw2")],
  to,
  view = {},
}: {
  readonly peers?: ActiveView["peers"];
  readonly to?: string;
  readonly view?: Partial<ActiveView>;
}) {
  const active = { role: "active", activeNode: "gw1", draining: false, peers, ...view };
  return foreseeSwitchover(active, { node: "gw1", group: "gateway", to }, healthyStatus().nodes);
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

  const refusals: readonly [string, Parameters<typeof foresee>[0], string][] = [
    ["this node is not active", { view: { role: "standby", activeNode: "gw2" } }, "switchover-not-active"],
    ["a handover is running", { view: { draining: true } }, "switchover-running"],
    ["nobody is there", { peers: [] }, "switchover-no-standby"],
    ["the standby is dead", { peers: [peer("gw2", { alive: false })] }, "switchover-no-standby"],
    ["it has just started", { peers: [peer("gw2", { role: "init" })] }, "switchover-no-standby"],
    ["it lacks connections", { peers: [peer("gw2", { tableComplete: false })] }, "switchover-no-standby"],
    ["it cannot serve", { peers: [peer("gw2", { priority: 0 })] }, "switchover-no-standby"],
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
});
