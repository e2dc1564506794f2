import assert from "node:assert/strict";
import { it } from "node:test";
import { addressKey } from "./address-key.ts";

it("one machine is one key: an IPv4 address, or the /64 of an IPv6 one", () => {
  assert.equal(addressKey("192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), addressKey("2001:db8:1:2::1"));
  assert.notEqual(addressKey("2001:db8:1:2::1"), addressKey("2001:db8:1:3::1"));
  assert.equal(addressKey("console"), "console");
});
