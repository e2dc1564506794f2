import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseNetwork, validIp } from "../../base/ip.ts";
import { FlowFields } from "../../wire/flow-fields.ts";
import { FlowOwner } from "./flow-owner.ts";
import { NoGroupTimer } from "./no-group-timer.ts";

const UDP = 17;
const ICMP = 1;
const SEEN_REPLY_ASSURED = 0x06;
const MOST = 300;
const SWEEP = 60;

const group = (text: string) => ({ virtualAddresses: [parseNetwork(text) ?? []].flat() });
const owner = new FlowOwner([group("10.1.0.1/24"), group("10.2.0.1/24")]);
const timer = new NoGroupTimer(owner, new Map([[UDP, MOST]]));

function flow(timeoutSeconds: number, source = "172.16.0.9"): FlowFields {
  const fields = new FlowFields();
  fields.family = 4;
  fields.protocol = UDP;
  fields.status = SEEN_REPLY_ASSURED;
  fields.timeoutSeconds = timeoutSeconds;
  fields.original.source.set(validIp(source));
  fields.original.destination.set(validIp("198.51.100.1"));
  fields.invertOriginal();
  return fields;
}

describe("NoGroupTimer", () => {
  it("takes a flow for forwarded here when it has what packets gave it within the last sweep and a half", () => {
    const isHere = (seconds: number) => timer.isForwardedHere(flow(seconds), SWEEP);
    assert.deepEqual([211, 300].map(isHere), [true, true]);
    assert.deepEqual([210, 1].map(isHere), [false, false], "it is quiet");
    assert.deepEqual([301, 540].map(isHere), [false, false], "it is a copy");
  });

  it("gives a copy more time than packets ever do, for as long as it is told of", () => {
    const copy = timer.secondsOfCopy(flow(10), SWEEP) ?? 0;
    assert.equal(copy, 540);
    // A sweep is told of within one sweep of the last, and may be late by another.
    for (const age of [0, SWEEP, 2 * SWEEP - 1]) {
      assert.equal(timer.isForwardedHere(flow(copy - age), SWEEP), false);
      assert.equal(timer.secondsOfForgotten(flow(copy - age), SWEEP), undefined);
    }
  });

  it("leaves a copy that is told of no more what the flow may have left, and so that it never looks like one of this node", () => {
    for (const age of [2 * SWEEP, 4 * SWEEP - 1]) {
      const left = timer.secondsOfForgotten(flow(540 - age), SWEEP) ?? 0;
      assert.ok(left >= MOST - 2 * SWEEP, "the flow had no packet for two sweeps where it is forwarded");
      assert.equal(timer.isForwardedHere(flow(left), SWEEP), false);
      assert.equal(timer.secondsOfForgotten(flow(left), SWEEP), undefined, "once is enough");
    }
  });

  it("leaves some seconds where sweeps are further apart than the flow's whole life", () => {
    assert.equal(timer.secondsOfForgotten(flow(MOST + 1), 600), 3);
  });

  it("says nothing of a flow of a group, of another protocol, or of one that is not established", () => {
    const icmp = flow(300);
    icmp.protocol = ICMP;
    const single = flow(300);
    single.status = 0;
    for (const fields of [flow(300, "10.1.0.7"), icmp, single]) {
      assert.equal(timer.isForwardedHere(fields, SWEEP), false);
      assert.equal(timer.secondsOfCopy(fields, SWEEP), undefined);
      fields.timeoutSeconds = 301;
      assert.equal(timer.secondsOfForgotten(fields, SWEEP), undefined);
    }
  });
});
