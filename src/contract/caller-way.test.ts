import assert from "node:assert/strict";
import { it } from "node:test";
import { parseSshConnection } from "./caller-way.ts";

it("reads what sshd says of a connection", () => {
  assert.deepEqual(parseSshConnection("198.51.100.7 53422 10.1.0.2 22"), {
    ...{ by: "ssh", address: "198.51.100.7", to: "10.1.0.2", port: 22 },
  });
  assert.deepEqual(parseSshConnection("fe80::7%eth0 53422 fe80::1%eth0 2222"), {
    ...{ by: "ssh", address: "fe80::7", to: "fe80::1", port: 2_222 },
  });
});

it("reads nothing else", () => {
  const others = ["", "UNKNOWN 65535 UNKNOWN 65535", "10.1.0.7 1 10.1.0.2", "10.1.0.7 1 10.1.0.2 x"];
  for (const text of [...others, "10.1.0.7 1 10.1.0.2 22 more"])
    assert.equal(parseSshConnection(text), undefined, text);
});
