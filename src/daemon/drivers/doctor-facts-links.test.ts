import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { routeQuestions } from "./doctor-facts-links.ts";

function questions(from: string) {
  const text = goodDocument.replace("from: 10.1.0.0/24", `from: ${from}`);
  const { document } = readDocument(text, "cluster.yaml");
  assert.ok(document !== undefined, from);
  return routeQuestions({ document, node: "gw1" })
    .filter(({ address }) => !address.includes(":"))
    .map((one) => `${one.network} ${one.address} ${one.interface}`);
}

describe("questions for routes", () => {
  it("ask for a host of each network, and never for a gateway's own address", () => {
    assert.deepEqual(questions("10.1.0.0/24"), ["10.1.0.0/24 10.1.0.4 lan"]);
    assert.deepEqual(questions("100.64.0.0/10"), ["100.64.0.0/10 100.64.0.1 null"]);
    assert.deepEqual(questions("172.16.9.7/32"), ["172.16.9.7/32 172.16.9.7 null"]);
  });

  it("ask for the interface's own network where a larger one is translated, and the smaller part of it", () => {
    assert.deepEqual(questions("10.0.0.0/8"), ["10.0.0.0/8 10.1.0.4 lan"]);
    assert.deepEqual(questions("10.1.0.128/25"), ["10.1.0.128/25 10.1.0.129 lan"]);
  });

  it("ask nothing where only the gateways' own addresses are translated", () => {
    assert.deepEqual(questions("10.1.0.2/32"), []);
  });

  it("know IPv6", () => {
    const { document } = readDocument(goodDocument, "cluster.yaml");
    assert.ok(document !== undefined);
    const v6 = routeQuestions({ document, node: "gw2" }).filter(({ address }) => address.includes(":"));
    assert.deepEqual(v6, [{ network: "fd00:1::/64", address: "fd00:1::4", interface: "lan", out: "wan" }]);
  });
});
