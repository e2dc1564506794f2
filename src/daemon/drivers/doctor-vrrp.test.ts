import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../../base/ip.ts";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { encodeAdvertisementFrame, type VrrpVersion } from "../../wire/vrrp.ts";
import { foreignRouter } from "./doctor-vrrp.ts";

const { document } = readDocument(goodDocument, "cluster.yaml");
assert.ok(document !== undefined);

function heard(
  source: string,
  addresses: readonly string[],
  change: { id?: number; priority?: number; version?: VrrpVersion; on?: string } = {},
) {
  const { id = 51, priority = 200, version = 3, on = "lan" } = change;
  const advertisement = {
    ...{ virtualRouterId: id, priority, intervalCs: 100 },
    addresses: addresses.map(validIp),
  };
  const frame = encodeAdvertisementFrame({
    sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 9),
    source: validIp(source),
    ...{ advertisement, version },
  });
  return foreignRouter(document!, on, frame);
}

describe("foreign routers on the wire", () => {
  it("are those with an id of ours that are no nodes, whatever version they speak", () => {
    const expected = { group: "gateway", interface: "lan", address: "10.1.0.9", priority: 200 };
    assert.deepEqual(heard("10.1.0.9", ["10.1.0.77"]), expected);
    assert.deepEqual(heard("10.1.0.9", ["10.1.0.77"], { version: 2 }), expected);
    assert.deepEqual(heard("10.1.0.9", ["10.1.0.1"]), expected, "also with our addresses");
    assert.equal(heard("fe80::9", ["fe80::51:1", "fd00:1::77"])?.address, "fe80::9");
  });

  it("are not our nodes, nor routers with other ids, nor those that resign", () => {
    assert.equal(heard("10.1.0.3", ["10.1.0.1"]), undefined);
    assert.equal(heard("fe80::3", ["fd00:1::1"]), undefined, "a node speaks from its link-local address");
    assert.equal(heard("10.1.0.9", ["10.1.0.77"], { id: 52 }), undefined);
    assert.equal(heard("10.1.0.9", ["10.1.0.77"], { priority: 0 }), undefined);
    assert.equal(heard("10.1.0.9", ["10.1.0.77"], { on: "sync" }), undefined);
    assert.equal(foreignRouter(document!, "lan", new Uint8Array(60)), undefined);
  });
});
