import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { everyPort, formatPortRange, mergePortRanges, parsePortRange, portsContain } from "./port-range.ts";

const ranges = (...texts: string[]) => texts.flatMap((text) => parsePortRange(text) ?? []);

describe("port ranges", () => {
  it("read a port or a range, and nothing else", () => {
    assert.deepEqual(ranges("80", "8000-8080", "1-65535"), [
      { first: 80, last: 80 },
      { first: 8_000, last: 8_080 },
      { first: 1, last: 65_535 },
    ]);
    for (const text of ["", "0", "65536", "9-8", "80-", "-80", "http", "80,81", "0x50", " 80"])
      assert.equal(parsePortRange(text), undefined, text);
  });

  it("merge what overlaps or touches", () => {
    const merged = mergePortRanges(ranges("443", "81", "80", "8000-8080", "8010-8020", "8080-8090"));
    assert.deepEqual(merged.map(formatPortRange), ["80-81", "443", "8000-8090"]);
  });

  it("tell whether one list holds another", () => {
    assert.equal(portsContain(ranges("80-90"), ranges("80", "85-90")), true);
    assert.equal(portsContain(ranges("80-90"), ranges("90-91")), false);
    assert.equal(portsContain(everyPort, ranges("1-65535")), true);
  });
});
