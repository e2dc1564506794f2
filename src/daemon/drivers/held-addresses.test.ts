import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AddressOrders } from "./address-orders.ts";
import { HeldAddresses } from "./held-addresses.ts";
import { MISSING, PRESENT } from "./virtual-addresses.ts";

/** Longer than whatever is due. */
const LATER_MS = 250;

/** As a takeover does. */
function take(held: HeldAddresses): boolean {
  held.add();
  return held.settle();
}

function setUp() {
  const presence = new Uint8Array(2);
  const orders = AddressOrders.forGroups(1, 10);
  const seen: string[] = [];
  const counts: string[] = [];
  const held = new HeldAddresses({ orders, group: 0, presence, count: (event) => counts.push(event) });
  const carryOut = () => orders.carryOut((_group, order) => seen.push(order));
  let nowMs = 0;
  const check = (mayAdd = true) => {
    nowMs = Math.max(nowMs, performance.now()) + LATER_MS;
    return held.check(nowMs, mayAdd);
  };
  return { held, presence, seen, counts, carryOut, check };
}

describe("HeldAddresses", () => {
  it("are renewed by others, and the loop waits for none of it", () => {
    const { held, seen, counts, carryOut, check } = setUp();
    take(held);
    carryOut();
    check();
    carryOut();
    assert.deepEqual(seen, ["add"], "that they were late is said before they are renewed");
    check();
    carryOut();
    assert.deepEqual(seen, ["add", "renew"]);
    counts.length = 0;
    check();
    // Whoever configures the network keeps the keeper waiting.
    check();
    check();
    assert.deepEqual(counts, ["address-renewal-late", "address-renewal-late"]);
    carryOut();
    assert.deepEqual(seen, ["add", "renew", "renew"], "and not once for each time that it was due");
  });

  it("are prepared for where this node has none, and nothing waits for that", () => {
    const { held, seen, carryOut } = setUp();
    held.prepare();
    carryOut();
    held.prepare();
    take(held);
    carryOut();
    held.prepare();
    carryOut();
    assert.deepEqual(seen, ["prepare", "add"], "a takeover takes the place of what prepares for it");
  });

  it("are removed although the next takeover is prepared for meanwhile", () => {
    const { held, seen, carryOut } = setUp();
    take(held);
    carryOut();
    held.remove();
    held.prepare();
    carryOut();
    assert.deepEqual(seen, ["add", "remove"]);
  });

  it("that come late are told of again, once", () => {
    const { held, counts, carryOut, check } = setUp();
    const startMs = performance.now();
    assert.equal(take(held), false);
    assert.ok(performance.now() - startMs < 1_000, "a takeover goes on without them");
    assert.deepEqual(counts, ["address-change-late"]);
    assert.ok(held.isHeld);
    assert.equal(check(), undefined);
    carryOut();
    assert.equal(check(), "late");
    assert.equal(check(), undefined);
  });

  it("that come late and are refused in part are not there yet", () => {
    const { held, presence, seen, carryOut, check } = setUp();
    const all = ["10.1.0.1/24", "fd00:1::1/64"];
    presence.fill(MISSING);
    take(held);
    assert.deepEqual(held.list(all), { addresses: [], missingAddresses: [] }, "they are on their way");
    presence[0] = PRESENT;
    carryOut();
    assert.deepEqual(held.list(all), { addresses: [all[0]], missingAddresses: [all[1]] });
    assert.equal(check(), undefined);
    carryOut();
    assert.deepEqual(seen, ["add", "add"]);
    presence[1] = PRESENT;
    assert.equal(check(), "back");
  });

  it("that come late are told of only by a node that knows that it is still the active", () => {
    const { held, carryOut, check } = setUp();
    take(held);
    carryOut();
    assert.equal(check(false), undefined);
    assert.equal(check(), "late");
  });

  it("of many groups are waited for once", () => {
    const orders = AddressOrders.forGroups(10, 10);
    const groups = Array.from(
      { length: 10 },
      (_, group) => new HeldAddresses({ orders, group, presence: new Uint8Array(), count: () => {} }),
    );
    const startMs = performance.now();
    for (const group of groups) assert.equal(take(group), false);
    assert.ok(performance.now() - startMs < 50);
    orders.carryOut(() => {});
    assert.equal(orders.isStuck, false, "what hindered them is over");
  });

  it("are not renewed by a node that does not know whether it is still the active", () => {
    const { held, seen, carryOut, check } = setUp();
    take(held);
    carryOut();
    check();
    check(false);
    carryOut();
    assert.deepEqual(seen, ["add"]);
  });

  it("that the kernel has dropped are added again", () => {
    const { held, seen, counts, carryOut, check } = setUp();
    take(held);
    carryOut();
    check();
    held.lose(performance.now());
    counts.length = 0;
    check(false);
    check();
    carryOut();
    assert.deepEqual(seen, ["add", "add"]);
    assert.deepEqual(counts, ["addresses-restored"]);
  });

  it("that the kernel refuses are tried again until it takes them, and hosts are told again then", () => {
    const { held, presence, seen, counts, carryOut, check } = setUp();
    take(held);
    presence[1] = MISSING;
    carryOut();
    counts.length = 0;
    assert.deepEqual(held.list(["10.1.0.1/24", "fd00:1::1/64"]), {
      addresses: ["10.1.0.1/24"],
      missingAddresses: ["fd00:1::1/64"],
    });
    for (let i = 0; i < 3; i++) {
      assert.equal(check(), undefined);
      carryOut();
    }
    assert.deepEqual(seen, ["add", "add", "add", "add"]);
    assert.deepEqual(counts, ["addresses-missing"], "once");
    assert.equal(check(false), undefined, "whoever may not be the active any more adds none");
    presence[1] = PRESENT;
    assert.equal(check(), "back");
    carryOut();
    assert.equal(check(), undefined);
    carryOut();
    assert.deepEqual(seen.slice(4), ["renew", "renew"]);
    held.remove();
    assert.deepEqual(held.list(["10.1.0.1/24"]), { addresses: [], missingAddresses: [] });
  });

  it("that are given up while they are late never come", () => {
    const { held, seen, carryOut } = setUp();
    take(held);
    held.remove();
    assert.equal(held.isHeld, false);
    assert.equal(held.dueMs, Number.POSITIVE_INFINITY);
    held.lose(performance.now());
    carryOut();
    assert.deepEqual(seen, ["remove"]);
    assert.equal(held.dueMs, Number.POSITIVE_INFINITY);
  });

  it("end the role when nobody has changed them for eight seconds of its time", () => {
    const { held, check } = setUp();
    take(held);
    const checks = () => {
      for (let i = 1; i <= 100; i++) {
        try {
          check();
        } catch (error) {
          return { i, message: (error as Error).message };
        }
      }
      return undefined;
    };
    assert.deepEqual(checks(), {
      i: 33,
      message: "addresses could not be changed for 8 s: this role ends",
    });
  });

  it("outlast a process that stood still for longer", () => {
    const { held, carryOut } = setUp();
    take(held);
    held.check(performance.now() + 60_000, true);
    carryOut();
    assert.equal(held.check(performance.now() + 60_001, true), "late");
  });
});
