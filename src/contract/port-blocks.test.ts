import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatIp, parseNetwork, validIp } from "../base/ip.ts";
import { parseIpRange } from "../base/ip-range.ts";
import { type PortBlockSettings, PortBlocks, portBlocksText, portBlockText } from "./port-blocks.ts";

function settings(
  subscribers: readonly string[],
  pool: readonly string[],
  portsPerSubscriber = 4_032,
  firstPort = 1_024,
): PortBlockSettings {
  return {
    subscribers: subscribers.map((text) => parseNetwork(text) ?? assert.fail(text)),
    pool: pool.map((text) => parseIpRange(text) ?? assert.fail(text)),
    portsPerSubscriber,
    firstPort,
  };
}

describe("PortBlocks", () => {
  it("shares addresses as RFC 7422 says: block after block of one address, then of the next", () => {
    const blocks = new PortBlocks(settings(["100.64.0.0/16"], ["203.0.112.0/20"]));
    assert.equal(
      portBlocksText(blocks),
      "65,536 subscribers, 16 to an address, blocks of 4,032 ports: 4,096 of 4,096 addresses",
    );
    const block = (subscriber: string) => {
      const found = blocks.blockOf(validIp(subscriber));
      return found === undefined ? undefined : portBlockText(found);
    };
    assert.equal(block("100.64.0.0"), "203.0.112.0 ports 1024-5055");
    assert.equal(block("100.64.0.15"), "203.0.112.0 ports 61504-65535");
    assert.equal(block("100.64.0.16"), "203.0.112.1 ports 1024-5055");
    assert.equal(block("100.64.255.255"), "203.0.127.255 ports 61504-65535");
    assert.equal(block("100.65.0.0"), undefined);
    const who = (address: string, port: number) => {
      const found = blocks.subscriberOf(validIp(address), port);
      return found === undefined ? undefined : formatIp(found);
    };
    assert.equal(who("203.0.112.0", 1_023), undefined);
    assert.equal(who("203.0.112.0", 1_024), "100.64.0.0");
    assert.equal(who("203.0.112.0", 5_055), "100.64.0.0");
    assert.equal(who("203.0.112.0", 5_056), "100.64.0.1");
    assert.equal(who("203.0.127.255", 65_535), "100.64.255.255");
    assert.equal(who("203.0.128.0", 1_024), undefined);
  });

  it("counts networks and parts of the pool in the order of their addresses", () => {
    const one = new PortBlocks(
      settings(["100.64.1.0/30", "100.64.0.0/30"], ["203.0.113.9", "203.0.113.1"], 10_000),
    );
    assert.deepEqual(one.blockOf(validIp("100.64.0.0")), {
      ...{ address: validIp("203.0.113.1"), firstPort: 1_024, lastPort: 11_023 },
    });
    assert.deepEqual(one.blockOf(validIp("100.64.1.3"))?.address, validIp("203.0.113.9"));
    assert.equal(one.blocksPerAddress, 6);
    assert.equal(one.lastPort, 61_023);
    assert.equal(one.subscriberOf(validIp("203.0.113.1"), 61_024), undefined, "ports that nobody has");
    assert.equal(one.subscriberOf(validIp("203.0.113.9"), 21_024), undefined, "a block that nobody has");
  });

  it("says how many addresses are needed", () => {
    const small = new PortBlocks(settings(["100.64.0.0/24"], ["203.0.113.1-203.0.113.15"]));
    assert.deepEqual([small.addressesNeeded, small.addresses], [16, 15]);
    assert.equal(small.blockOf(validIp("100.64.0.255")), undefined);
    assert.equal([...small.entries()].length, 240);
    const none = new PortBlocks(settings(["100.64.0.0/24"], ["203.0.113.1"], 4_000, 65_000));
    assert.equal(none.addressesNeeded, Number.POSITIVE_INFINITY);
    assert.equal(none.blockOf(validIp("100.64.0.0")), undefined);
    assert.equal(none.subscriberOf(validIp("203.0.113.1"), 65_000), undefined);
    assert.deepEqual([...none.entries()], []);
  });

  it("is the same in both directions, and gives no port twice", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 22, max: 32 }),
        fc.integer({ min: 1, max: 9_000 }),
        fc.integer({ min: 1, max: 60_000 }),
        fc.array(fc.nat(31), { minLength: 1, maxLength: 8 }),
        (length, size, firstPort, hosts) => {
          const pool = [...new Set(hosts)].map((host) => `203.0.113.${host}`);
          const blocks = new PortBlocks(
            settings([`10.0.8.0/${length}`, "10.9.0.0/29"], pool, size, firstPort),
          );
          const taken = new Set<string>();
          let count = 0;
          for (const { subscriber, block } of blocks.entries()) {
            count++;
            assert.deepEqual(blocks.blockOf(subscriber), block);
            assert.equal(block.lastPort - block.firstPort, size - 1);
            assert.ok(block.firstPort >= firstPort && block.lastPort <= 65_535);
            for (const port of [block.firstPort, block.lastPort]) {
              assert.deepEqual(blocks.subscriberOf(block.address, port), subscriber);
            }
            const key = portBlockText(block);
            assert.ok(!taken.has(key));
            taken.add(key);
          }
          const room = blocks.addresses * blocks.blocksPerAddress;
          assert.equal(count, Math.min(blocks.subscribers, room));
          assert.equal(count === blocks.subscribers, blocks.addressesNeeded <= blocks.addresses);
        },
      ),
      { numRuns: 200, seed: 20_261_126 },
    );
  });
});
