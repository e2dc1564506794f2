import type { NamedSet, Rule, Ruleset } from "../../src/core/ruleset/ruleset.ts";

export interface LargeRuleset {
  readonly rules: number;
  readonly elements: number;
  /** Networks are intervals to the kernel, and to nft, which looks whether they overlap. */
  readonly elementKind: "addresses" | "networks";
  /** The rule or the element in the middle is another one with each number. */
  readonly variant?: { readonly rule?: number; readonly element?: number };
}

/** A gateway's rules, as large as the document may make them. */
export function largeRuleset({ rules, elements, elementKind, variant = {} }: LargeRuleset): Ruleset {
  const list = Array.from({ length: rules }, (_, index): Rule => {
    const port = 1_000 + index + (index === rules >> 1 ? rules * (variant.rule ?? 0) : 0);
    const match = `iifname "lan" ip saddr 10.${index % 256}.0.0/16 tcp dport ${port}`;
    return { match, verdict: "counter accept", comment: `service-${index}` };
  });
  const isNetworks = elementKind === "networks";
  const set: NamedSet = {
    ...{ kind: "set", name: "blocked" },
    header: isNetworks ? ["type ipv4_addr", "flags interval"] : ["type ipv4_addr"],
    elements: Array.from({ length: elements }, (_, index) => {
      const number = index === elements >> 1 ? elements + (variant.element ?? 0) : index;
      const address = `172.${16 + (number >> 14)}.${(number >> 6) & 0xff}.${(number & 0x3f) * 4}`;
      return isNetworks ? `${address}/31` : address;
    }),
  };
  const blocked: Rule = { match: "ip daddr @blocked", verdict: "counter drop", comment: "blocked" };
  return {
    tables: [
      {
        ...{ family: "inet", name: "tocha", objects: [], sets: [set] },
        chains: [
          {
            ...{ name: "forwarded", hook: "filter hook forward priority filter" },
            rules: [blocked, ...list],
          },
        ],
      },
    ],
  };
}
