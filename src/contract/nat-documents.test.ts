import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { badNatDocuments, goodNatDocument } from "./nat-documents.test-data.ts";
import { readDocument } from "./read-document.ts";

function noticesOf(text: string) {
  const { problems, notices } = readDocument(text, "cluster.yaml");
  assert.deepEqual(problems, []);
  return notices.map(({ code, path, message }) => ({ code, path, message }));
}

describe("readDocument, translation", () => {
  it("reads every kind, with canonical values", () => {
    const { document, problems, notices } = readDocument(goodNatDocument, "cluster.yaml");
    assert.deepEqual(problems, []);
    assert.deepEqual(notices, []);
    assert.ok(document);
    const { forward, oneToOne, cgnat, source } = document.nat;
    assert.deepEqual(forward[0], {
      ...{ id: "web", protocol: "tcp", address: "192.0.2.1", port: "443" },
      ...{ target: "10.1.0.20", targetPort: 8_443, hairpin: true },
    });
    assert.deepEqual(forward[3]?.from, ["198.51.100.0/24"]);
    assert.deepEqual(oneToOne[0], {
      ...{ id: "mail", inside: "10.1.0.50/32", outside: "192.0.2.50/32", out: "wan", hairpin: true },
    });
    assert.deepEqual(cgnat, [
      {
        ...{ id: "homes", subscribers: ["100.64.0.0/22"], out: "wan", pool: ["203.0.113.0-203.0.113.63"] },
        ...{ portsPerSubscriber: 4_032, firstPort: 1_024 },
      },
    ]);
    assert.equal(source[0]?.to, "192.0.2.10-192.0.2.12");
    assert.equal(source[0]?.ports, "1024-65535");
    assert.deepEqual(document.groups["gateway"]?.routedNetworks, { wan: ["203.0.113.0/24"] });
    assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
  });

  it("allows what only looks like a mistake", () => {
    const fine = [
      // A forward beside the blocks of its address.
      ["address: 192.0.2.1, port: 443,", "address: 203.0.113.1, port: 443,"],
      // Source rules may share addresses.
      ["out: wan, to: 192.0.2.1 }", "out: wan, to: [192.0.2.1, 192.0.2.11] }"],
      // Ports that no block has.
      ["to: 192.0.2.10-192.0.2.12, ports: 1024-65535", "to: 203.0.113.5, ports: 1-1023"],
      // The same port for different sources.
      [
        "  oneToOne:",
        "    - { id: office2, protocol: tcp, address: 192.0.2.1, port: 22, target: 10.1.0.23, from: 198.51.101.0/24 }\n  oneToOne:",
      ],
      // A forward goes before what is translated one to one.
      ["address: 192.0.2.1, port: 443,", "address: 192.0.2.50, port: 443,"],
    ] as const;
    for (const [replace, by] of fine) {
      assert.ok(goodNatDocument.includes(replace), replace);
      assert.deepEqual(noticesOf(goodNatDocument.replace(replace, by)), [], by);
    }
  });

  it("tells of rules that never match, and of hosts that nobody knows", () => {
    const narrower =
      "    - { id: alone, protocol: udp, address: 192.0.2.1, port: 27005, target: 10.1.0.23, from: 10.0.0.0/8 }\n  oneToOne:";
    assert.deepEqual(noticesOf(goodNatDocument.replace("  oneToOne:", narrower)), [
      {
        ...{ code: "rule-never-matches", path: "nat.forward[4]" },
        message: 'the forward "alone" never matches: "games" before it takes everything that it would',
      },
    ]);
    assert.deepEqual(
      noticesOf(goodNatDocument.replace("from: 10.2.0.0/24", "from: [10.3.0.8/29, 100.64.2.0/24]")),
      [
        {
          ...{ code: "rule-never-matches", path: "nat.source[0]" },
          message:
            'the rule "offices" never matches: 10.3.0.8/29, 100.64.2.0/24 belongs to "labs", which comes before all sources',
        },
      ],
    );
    assert.deepEqual(noticesOf(goodNatDocument.replace("target: 10.1.0.20", "target: 10.10.0.20")), [
      {
        ...{ code: "unknown-inside-host", path: "nat.forward[0].target" },
        message: "10.10.0.20 lies in no network that the document names",
      },
    ]);
  });
});

describe("readDocument, bad translation", () => {
  for (const { name, replace = "", by, code, path, says } of badNatDocuments) {
    it(name, () => {
      assert.ok(replace !== "" && goodNatDocument.includes(replace), "the good document has the place");
      const marked = goodNatDocument.replace(replace, () => by);
      const before = marked.slice(0, marked.indexOf("§")).split("\n");
      const { problems } = readDocument(marked.replace("§", ""), "cluster.yaml");
      const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
      assert.deepEqual(
        problems.map((one) => ({ code: one.code, line: one.line, column: one.column, path: one.path })),
        [{ code, ...place, path }],
        problems.map((one) => one.message).join("\n"),
      );
      const [problem] = problems;
      assert.ok(
        `${problem?.message} ${problem?.hint}`.includes(says),
        `${problem?.message} ${problem?.hint}`,
      );
      assert.notEqual(problem?.hint ?? "", "");
    });
  }
});
