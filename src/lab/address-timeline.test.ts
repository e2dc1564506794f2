import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AddressEvent,
  heldAllSince,
  holderOfAll,
  longestDuplicateMs,
  longestVacantMs,
  takeoversSince,
} from "./address-timeline.ts";

const addresses = ["a", "b"];

function at(atMs: number, node: string, address: string, present = true): AddressEvent {
  return { atMs, node, address, present };
}

const start = [at(0, "gw1", "a"), at(0, "gw1", "b")];

test("a node holds all when it has got the last one", () => {
  const events = [...start, at(10, "gw2", "a"), at(12, "gw2", "b")];
  assert.equal(holderOfAll(start, addresses), "gw1");
  assert.equal(heldAllSince(events, { node: "gw2", addresses, fromMs: 5 }), 12);
  assert.equal(heldAllSince(events.slice(0, 3), { node: "gw2", addresses, fromMs: 5 }), undefined);
});

test("an address that was lost again is not held", () => {
  const events = [...start, at(10, "gw2", "a"), at(12, "gw2", "b"), at(13, "gw2", "a", false)];
  assert.equal(heldAllSince(events, { node: "gw2", addresses, fromMs: 5 }), undefined);
  assert.equal(holderOfAll([...start, at(1, "gw1", "a", false)], addresses), undefined);
});

test("the time on two nodes is measured for each address, up to now when it goes on", () => {
  const overlap = [...start, at(10, "gw2", "a"), at(14, "gw1", "a", false)];
  assert.equal(longestDuplicateMs(overlap, { fromMs: 0, toMs: 100 }), 4);
  const lasting = [...start, at(10, "gw2", "a")];
  assert.equal(longestDuplicateMs(lasting, { fromMs: 0, toMs: 100 }), 90);
  const clean = [...start, at(10, "gw1", "a", false), at(11, "gw2", "a")];
  assert.equal(longestDuplicateMs(clean, { fromMs: 0, toMs: 100 }), 0);
});

test("a takeover is when a node comes to hold the last address, after the instant", () => {
  const moved = [...start, at(10, "gw1", "a", false), at(11, "gw2", "a"), at(12, "gw2", "b")];
  assert.deepEqual(takeoversSince(moved, { addresses, fromMs: 5 }), ["gw2"]);
  assert.deepEqual(takeoversSince(start, { addresses, fromMs: 5 }), []);
  const back = [...moved, at(20, "gw1", "a")];
  assert.deepEqual(takeoversSince(back, { addresses, fromMs: 5 }), ["gw2", "gw1"]);
});

test("it is vacant while no node alone holds all, up to now when it goes on", () => {
  const moved = [...start, at(10, "gw1", "a", false), at(11, "gw2", "a"), at(17, "gw2", "b")];
  assert.equal(longestVacantMs(moved, { addresses, fromMs: 0, toMs: 100 }), 7);
  assert.equal(longestVacantMs(start, { addresses, fromMs: 5, toMs: 100 }), 0);
  const lost = [...start, at(10, "gw1", "a", false)];
  assert.equal(longestVacantMs(lost, { addresses, fromMs: 40, toMs: 100 }), 60);
});
