import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closestName, editDistance } from "./closest-name.ts";

describe("closestName", () => {
  it("finds what a slip meant, and nothing for another word", () => {
    const names = ["addresses", "device", "interfaces"];
    assert.equal(closestName("adresses", names), "addresses");
    assert.equal(closestName("Device", names), "device");
    assert.equal(closestName("interface", names), "interfaces");
    assert.equal(closestName("colour", names), undefined);
    assert.equal(closestName("x".repeat(10_000), names), undefined);
  });

  it("counts a swap of neighbours as one slip", () => {
    assert.equal(editDistance("wan", "wna"), 1);
    assert.equal(editDistance("", "abc"), 3);
    assert.equal(editDistance("kitten", "sitting"), 3);
  });
});
