import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import type { Problem } from "../base/problem.ts";
import { documentFiles } from "../keys/document-files.ts";
import { badDocuments, goodDocument } from "./bad-documents.test-data.ts";
import { badFirewallDocuments } from "./bad-firewall-documents.test-data.ts";
import { badKeyDocuments } from "./bad-key-documents.test-data.ts";
import { badRouterDocuments } from "./bad-router-documents.test-data.ts";
import { documentRevision } from "./document-revision.ts";
import { problemCodes } from "./problem-codes.ts";
import { readDocument } from "./read-document.ts";

function problemsOf(text: string): readonly Problem[] {
  return readDocument(text, "cluster.yaml").problems;
}

describe("readDocument, a good document", () => {
  it("gives plain values: canonical addresses, milliseconds, defaults", () => {
    const { document } = readDocument(goodDocument.replace("fd00:1::1/64", "FD00:1:0::1/64"), "cluster.yaml");
    assert.ok(document);
    assert.deepEqual(document.groups["gateway"]?.addresses["lan"], ["10.1.0.1/24", "fd00:1::1/64"]);
    assert.equal(document.groups["gateway"]?.intervalMs, 100);
    assert.equal(document.replication.refreshMs, 60_000);
    assert.deepEqual(document.nat.source[0]?.from, ["10.1.0.0/24"]);
    assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
  });

  it("fills in what may be left out", () => {
    const short = goodDocument
      .replace(/ {4}(interval|preempt): .*\n/g, "")
      .replace(/nat:\n(.*\n){3}/, "")
      .replace(/ {2}(port|refresh): .*\n/g, "")
      .replace(/(pulses|control|keys): .*\n/g, "");
    const { document, problems } = readDocument(short, "cluster.yaml");
    assert.deepEqual(problems, []);
    assert.deepEqual(document?.nat, { source: [], forward: [], oneToOne: [], cgnat: [], helpers: [] });
    assert.deepEqual(document?.replication, {
      ...{ interface: "sync", port: 7844, refreshMs: 60_000 },
      ...{ shortExchanges: false, marks: false },
    });
    assert.deepEqual([document?.pulses.port, document?.control.port], [7845, 7846]);
    assert.equal(document?.groups["gateway"]?.preempt, false);
    assert.equal(document?.keys.directory, "/etc/tocha/keys");
  });

  it("takes a duration in any unit", () => {
    const { document } = readDocument(
      goodDocument.replace("interval: 100ms", "interval: 0.07s"),
      "cluster.yaml",
    );
    assert.equal(document?.groups["gateway"]?.intervalMs, 70);
  });

  it("may use anchors and aliases", () => {
    const text = goodDocument
      .replace("from: 10.1.0.0/24", "from: &office [10.1.0.0/24]")
      .replace('from: "fd00:1::/64", out: wan, to: "2001:db8::1"', "from: *office, out: lan, to: 10.1.0.1");
    assert.deepEqual(problemsOf(text), []);
  });

  it("may have one node, which then lives among foreign VRRP routers", () => {
    const text = goodDocument.replace(/ {2}gw2:\n(.*\n){4}/, "").replace(", gw2: 100", "");
    assert.deepEqual(problemsOf(text), []);
  });

  it("may have a later rule for a wider network, and link-local virtual addresses on several interfaces", () => {
    const text = goodDocument
      .replace(
        "\nreplication",
        "\n    - { id: rest, from: 10.0.0.0/8, out: wan, to: 192.0.2.1 }\nreplication",
      )
      .replace("lan: [10.1.0.1/24", 'lan: ["fe80::1/64", 10.1.0.1/24')
      .replace("wan: [192.0.2.1/24", 'wan: ["fe80::1/64", 192.0.2.1/24');
    assert.deepEqual(problemsOf(text), []);
  });

  it("says what masquerade means for connections", () => {
    const { notices } = readDocument(
      goodDocument.replace("to: 192.0.2.1 ", "to: masquerade "),
      "cluster.yaml",
    );
    assert.deepEqual(
      notices.map(({ code, line, column, path }) => ({ code, line, column, path })),
      [{ code: "masquerade-not-kept", line: 24, column: 55, path: "nat.source[0].to" }],
    );
  });

  it("reads every example", () => {
    const folder = new URL("../../examples/", import.meta.url);
    const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
    assert.ok(files.length >= 4);
    const readFile = documentFiles(fileURLToPath(folder));
    for (const file of files) {
      const { problems } = readDocument(readFileSync(new URL(file, folder), "utf8"), file, readFile);
      assert.deepEqual(problems, [], file);
    }
  });
});

describe("readDocument, a bad document", () => {
  const all = [...badDocuments, ...badRouterDocuments, ...badFirewallDocuments, ...badKeyDocuments];
  for (const { name, replace, by, code, path, says } of all) {
    it(name, () => {
      if (replace !== undefined) assert.ok(goodDocument.includes(replace), "the good document has the place");
      const marked = replace === undefined ? by : goodDocument.replace(replace, () => by);
      const before = marked.slice(0, marked.indexOf("§")).split("\n");
      const problems = problemsOf(marked.replace("§", ""));
      const [problem] = problems;
      assert.ok(problem);
      const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
      assert.deepEqual(
        problems.map((one) => ({ code: one.code, line: one.line, column: one.column, path: one.path })),
        [{ code, ...place, path }],
        problems.map((one) => one.message).join("\n"),
      );
      assert.ok(`${problem.message} ${problem.hint}`.includes(says), `${problem.message} ${problem.hint}`);
      assert.equal(problem.file, "cluster.yaml");
      assert.notEqual(problem.hint ?? "", "");
    });
  }

  it("reports all problems, in the order of the text", () => {
    const text = goodDocument
      .replace("cluster: campus", "cluster: Campus")
      .replace("[10.255.0.2/24]", "[10.255.0.1/24]")
      .replace("Id: 51", "Id: 999")
      .replace("lan: [10.1.0.1/24", "lan: [10.9.0.1/24")
      .replace("out: wan, to: 192.0.2.1", "out: wna, to: 192.0.2.1")
      .replace("refresh: 60s", "refresh: 60");
    assert.deepEqual(
      problemsOf(text).map(({ code, line }) => `${line} ${code}`),
      [
        "1 bad-name",
        "12 duplicate-address",
        "15 out-of-range",
        "20 address-outside-network",
        "24 unknown-interface",
        "29 bad-duration",
      ],
    );
  });

  it("reports a mistyped key once, not as missing too", () => {
    assert.deepEqual(
      problemsOf(goodDocument.replace("cluster: campus", "clutser: campus")).map(({ code }) => code),
      ["unknown-key"],
    );
  });
});

describe("readDocument, hostile input", () => {
  it("gives a document or problems for any change of bytes, never a throw", () => {
    const good = Buffer.from(goodDocument);
    const edit = fc.record({
      at: fc.nat(good.length - 1),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom(
            "&a",
            "*a",
            "[",
            "]",
            "{",
            "}",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "!!",
            '"',
            "'",
            "|",
            "? ",
            "#",
            "0x",
            "~",
          )
          .map((text) => Buffer.from(text)),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 8 }), (edits) => {
        let bytes = good;
        for (const { at, remove, insert } of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        const result = readDocument(bytes.toString("utf8"), "cluster.yaml");
        assert.equal(result.document === undefined, result.problems.length > 0);
        for (const problem of result.problems) {
          assert.ok(problem.code in problemCodes, problem.code);
          assert.ok((problem.line ?? 0) >= 1 && (problem.column ?? 0) >= 1);
        }
      }),
      { numRuns: 1_500, seed: 20_260_801 },
    );
  });

  it("gives problems for any text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: "binary" }), (text) => {
        assert.ok(problemsOf(text).length > 0);
      }),
      { numRuns: 500, seed: 20_260_802 },
    );
  });

  it("ends soon on texts made to exhaust it", () => {
    const texts = [
      "[".repeat(200_000),
      "- ".repeat(100_000),
      "? ".repeat(100_000),
      "a: {".repeat(50_000),
      "a\n".repeat(80_000),
    ];
    const keys = Array.from({ length: 30_000 }, (_, index) => `k${index}: 1\n`).join("");
    for (const text of [...texts, keys]) assert.ok(problemsOf(text).length > 0);
  });
});

describe("documentRevision", () => {
  const revision = (text: string) => {
    const { document } = readDocument(text, "cluster.yaml");
    assert.ok(document);
    return documentRevision(document);
  };

  it("has 16 digits, and is the same for another spelling of the same document", () => {
    const respelled = goodDocument
      .replace("cluster: campus\n", "")
      .replace("fd00:1::1/64", "fd00:01:0::1/64")
      .replace("interval: 100ms", "interval: 0.1s")
      .replace("{ gw1: 110, gw2: 100 }", "{ gw2: 100, gw1: 110 }")
      .concat("cluster: campus # the same\n");
    assert.match(revision(goodDocument), /^[0-9a-f]{16}$/);
    assert.equal(revision(respelled), revision(goodDocument));
  });

  it("differs when anything that counts differs", () => {
    const others = [
      goodDocument.replace("preempt: false", "preempt: true"),
      goodDocument.replace("gw2: 100", "gw2: 101"),
      goodDocument.replace("refresh: 60s", "refresh: 61s"),
    ];
    assert.equal(new Set([goodDocument, ...others].map(revision)).size, 4);
  });
});
