import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nftComplaint } from "./nft-complaint.ts";

describe("what nft complains about", () => {
  it("is told with the line that it is about", () => {
    const error = `/dev/stdin:24:52-55: Error: Could not resolve protocol name
    iifname "lan" ip daddr 224.0.0.18 meta l4proto vrrp notrack
                                                   ^^^^
`;
    const told =
      'Could not resolve protocol name, in: iifname "lan" ip daddr 224.0.0.18 meta l4proto vrrp notrack';
    assert.equal(nftComplaint(error), told);
    assert.equal(nftComplaint(error.repeat(3)), `${told} (and 2 other errors)`);
  });

  it("is told without a line where there is none", () => {
    const error = "netlink: Error: cache initialization failed: Operation not permitted\n";
    assert.equal(nftComplaint(error), "cache initialization failed: Operation not permitted");
    assert.equal(nftComplaint("/dev/stdin:1:1-1: Error: syntax error\n^\n"), "syntax error");
  });

  it("is told as it is where nft writes it in another way", () => {
    assert.equal(nftComplaint("nft: out of\n memory\n"), "nft: out of memory");
    assert.equal(nftComplaint(""), "");
  });
});
