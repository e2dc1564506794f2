import assert from "node:assert/strict";
import { it } from "node:test";
import type { PeerCertificate } from "node:tls";
import { checkNode } from "./https-transport.ts";

it("a node is trusted by its own name, behind an address, and nowhere else", () => {
  const certificate = (subjectaltname: string) =>
    ({ subject: {}, subjectaltname }) as unknown as PeerCertificate;
  const gw1 = certificate("DNS:gw1.tocha");
  for (const host of ["gw1", "gw1.tocha", "10.1.0.2", "2001:db8::1", "[2001:db8::1]"])
    assert.equal(checkNode(host, gw1), undefined, host);
  for (const host of ["gw2", "gw2.tocha", "gw1.example.org", "example.org"])
    assert.ok(checkNode(host, gw1) instanceof Error, host);
  const other = certificate("DNS:example.org");
  for (const host of ["10.1.0.2", "gw1", "example"]) assert.ok(checkNode(host, other) instanceof Error, host);
  assert.equal(checkNode("example.org", other), undefined);
});
