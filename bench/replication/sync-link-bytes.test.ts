import assert from "node:assert/strict";
import { test } from "node:test";
import { wireBytes } from "./sync-link-bytes.ts";

const none = { deviceBytes: 0, devicePackets: 0, tcpSegments: 0, datagrams: 0 };

test("headers of segments that the device took together are added", () => {
  // 30 TCP packets of the device that a card would have sent as 50 segments, and 10 datagrams.
  const to = { deviceBytes: 60_000, devicePackets: 40, tcpSegments: 50, datagrams: 10 };
  assert.equal(wireBytes(none, to), 60_000 + 20 * 66);
  assert.equal(wireBytes(to, { ...to, deviceBytes: 60_100 }), 100);
});

test("datagrams alone are what the device counts, other packets between them too", () => {
  const to = { deviceBytes: 9_000, devicePackets: 12, tcpSegments: 0, datagrams: 10 };
  assert.equal(wireBytes(none, to), 9_000);
});
