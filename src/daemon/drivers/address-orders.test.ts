import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { AddressOrders } from "./address-orders.ts";
import type { SlowKeeperData } from "./slow-keeper.test-data.ts";

const LIMIT_MS = 10_000;

describe("AddressOrders", () => {
  it("are carried out by another thread while this one goes on", async () => {
    const orders = AddressOrders.forGroups(1, 10);
    const notes = new SharedArrayBuffer(4 * 4);
    const workerData: SlowKeeperData = { memory: orders.memory, notes, orderMs: 100 };
    const keeper = new Worker(new URL("./slow-keeper.test-data.ts", import.meta.url), { workerData });
    try {
      assert.ok(orders.waitUntilReady(LIMIT_MS), "it comes up without a turn of this thread's loop");
      orders.give(0, "add");
      assert.equal(orders.waitFor(0, 5), false, "the order takes longer");
      assert.equal(orders.isCarriedOut(0), false);
      // Neither was begun when the next one came.
      orders.give(0, "renew");
      orders.give(0, "remove");
      assert.ok(orders.waitFor(0, LIMIT_MS));
      assert.ok(orders.isCarriedOut(0));
      assert.deepEqual([...new Int32Array(notes)], [1, 3, 0, 0], "add, then remove");
    } finally {
      await keeper.terminate();
    }
  });

  it("are waited for once in a turn, however many groups change", async () => {
    const orders = AddressOrders.forGroups(8, 10);
    const notes = new SharedArrayBuffer(16 * 4);
    // Each alone is quick enough.
    const workerData: SlowKeeperData = { memory: orders.memory, notes, orderMs: 6 };
    const keeper = new Worker(new URL("./slow-keeper.test-data.ts", import.meta.url), { workerData });
    try {
      assert.ok(orders.waitUntilReady(LIMIT_MS));
      const inTime: boolean[] = [];
      for (let group = 0; group < 8; group++) {
        orders.give(group, "add");
        inTime.push(orders.waitInTurn(group));
      }
      assert.ok(inTime.filter(Boolean).length <= 4, `${inTime}`);
      assert.ok(orders.waitFor(7, LIMIT_MS));
      orders.beginTurn();
      orders.give(0, "remove");
      const fromMs = performance.now();
      orders.waitInTurn(0);
      assert.ok(performance.now() - fromMs > 4, "the next turn waits again");
    } finally {
      await keeper.terminate();
    }
  });

  it("are not waited for so long that others would take an active for dead", () => {
    const orders = AddressOrders.forGroups(1, 5);
    orders.give(0, "add");
    assert.equal(orders.waitInTurn(0), false);
    assert.ok(orders.waitedMs <= 7.5, `${orders.waitedMs}`);
  });

  it("say when nobody is there to carry them out", () => {
    const orders = AddressOrders.forGroups(2, 10);
    assert.equal(orders.waitUntilReady(5), false);
    orders.give(1, "add");
    assert.equal(orders.waitFor(1, 5), false);
    assert.ok(orders.waitFor(0, 0), "nothing was ordered for the other group");
  });

  it("are those of each group", () => {
    const orders = AddressOrders.forGroups(3, 10);
    const seen: unknown[] = [];
    const note = (...what: unknown[]) => seen.push(what.join(" "));
    orders.give(2, "add");
    orders.give(0, "remove");
    AddressOrders.in(orders.memory).carryOut(note);
    orders.carryOut(note);
    orders.give(2, "renew");
    orders.carryOut(note);
    assert.deepEqual(seen, ["0 remove", "2 add", "2 renew"]);
  });

  it("can be given more often than a word counts", () => {
    const orders = AddressOrders.forGroups(1, 10);
    const words = new Int32Array(orders.memory);
    // The last number that fits: the next one is negative.
    words.fill((2 ** 31 - 1) & ~3, 3, 5);
    for (const order of ["renew", "remove", "add"] as const) {
      orders.give(0, order);
      assert.equal(orders.isCarriedOut(0), false);
      orders.carryOut((_group, seen) => assert.equal(seen, order));
      assert.ok(orders.isCarriedOut(0));
    }
  });
});
