import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../base/ip.ts";
import { goodNatDocument } from "./nat-documents.test-data.ts";
import { blockOfSubscriber, outsideOwners } from "./nat-owner.ts";
import { portBlockText } from "./port-blocks.ts";
import { readDocument } from "./read-document.ts";

const { document } = readDocument(goodNatDocument, "cluster.yaml");
assert.ok(document);
const owners = (address: string, port: number) =>
  outsideOwners(document, validIp(address), port).map((owner) =>
    owner.kind === "subscriber" ? { ...owner, block: portBlockText(owner.block) } : owner,
  );

describe("outsideOwners", () => {
  it("tells whose a port is, rule by rule", () => {
    assert.deepEqual(owners("203.0.113.63", 65_535), [
      { kind: "subscriber", rule: "homes", host: "100.64.3.255", block: "203.0.113.63 ports 61504-65535" },
    ]);
    assert.deepEqual(owners("203.0.113.63", 1_023), []);
    assert.deepEqual(owners("203.0.113.245", 25), [{ kind: "one-to-one", rule: "labs", host: "10.3.0.5" }]);
    assert.deepEqual(owners("192.0.2.50", 25), [{ kind: "one-to-one", rule: "mail", host: "10.1.0.50" }]);
    assert.deepEqual(owners("192.0.2.1", 443), [
      { kind: "forward", rule: "web", host: "10.1.0.20", port: 8_443, protocol: "tcp" },
      { kind: "shared", rule: "lan-out", from: ["10.1.0.0/24"] },
    ]);
    assert.deepEqual(owners("192.0.2.1", 27_004)[0], {
      ...{ kind: "forward", rule: "games", host: "10.1.0.21", port: 27_004, protocol: "both" },
    });
    assert.deepEqual(owners("192.0.2.11", 1_023), [], "a port that the pool does not use");
    assert.deepEqual(
      owners("192.0.2.11", 1_024).map(({ rule }) => rule),
      ["offices"],
    );
    assert.deepEqual(owners("2001:db8::1", 443)[0], {
      ...{ kind: "forward", rule: "web6", host: "fd00:1::20", port: 443, protocol: "tcp" },
    });
    assert.deepEqual(owners("198.51.100.1", 443), []);
  });

  it("and the other way round", () => {
    const found = blockOfSubscriber(document, validIp("100.64.3.255"));
    assert.equal(found?.rule, "homes");
    assert.deepEqual(found?.block, {
      ...{ address: validIp("203.0.113.63"), firstPort: 61_504, lastPort: 65_535 },
    });
    assert.equal(blockOfSubscriber(document, validIp("10.1.0.5")), undefined);
    assert.equal(blockOfSubscriber(document, validIp("fd00:1::5")), undefined);
  });
});
