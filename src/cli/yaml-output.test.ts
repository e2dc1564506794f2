import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { YamlOutput } from "./yaml-output.ts";

const values = [
  { verdict: "ok", nodes: [{ name: "gw1", note: "}\n]\n---" }], none: null },
  [1, "x"],
  "text",
  7,
];

/** Everything that comes out, when it is pushed in pieces of `size` characters. */
function through(text: string, size: number): string {
  const output = new YamlOutput();
  let out = "";
  for (let at = 0; at < text.length; at += size) out += output.push(text.slice(at, at + size));
  return out + output.end();
}

describe("JSON that leaves as YAML", () => {
  for (const size of [1, 3, 1_000]) {
    it(`is the same value, indented or not, in pieces of ${size}`, () => {
      for (const value of values) {
        for (const indentation of [0, 2]) {
          const text = `${JSON.stringify(value, null, indentation)}\n`;
          assert.deepEqual(parse(through(text, size)), value);
        }
      }
    });

    it(`lines of their own are documents of one stream, in pieces of ${size}`, () => {
      const text = values.map((value) => `${JSON.stringify(value)}\n`).join("");
      const documents = parseAllDocuments(through(text, size));
      assert.deepEqual(
        [documents].flat().map((one) => one.toJS()),
        values,
      );
    });
  }

  it("each value leaves as soon as it is whole: a stream is not held back", () => {
    const output = new YamlOutput();
    assert.equal(output.push('{"a":1}\n{"a"'), "a: 1\n");
    assert.equal(output.push(":2}\n"), "---\na: 2\n");
  });

  it("what is no JSON is not swallowed", () => {
    assert.equal(through("hello\nworld", 4), "hello\nworld\n");
  });
});
