import { validIp } from "../../base/ip.ts";
import { Election } from "./election.ts";
import type { ElectionSettings } from "./election-types.ts";

/** After about eight calls V8 remembers in a function what it met there, and finds it again without a search. */
const PLAYS = 12;
/** Far more than one play takes. */
const TURNS_MAX = 1_000;
/** Nobody is connected to it: names and addresses (RFC 5737) only have to be there. */
const stage: ElectionSettings = {
  ...{ node: "gw1", group: "gateway", virtualRouterId: 51, priority: 110, revision: "" },
  ...{ intervalMs: 10, pulseIntervalMs: 10, preempt: false, preemptDelayMs: 0 },
  faces: [
    { name: "lan", families: [4, 6], addresses: [validIp("192.0.2.1")] },
    { name: "wan", families: [4, 6], addresses: [validIp("198.51.100.1")] },
  ],
  peers: [{ name: "gw2", priority: 100, addresses: [validIp("192.0.2.2"), validIp("198.51.100.2")] }],
  paths: ["lan", "wan"],
};

/**
 * Lets an election take over, of which nothing comes: code that has hardly run is slow, and a standby's first takeover may be its only
 * one in years. For a role to call before its loop begins, which takes a few milliseconds, and once more (`plays` 1) when a
 * takeover is at hand, because what was used long ago is in no cache.
 *
 * @returns how often it became active
 */
export function rehearseTakeover(plays = PLAYS): number {
  let takeovers = 0;
  for (let play = 0; play < plays; play++) {
    const election = new Election(stage, 0);
    election.readinessChanged(0, { gatewayReady: true, tableComplete: true });
    for (const { name, addresses } of stage.faces) election.faceChanged(0, name, true, addresses);
    for (let turn = 0; turn < TURNS_MAX && election.role !== "active"; turn++)
      election.timeout(election.deadline);
    if (election.role === "active") takeovers++;
    election.stop(election.deadline);
  }
  return takeovers;
}
