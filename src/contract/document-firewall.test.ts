import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goodDocument } from "./bad-documents.test-data.ts";
import { documentRevision } from "./document-revision.ts";
import { readDocument } from "./read-document.ts";
import type { ReadFile } from "./set-file.ts";

const having = (text: string) => goodDocument.replace("replication:", `${text}\nreplication:`);

function read(text: string, files: Readonly<Record<string, string>> = {}) {
  const readFile: ReadFile = (path) => {
    const found = files[path];
    return found === undefined
      ? { failed: "it does not exist" }
      : { text: found, name: `/etc/tocha/${path}` };
  };
  return readDocument(having(text), "cluster.yaml", readFile);
}

function valid(text: string, files: Readonly<Record<string, string>> = {}) {
  const { document, notices, problems } = read(text, files);
  assert.ok(document, JSON.stringify(problems));
  return { document, notices: notices.map(({ code, path }) => `${code} ${path}`) };
}

const forward = (...rules: string[]) =>
  `sets:\n  staff: { elements: [10.1.0.0/25, "fd00:1::/64"] }\n  web: { kind: ports, elements: [80, 443] }\nfirewall:\n  forward:\n    rules:\n${rules.map((rule, index) => `      - { id: r${index}, ${rule} }\n`).join("")}`;

describe("sets", () => {
  it("are in one canonical form, however they are written", () => {
    const one = valid(
      "sets: { a: { elements: [10.0.1.0/24, 10.0.0.0/24, 10.0.0.7, 10.0.2.0-10.0.2.9] } }",
    ).document;
    const other = valid("sets: { a: { elements: [10.0.0.0-10.0.2.9] } }").document;
    assert.deepEqual(one.sets["a"]?.elements, ["10.0.0.0-10.0.2.9"]);
    assert.equal(documentRevision(one), documentRevision(other));
    const ports = valid('sets: { a: { kind: ports, elements: [443, 80, "81", 82-90] } }').document;
    assert.deepEqual(ports.sets["a"]?.elements, ["80-90", "443"]);
  });

  it("hold what is in their files, too: another file is another revision", () => {
    const text = "sets: { a: { elements: [10.0.0.1], file: a.txt } }";
    const file = "# comment\n\n 10.0.0.2 # another\r\n2001:db8::/32\n";
    const { document } = valid(text, { "a.txt": file });
    assert.deepEqual(document.sets["a"]?.elements, ["10.0.0.1-10.0.0.2", "2001:db8::/32"]);
    const more = valid(text, { "a.txt": `${file}10.0.0.9\n` }).document;
    assert.notEqual(documentRevision(document), documentRevision(more));
    const respelled = valid(text, { "a.txt": "2001:DB8:0::/32\n10.0.0.2/32\n" }).document;
    assert.equal(documentRevision(document), documentRevision(respelled));
  });

  it("say where in a file something is wrong, and report every such line", () => {
    const { problems } = read("sets: { a: { file: a.txt }, b: { kind: ports, file: b.txt } }", {
      "a.txt": "10.0.0.1\n  10.0.0.300\nexample.org # no names\n",
      "b.txt": "80\n10.0.0.1\n",
    });
    assert.deepEqual(
      problems.map(({ code, file, line, column }) => [code, file, line, column]),
      [
        ["bad-set-element", "/etc/tocha/a.txt", 2, 3],
        ["bad-set-element", "/etc/tocha/a.txt", 3, 1],
        ["bad-set-element", "/etc/tocha/b.txt", 2, 1],
      ],
    );
    assert.match(problems[2]?.hint ?? "", /8000-8080/);
  });

  it("may have ten thousand elements in the document and 65,536 with a file, and no more", () => {
    const networks = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/25`);
    const inline = valid(`sets: { a: { elements: [${networks.join(", ")}] } }`).document;
    assert.equal(inline.sets["a"]?.elements.length, 10_000);
    const lines = (count: number) =>
      Array.from(
        { length: count },
        (_, index) => `172.${index >> 16}.${(index >> 8) & 255}.${index & 255}\n`,
      ).join("");
    assert.ok(read("sets: { a: { file: a.txt } }", { "a.txt": lines(65_536) }).document);
    const { problems } = read("sets: { a: { file: a.txt } }", { "a.txt": lines(65_537) });
    assert.deepEqual(
      problems.map(({ code, path }) => [code, path]),
      [["out-of-range", "sets.a"]],
    );
  });

  it("are told of when they hold nothing", () => {
    const { notices } = valid("sets: { a: { file: a.txt } }", { "a.txt": "# nothing yet\n" });
    assert.deepEqual(notices, ["empty-set sets.a"]);
  });
});

describe("rules that never match", () => {
  const covered: readonly (readonly [string, string])[] = [
    ["action: accept", "protocol: tcp, action: drop"],
    ["from: 10.0.0.0/8, action: accept", "from: [10.1.0.0/16, 10.2.0.0-10.2.0.9], action: drop"],
    ['from: "@staff", action: accept', "from: 10.1.0.64/26, action: drop"],
    ['from: "@staff", action: accept', 'from: "@staff", to: 192.0.2.9, action: drop'],
    ["from: [0.0.0.0/1, 128.0.0.0/1, '::/0'], action: drop", "action: accept"],
    ['protocol: tcp, ports: "@web", action: accept', "protocol: tcp, ports: 443, action: drop"],
    ["protocol: [tcp, udp], ports: 1-65535, action: accept", "protocol: udp, action: drop"],
    ["in: [lan, wan], action: accept", "in: wan, out: lan, action: drop"],
    [
      "protocol: icmp, types: [echo-request, redirect], action: drop",
      "protocol: icmp, types: redirect, action: accept",
    ],
    // What is beyond the limit is dropped by the earlier rule: it does not come to the later one.
    ["protocol: tcp, limit: 1/s, action: accept", "protocol: tcp, ports: 80, action: accept"],
  ];
  for (const [earlier, later] of covered)
    it(`${later} after ${earlier}`, () => {
      assert.deepEqual(valid(forward(earlier, later)).notices, [
        "rule-never-matches firewall.forward.rules[1].id",
      ]);
    });

  const free: readonly (readonly [string, string])[] = [
    ["protocol: tcp, action: drop", "action: accept"],
    ["from: 10.0.0.0/9, action: accept", "from: 10.0.0.0/8, action: drop"],
    ["from: 0.0.0.0/0, action: accept", "action: drop"],
    ['from: "@staff", action: accept', "from: [10.1.0.64/26, 10.1.0.128], action: drop"],
    ['protocol: tcp, ports: "@web", action: accept', "protocol: tcp, ports: [80, 81], action: drop"],
    ["protocol: tcp, ports: 80, action: accept", 'protocol: [tcp, udp], ports: "@web", action: drop'],
    ["in: lan, action: accept", "action: drop"],
    ["protocol: icmp, types: redirect, action: drop", "protocol: icmp, action: accept"],
    ["protocol: tcp, sourcePorts: 53, action: accept", "protocol: tcp, ports: 53, action: accept"],
  ];
  for (const [earlier, later] of free)
    it(`but not ${later} after ${earlier}`, () =>
      assert.deepEqual(valid(forward(earlier, later)).notices, []));

  const together: readonly (readonly string[])[] = [
    [
      "from: 10.0.0.0/9, action: accept",
      "from: 10.128.0.0/9, action: drop",
      "from: 10.0.0.0/8, action: accept",
    ],
    [
      "protocol: tcp, ports: 1-79, action: accept",
      'protocol: tcp, ports: "@web", action: accept',
      "protocol: tcp, ports: 70-80, action: drop",
    ],
    [
      'from: "@staff", in: lan, action: accept',
      "from: 10.1.0.128/25, action: accept",
      'from: ["@staff", 10.1.0.128/25], in: lan, protocol: udp, action: drop',
    ],
    ["in: lan, action: accept", "in: [wan, sync], action: drop", "in: [lan, wan], action: accept"],
    ["protocol: tcp, action: drop", "protocol: udp, action: drop", "protocol: [tcp, udp], action: accept"],
  ];
  for (const rules of together)
    it(`by several together: ${rules.at(-1)}`, () => {
      assert.deepEqual(valid(forward(...rules)).notices, ["rule-never-matches firewall.forward.rules[2].id"]);
    });

  it("but not where the earlier ones leave something, or are for other parts", () => {
    const free: readonly (readonly string[])[] = [
      [
        "from: 10.0.0.0/9, action: drop",
        "from: 10.192.0.0/10, action: drop",
        "from: 10.0.0.0/8, action: accept",
      ],
      // One half by address, the other by port.
      [
        "from: 10.0.0.0/9, protocol: tcp, action: drop",
        "from: 10.0.0.0/8, protocol: tcp, ports: 1-40000, action: drop",
        "from: 10.0.0.0/8, protocol: tcp, action: accept",
      ],
      ["protocol: tcp, action: drop", "protocol: udp, action: drop", "action: accept"],
    ];
    for (const rules of free) assert.deepEqual(valid(forward(...rules)).notices, [], rules.join("; "));
  });

  it("are named with those before them", () => {
    const halves = Array.from({ length: 8 }, (_, index) => `from: 10.${index * 32}.0.0/11, action: drop`);
    const [notice] = read(forward(...halves, "from: 10.0.0.0/8, action: accept")).notices;
    assert.equal(
      notice?.message,
      'the rule "r8" never matches: "r0", "r1", "r2" and 5 more before it together take everything that it could',
    );
  });

  it("are found behind several others, and the rules of the other chain do not count", () => {
    const text = `firewall:
  input: { rules: [{ id: all, in: lan, action: accept }] }
  forward: { rules: [{ id: a, in: wan, action: drop }, { id: b, in: lan, protocol: tcp, action: drop }, { id: c, in: wan, protocol: udp, action: accept }] }`;
    assert.deepEqual(valid(text).notices, ["rule-never-matches firewall.forward.rules[2].id"]);
  });
});

describe("being locked out", () => {
  const input = (rules: string, byDefault = "drop") =>
    `firewall: { input: { default: ${byDefault}, rules: [${rules}] } }`;
  const locked = [
    ["with a default that drops", input(""), "firewall.input.default"],
    [
      "with rules for something else",
      input("{ id: web, protocol: tcp, ports: 443, action: accept }"),
      "firewall.input.default",
    ],
    ["by a rule for everything", input("{ id: no, action: reject }", "accept"), "firewall.input.rules[0].id"],
    [
      "by a rule for SSH",
      input("{ id: no, protocol: tcp, ports: 20-25, action: drop }", "accept"),
      "firewall.input.rules[0].id",
    ],
  ] as const;
  for (const [name, text, path] of locked)
    it(`is told of ${name}`, () => assert.deepEqual(valid(text).notices, [`management-locked-out ${path}`]));

  const open = [
    ["management is said", `management: { interfaces: lan }\n${input("")}`],
    ["a rule lets SSH in", input("{ id: ssh, in: lan, protocol: tcp, ports: 22, action: accept }")],
    ["the default accepts", input("{ id: some, from: 10.9.0.0/16, action: drop }", "accept")],
    ["only what goes through is dropped", "firewall: { forward: { default: drop } }"],
  ] as const;
  for (const [name, text] of open)
    it(`is not told of where ${name}`, () => assert.deepEqual(valid(text).notices, []));
});

describe("timeouts", () => {
  it("below what the RFCs ask for are told of", () => {
    const { notices, document } = valid(
      "timeouts: { udp: 30s, tcpEstablished: 1h, icmp: 60s, generic: 10s, tcpTimeWait: 2m }",
    );
    assert.deepEqual(notices, [
      "timeout-below-rfc timeouts.udp",
      "timeout-below-rfc timeouts.tcpTimeWait",
      "timeout-below-rfc timeouts.tcpEstablished",
    ]);
    assert.equal(document.timeouts.tcpEstablished, 3_600_000);
  });
});

describe("users", () => {
  it("of whom none is an admin are told of", () => {
    assert.deepEqual(valid("users: {}").notices, ["no-admin users"]);
    assert.deepEqual(valid("users: { ana: { role: operator } }").notices, ["no-admin users"]);
    assert.deepEqual(valid("users: { ana.b: { role: operator }, ben_2: { role: admin } }").notices, []);
    assert.equal(valid("").document.users, undefined);
    const many = Array.from({ length: 1_001 }, (_, index) => `u${index}: { role: admin }`);
    assert.deepEqual(
      read(`users: { ${many.join(", ")} }`).problems.map(({ code }) => code),
      ["too-many-users"],
    );
  });
});

describe("routes beside the network between the nodes", () => {
  const codes = (to: string) =>
    read(`routes: [{ id: a, to: ${to}, via: 10.1.0.254 }]`).problems.map(({ code }) => code);

  it("may be wider than it: the narrower network goes first", () => {
    for (const to of ["10.255.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "10.255.1.0/24"])
      assert.deepEqual(codes(to), [], to);
  });

  it("may not be as narrow", () => {
    for (const to of ["10.255.0.0/24", "10.255.0.128/25", "10.255.0.2/32"])
      assert.deepEqual(codes(to), ["route-covers-sync"], to);
  });
});

describe("a document without a firewall", () => {
  it("has none, and the defaults of logging", () => {
    const { document } = valid("");
    assert.equal(document.firewall, undefined);
    assert.deepEqual(document.logging, {
      level: "info",
      firewall: { prefix: "tocha ", rate: { count: 10, per: "second" } },
    });
    assert.deepEqual([document.sets, document.routes, document.timeouts], [{}, [], {}]);
  });
});
