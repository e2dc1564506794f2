import fc from "fast-check";
import type { Chain, NamedSet, Rule, Ruleset, TableObject } from "./ruleset.ts";

// Rule sets by chance, as a kernel takes them: nothing is used that is not there. Few names and many variants, so that two of them have
// much in common, and so that what has the same name is often made in another way.

const addresses = Array.from({ length: 12 }, (_, index) => `10.0.0.${index + 1}`);
const networks = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "172.16.0.0/24", "172.16.1.0/24", "192.0.2.7"];

/** Undefined: it is not there. */
interface Draft {
  readonly limit: number | undefined;
  readonly counter: boolean;
  readonly helper: number | undefined;
  readonly addressSet: { readonly header: number; readonly elements: readonly string[] } | undefined;
  readonly networkSet: readonly string[] | undefined;
  readonly pools: readonly (readonly [number, number])[] | undefined;
  readonly portBlocks: readonly (readonly [number, number])[] | undefined;
  readonly verdicts: readonly (readonly [number, number])[] | undefined;
  readonly limits: readonly number[] | undefined;
  readonly inner: readonly number[] | undefined;
  readonly outer: readonly number[] | undefined;
  readonly base: { readonly hook: number; readonly rules: readonly number[] };
  readonly translate: { readonly hook: number; readonly rules: readonly number[] } | undefined;
  readonly arp: readonly number[] | undefined;
}

const index = (below: number) => fc.integer({ min: 0, max: below - 1 });
const maybe = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined, freq: 5 });
const rules = fc.array(index(40), { maxLength: 14 });
const entries = fc.uniqueArray(fc.tuple(index(addresses.length), index(6)), { selector: ([key]) => key });

const draft: fc.Arbitrary<Draft> = fc.record({
  limit: maybe(index(2)),
  counter: fc.boolean(),
  helper: maybe(index(2)),
  addressSet: maybe(fc.record({ header: index(2), elements: fc.subarray(addresses) })),
  networkSet: maybe(fc.subarray(networks).map(disjoint)),
  pools: maybe(entries),
  portBlocks: maybe(entries),
  verdicts: maybe(entries),
  limits: maybe(fc.subarray(addresses.map((_, place) => place))),
  inner: maybe(rules),
  outer: maybe(rules),
  base: fc.record({ hook: index(2), rules }),
  translate: maybe(fc.record({ hook: index(2), rules })),
  arp: maybe(rules),
});

/** Intervals of one set must not overlap. */
function disjoint(chosen: readonly string[]): readonly string[] {
  return chosen.includes("10.0.0.0/8") ? chosen.filter((text) => !/^10\.[01]\.0\.0\/16$/.test(text)) : chosen;
}

/** Two rule sets, of which the second has about half of its parts from the first. */
export const rulesetPairs: fc.Arbitrary<readonly [Ruleset, Ruleset]> = fc
  .tuple(draft, draft, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }))
  .map(([first, second, takes]) => {
    const mixed = Object.fromEntries(
      Object.entries(second).map(([key, value], place) => [
        key,
        takes[place] ? value : first[key as keyof Draft],
      ]),
    );
    return [rulesetOf(first), rulesetOf(mixed as unknown as Draft)] as const;
  });

function rulesetOf(drawn: Draft): Ruleset {
  const objects: TableObject[] = [
    ...(drawn.limit === undefined
      ? []
      : [
          { kind: "limit", name: "slow", body: [`rate ${10 + drawn.limit}/second burst 5 packets`] } as const,
        ]),
    ...(drawn.counter ? [{ kind: "counter", name: "total", body: [] } as const] : []),
    ...(drawn.helper === undefined ? [] : [helper(drawn.helper)]),
  ];
  const has = new Set([
    ...objects.map(({ name }) => name),
    ...Object.entries(drawn).flatMap(([key, value]) => (value === undefined ? [] : [key])),
  ]);
  const chains: Chain[] = [
    ...(drawn.inner === undefined ? [] : [chain("inner", undefined, filterRules(drawn.inner, has, []))]),
    ...(drawn.outer === undefined
      ? []
      : [chain("outer", undefined, filterRules(drawn.outer, has, jumps(["inner"], has)))]),
    chain(
      "base",
      ["filter hook forward priority filter", "filter hook input priority mangle"][drawn.base.hook],
      filterRules(drawn.base.rules, has, [
        ...jumps(["inner", "outer"], has),
        ...(has.has("verdicts") ? ["ip saddr vmap @verdicts"] : []),
      ]),
    ),
    ...(drawn.translate === undefined
      ? []
      : [
          chain(
            "translate",
            ["nat hook postrouting priority srcnat", "nat hook postrouting priority 90"][
              drawn.translate.hook
            ],
            natRules(drawn.translate.rules, has),
          ),
        ]),
  ];
  const arpRules = drawn.arp?.map((number) =>
    rule(`arp daddr ip 10.0.1.${number}`, "counter drop", `arp ${number}`),
  );
  return {
    tables: [
      { family: "inet", name: "tocha", objects, sets: setsOf(drawn, has), chains },
      ...(arpRules === undefined
        ? []
        : [
            {
              ...{ family: "arp" as const, name: "tocha", objects: [], sets: [] },
              chains: [chain("base", "filter hook input priority filter", arpRules)],
            },
          ]),
    ],
  };
}

function helper(variant: number): TableObject {
  const body = [`type "${["ftp", "irc"][variant]}" protocol tcp;`];
  return { kind: "ct helper", name: "helped-tcp", body };
}

function setsOf(drawn: Draft, has: ReadonlySet<string>): NamedSet[] {
  const map = (name: string, header: readonly string[], elements: readonly string[]): NamedSet => ({
    ...{ kind: "map", name, header, elements },
  });
  const at = (place: number) => addresses[place] ?? "";
  const targets = ["accept", "drop", "return", ...jumps(["inner", "outer"], has)];
  return [
    ...(drawn.addressSet === undefined
      ? []
      : [
          {
            ...({ kind: "set", name: "addressSet" } as const),
            header: [
              "type ipv4_addr",
              ...["", "size 100"].slice(0, drawn.addressSet.header + 1).filter(Boolean),
            ],
            elements: drawn.addressSet.elements,
          },
        ]),
    ...(drawn.networkSet === undefined
      ? []
      : [
          {
            ...({ kind: "set", name: "networkSet" } as const),
            ...{ header: ["type ipv4_addr", "flags interval"], elements: drawn.networkSet },
          },
        ]),
    ...(drawn.pools === undefined
      ? []
      : [
          map(
            "pools",
            ["type ipv4_addr : ipv4_addr"],
            drawn.pools.map(([key, value]) => `${at(key)} : 192.0.2.${value + 1}`),
          ),
        ]),
    ...(drawn.portBlocks === undefined
      ? []
      : [
          map(
            "portBlocks",
            ["type ipv4_addr : interval ipv4_addr . inet_service", "flags interval"],
            drawn.portBlocks.map(
              ([key, value]) =>
                `${at(key)} : 192.0.2.1 . ${1_000 * (value + 1)}-${1_000 * (value + 1) + 999}`,
            ),
          ),
        ]),
    ...(drawn.verdicts === undefined
      ? []
      : [
          map(
            "verdicts",
            ["type ipv4_addr : verdict"],
            drawn.verdicts.map(([key, value]) => `${at(key)} : ${targets[value % targets.length]}`),
          ),
        ]),
    ...(drawn.limits === undefined || !has.has("slow")
      ? []
      : [
          map(
            "limits",
            ["type ipv4_addr : limit"],
            drawn.limits.map((key) => `${at(key)} : "slow"`),
          ),
        ]),
  ];
}

function jumps(names: readonly string[], has: ReadonlySet<string>): string[] {
  return names.filter((name) => has.has(name)).map((name) => `jump ${name}`);
}

/** Every verdict counts, so that it can be seen who was kept. */
function filterRules(
  numbers: readonly number[],
  has: ReadonlySet<string>,
  further: readonly string[],
): Rule[] {
  const kinds = [
    ["", "counter accept"],
    ["", "counter"],
    ["ip daddr { 10.0.0.1, 10.0.0.2 }", "counter drop"],
    ...(has.has("addressSet") ? [["ip saddr @addressSet", "counter accept"]] : []),
    ...(has.has("networkSet") ? [["ip saddr @networkSet", "counter drop"]] : []),
    ...(has.has("slow") ? [["ip daddr 10.3.0.0/16", 'counter limit name "slow" accept']] : []),
    ...(has.has("total") ? [["", 'counter counter name "total"']] : []),
    ...(has.has("helped-tcp") ? [["ct state new tcp dport 21", 'counter ct helper set "helped-tcp"']] : []),
    ...(has.has("limits") && has.has("slow") ? [["", "counter limit name ip saddr map @limits accept"]] : []),
    ...further.map((verdict) => ["", `counter ${verdict}`]),
  ];
  return numbers.map((number) => {
    const [match = "", verdict = ""] = kinds[number % kinds.length] ?? [];
    // Two of a kind may be alike in every letter.
    const port = number % 3;
    return rule(`${match} tcp dport ${port + 1}`.trim(), verdict, `kind ${number % kinds.length}`);
  });
}

function natRules(numbers: readonly number[], has: ReadonlySet<string>): Rule[] {
  const kinds = [
    "counter masquerade",
    "counter snat ip to 192.0.2.1",
    ...(has.has("pools") ? ["counter snat ip to ip saddr map @pools"] : []),
    ...(has.has("portBlocks") ? ["counter snat ip to ip saddr map @portBlocks"] : []),
  ];
  return numbers.map((number) => {
    const verdict = kinds[number % kinds.length] ?? "";
    return rule(`meta l4proto tcp ip daddr 10.9.0.${number % 5}`, verdict, `nat ${number % 5}`);
  });
}

function rule(match: string, verdict: string, comment: string): Rule {
  return { match, verdict, comment };
}

function chain(name: string, hook: string | undefined, chainRules: readonly Rule[]): Chain {
  return { name, hook, rules: chainRules };
}
