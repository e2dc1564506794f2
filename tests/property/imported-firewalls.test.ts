import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { validIp } from "../../src/base/ip.ts";
import { type IpRange, parseIpRange, rangeContains } from "../../src/base/ip-range.ts";
import { parsePortRange } from "../../src/base/port-range.ts";
import { imported } from "../../src/import/imported-firewall.test-data.ts";

// Any firewall of nftables, imported: every packet that the document lets through and the original did not must be told of, and
// so must be every one that it stops. The original is judged here rule by rule, as the kernel does, without a look at the import.

interface Packet {
  readonly family: 4 | 6;
  readonly in: string;
  readonly out: string;
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** Of a kind that the document does not know. */
  readonly mark: number;
}

interface Condition {
  readonly text: string;
  readonly holds: (packet: Packet) => boolean;
}

type Verdict =
  | { readonly kind: "accept" | "drop" | "reject" | "return" | "none" }
  | { readonly kind: "jump" | "goto"; readonly chain: number };

interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: Verdict;
}

interface Table {
  readonly family: "ip" | "ip6" | "inet";
  readonly policy: "accept" | "drop";
  /** The first is the base chain; the others are jumped to by chains before them. */
  readonly chains: readonly (readonly Rule[])[];
}

const hosts = { 4: ["10.0.0.1", "10.0.0.2", "10.0.1.1"], 6: ["fd00::1", "fd00::2", "fd00:1::1"] } as const;
const nets = {
  4: ["10.0.0.0/24", "10.0.0.1-10.0.0.2", "10.0.0.2"],
  6: ["fd00::/64", "fd00::2", "::/0"],
} as const;
const devices = ["lan", "wan"] as const;
const ports = [22, 80, 8080] as const;

const packets: readonly Packet[] = ([4, 6] as const).flatMap((family) =>
  devices.flatMap((from) =>
    devices.flatMap((out) =>
      ["tcp", "udp", family === 4 ? "icmp" : "icmpv6"].flatMap((protocol) =>
        hosts[family].flatMap((source) =>
          hosts[family].flatMap((to) =>
            ports.flatMap((port) =>
              [0, 7].map((mark) => ({
                ...{ family, in: from, out, protocol, from: source, to, port, mark },
              })),
            ),
          ),
        ),
      ),
    ),
  ),
);

const isIn = (texts: readonly string[], address: string) =>
  texts.some((text) => rangeContains(parseIpRange(text) ?? assert.fail(text), validIp(address)));

const addresses = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    end: fc.constantFrom<"from" | "to">("from", "to"),
    places: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 2 }),
    isExcluded: fc.boolean(),
    isNamed: fc.boolean(),
  })
  .map(({ family, end, places, isExcluded, isNamed }): Condition => {
    const named = isNamed && places.length === 1 && family === 4;
    const texts = named ? ["10.0.0.2", "10.0.1.0/24"] : places.map((place) => nets[family][place] ?? "");
    // The kernel refuses elements that overlap.
    const own =
      family === 4
        ? texts.slice(0, named ? 2 : 1)
        : texts.filter((text) => text !== "::/0" || texts.length === 1);
    const words = named ? "@known" : own.length === 1 ? own[0] : `{ ${own.join(", ")} }`;
    const key = `${family === 4 ? "ip" : "ip6"} ${end === "from" ? "saddr" : "daddr"}`;
    return {
      text: `${key} ${isExcluded ? "!= " : ""}${words}`,
      holds: (packet) => packet.family === family && isIn(own, packet[end]) !== isExcluded,
    };
  });

/** Conditions that the document has. */
const known: readonly fc.Arbitrary<Condition>[] = [
  addresses,
  fc
    .record({
      key: fc.constantFrom<"in" | "out">("in", "out"),
      device: fc.constantFrom(...devices),
      isExcluded: fc.boolean(),
    })
    .map(({ key, device, isExcluded }) => ({
      text: `${key === "in" ? "iifname" : "oifname"} ${isExcluded ? "!= " : ""}"${device}"`,
      holds: (packet: Packet) => (packet[key] === device) !== isExcluded,
    })),
  fc
    .record({
      protocol: fc.constantFrom("tcp", "udp"),
      list: fc.uniqueArray(fc.constantFrom(...ports), { minLength: 1 }),
      isExcluded: fc.boolean(),
    })
    .map(({ protocol, list, isExcluded }) => ({
      text: `${protocol} dport ${isExcluded ? "!= " : ""}{ ${list.join(", ")} }`,
      holds: (packet: Packet) =>
        packet.protocol === protocol && list.some((port) => port === packet.port) !== isExcluded,
    })),
  fc.constantFrom("tcp", "udp", "icmp").map((protocol) => ({
    text: `meta l4proto ${protocol}`,
    holds: (packet: Packet) => packet.protocol === protocol,
  })),
  fc.constantFrom<4 | 6>(4, 6).map((family) => ({
    text: `meta nfproto ipv${family}`,
    holds: (packet: Packet) => packet.family === family,
  })),
  fc.constant({ text: "ct state new", holds: () => true }),
];
const strange = fc.constant({ text: "meta mark 7", holds: (packet: Packet) => packet.mark === 7 });

/**
 * @param later chains that it may jump to
 * @param isKnown whether the document has all that is in it
 */
function rule(later: readonly number[], isKnown: boolean): fc.Arbitrary<Rule> {
  const verdicts: fc.Arbitrary<Verdict>[] = [
    fc.constantFrom("accept", "accept", "drop", "reject", "none").map((kind) => ({ kind })),
  ];
  if (!isKnown) verdicts.push(fc.constant<Verdict>({ kind: "return" }));
  if (later.length > 0) {
    // A goto from a chain that was jumped to is not the document's.
    const kind = isKnown && later.length < 2 ? fc.constant("jump") : fc.constantFrom("jump", "goto");
    verdicts.push(fc.record({ kind, chain: fc.constantFrom(...later) }));
  }
  const one = isKnown ? fc.oneof(...known) : fc.oneof(...known, strange, strange);
  return fc.record({ conditions: fc.array(one, { maxLength: 3 }), verdict: fc.oneof(...verdicts) });
}

function table(isKnown: boolean): fc.Arbitrary<Table> {
  return fc.record({
    family: fc.constantFrom("ip", "ip6", "inet", "inet"),
    policy: fc.constantFrom("accept", "drop"),
    chains: fc.tuple(
      fc.array(rule([1, 2], isKnown), { maxLength: 5 }),
      fc.array(rule([2], isKnown), { maxLength: 4 }),
      fc.array(rule([], isKnown), { maxLength: 4 }),
    ),
  });
}

function textOf({ family, policy, chains }: Table, index: number): string {
  const rules = chains.map((list) =>
    list.map(({ conditions, verdict }) => {
      const target = "chain" in verdict ? ` c${verdict.chain}` : "";
      const verb =
        verdict.kind === "none"
          ? "counter"
          : verdict.kind === "reject"
            ? "reject with icmpx admin-prohibited"
            : verdict.kind;
      return `${conditions.map(({ text }) => text).join(" ")} ${verb}${target}\n`;
    }),
  );
  const [base = [], ...others] = rules;
  return `table ${family} t${index} {
set known { type ipv4_addr; flags interval; elements = { 10.0.0.2, 10.0.1.0/24 }; }
${others.map((list, place) => `chain c${place + 1} {\n${list.join("")}}\n`).join("")}
chain c0 { type filter hook forward priority ${index}; policy ${policy};
ct state established,related accept
${base.join("")}}
}
`;
}

/** What the original does with a packet. */
function passes(tables: readonly Table[], packet: Packet): boolean {
  return tables.every(({ family, policy, chains }) => {
    if (family !== "inet" && (family === "ip") !== (packet.family === 4)) return true;
    return (judge(chains, 0, packet) ?? policy) === "accept";
  });
}

/** @returns undefined where the packet comes back from the chain */
function judge(chains: Table["chains"], index: number, packet: Packet): "accept" | "drop" | undefined {
  for (const { conditions, verdict } of chains[index] ?? []) {
    if (!conditions.every(({ holds }) => holds(packet))) continue;
    if (verdict.kind === "accept") return "accept";
    if (verdict.kind === "drop" || verdict.kind === "reject") return "drop";
    if (verdict.kind === "return") return undefined;
    if (verdict.kind === "none") continue;
    const inner = "chain" in verdict ? judge(chains, verdict.chain, packet) : undefined;
    if (inner !== undefined || verdict.kind === "goto") return inner;
  }
  return undefined;
}

/** What the document does with it, as docs/guide/firewall.md says. */
function documentPasses({ document }: ReturnType<typeof imported>): (packet: Packet) => boolean {
  const chain = document.firewall?.["forward"];
  const list = (value: unknown) => (value === undefined ? undefined : [value].flat().map(String));
  const ranges = (value: unknown) =>
    list(value)?.flatMap((text): IpRange[] => {
      const elements = text.startsWith("@") ? (document.sets?.[text.slice(1)]?.elements ?? []) : [text];
      return elements.map((one) => parseIpRange(String(one)) ?? assert.fail(String(one)));
    });
  const rules = (chain?.rules ?? []).map((one) => ({
    ...{ from: ranges(one["from"]), to: ranges(one["to"]), in: list(one["in"]), out: list(one["out"]) },
    ...{
      protocol: list(one["protocol"]),
      ports: list(one["ports"])?.flatMap((text) => parsePortRange(text) ?? []),
    },
    accepts: one["action"] === "accept",
  }));
  return (packet) => {
    const found = rules.find(
      (one) =>
        (one.in?.includes(packet.in) ?? true) &&
        (one.out?.includes(packet.out) ?? true) &&
        (one.protocol?.includes(packet.protocol) ?? true) &&
        (one.ports?.some(({ first, last }) => first <= packet.port && packet.port <= last) ?? true) &&
        (one.from?.some((range) => rangeContains(range, validIp(packet.from))) ?? true) &&
        (one.to?.some((range) => rangeContains(range, validIp(packet.to))) ?? true),
    );
    return found?.accepts ?? chain?.default !== "drop";
  };
}

/** How the two differ. */
function differences(tables: readonly Table[], result: ReturnType<typeof imported>) {
  const here = documentPasses(result);
  const others = packets.filter((packet) => passes(tables, packet) !== here(packet));
  return { opened: others.filter(here), closed: others.filter((packet) => !here(packet)) };
}

describe("imported firewalls", () => {
  const settings = { numRuns: 300, seed: 20_261_126 };

  it("do the same where the document has all that the original has, but for an interface that it may not know", () => {
    fc.assert(
      fc.property(fc.array(table(true), { minLength: 1, maxLength: 2 }), (tables) => {
        const text = tables.map(textOf).join("\n");
        const result = imported(text);
        const told = result.said.filter(
          (one) => /opened|lost/.test(one) && !/other interfaces|nothing that is carried over goes/.test(one),
        );
        assert.deepEqual(told, [], text);
        const { opened, closed } = differences(tables, result);
        assert.deepEqual(
          { opened: opened.slice(0, 2), closed: closed.slice(0, 2) },
          { opened: [], closed: [] },
          text,
        );
      }),
      settings,
    );
  });

  it("let nothing more through without saying so loudly, and stop nothing more without saying so", () => {
    let [more, less] = [0, 0];
    fc.assert(
      fc.property(fc.array(table(false), { minLength: 1, maxLength: 2 }), (tables) => {
        const text = tables.map(textOf).join("\n");
        const result = imported(text);
        const { opened, closed } = differences(tables, result);
        const told = () => `${text}\n${JSON.stringify([opened[0], closed[0]])}\n${result.said.join("\n")}`;
        if (opened.length > 0) more++;
        if (closed.length > 0) less++;
        assert.ok(opened.length === 0 || result.opened.length > 0, told());
        assert.ok(closed.length === 0 || result.lost.length + result.opened.length > 0, told());
      }),
      settings,
    );
    assert.ok(more > 10 && less > 10, `${more} let more through, ${less} less: the test would see nothing`);
  });
});
