import assert from "node:assert/strict";
import { test } from "node:test";
import { type AddressEvent, heldAllSince, holderOfAll, longestDuplicateMs } from "./address-timeline.ts";

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
