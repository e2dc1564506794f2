import assert from "node:assert/strict";
import { it } from "node:test";
import { type EvidenceView, transitionEvidence } from "./transition-evidence.ts";

it("evidence is what the node held true, each value in its place", () => {
  const path = { pulses: true, alive: true, heardByPeer: true };
  const view: EvidenceView = {
    ...{ priority: 110, effectivePriority: 90, gatewayReady: false, tableComplete: true },
    faces: [
      { name: "lan", up: false },
      { name: "wan", up: true },
    ],
    peers: [
      {
        ...{ name: "gw2", alive: true, role: "standby", priority: 100, tableComplete: false },
        ...{ watermark: 7, revision: "abc" },
        paths: [
          { ...path, name: "sync", lastHeardMs: 988.0004 },
          { ...path, name: "lan", lastHeardMs: undefined },
        ],
      },
      {
        ...{ name: "gw3", alive: false, role: undefined, priority: undefined, tableComplete: true },
        ...{ watermark: 0, revision: undefined, paths: [] },
      },
    ],
  };
  assert.deepEqual(transitionEvidence(view, 1_000, 0.12349), {
    ...{ priority: 110, effectivePriority: 90, gatewayReady: false, tableComplete: true, lateMs: 0.123 },
    interfaces: [
      { name: "lan", up: false },
      { name: "wan", up: true },
    ],
    peers: [
      {
        ...{ name: "gw2", alive: true, role: "standby", priority: 100, tableComplete: false },
        paths: [
          { name: "sync", silentMs: 12 },
          { name: "lan", silentMs: null },
        ],
      },
      { name: "gw3", alive: false, role: null, priority: null, tableComplete: true, paths: [] },
    ],
  });
  assert.equal(
    transitionEvidence(view, 1_000, -0.5).lateMs,
    0,
    "it may be early, and is never less than in time",
  );
});
