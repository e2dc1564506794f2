import { formatNetwork, ipFamily } from "../base/ip.ts";
import { rangeOfNetwork } from "../base/ip-range.ts";
import type { DocumentFacts } from "./document-facts.ts";
import { checkOutside } from "./document-nat-address-rules.ts";
import type { NatFacts, OneToOneFacts } from "./document-nat-facts.ts";
import { overlaps } from "./document-node-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** What must hold for translations one to one. That outside addresses are not used otherwise too is a rule for all pools. */
export function checkOneToOne(facts: DocumentFacts, nat: NatFacts): Finding[] {
  return nat.oneToOne.flatMap((rule, index) => [
    ...checkLengths(rule),
    ...checkInsides(rule, nat.oneToOne.slice(0, index)),
    ...checkOutsides(rule, facts, nat),
  ]);
}

function checkLengths({ inside, outside }: OneToOneFacts): Finding[] {
  if (inside === undefined || outside === undefined) return [];
  const { path } = outside;
  const pair = `${formatNetwork(inside.value)} and ${formatNetwork(outside.value)}`;
  if (ipFamily(inside.value.address) !== ipFamily(outside.value.address)) {
    const message = `${pair} are of two families`;
    return [{ code: "family-mismatch", path, on: "value", message, hint: "Write both as IPv4, or as IPv6." }];
  }
  if (inside.value.prefixLength === outside.value.prefixLength) return [];
  return [
    {
      code: "prefix-length-mismatch",
      path,
      on: "value",
      message: `${pair} differ in prefix length`,
      hint: "One to one needs as many addresses outside as inside.",
    },
  ];
}

/** The inside of two rules must differ, or nobody could say which one counts. */
function checkInsides({ inside, out }: OneToOneFacts, earlier: readonly OneToOneFacts[]): Finding[] {
  if (inside === undefined) return [];
  const same = earlier.find(
    (one) =>
      one.out?.value === out?.value && one.inside !== undefined && overlaps(one.inside.value, inside.value),
  );
  if (same?.inside === undefined) return [];
  return [
    {
      code: "overlapping-sources",
      path: inside.path,
      on: "value",
      message: `${formatNetwork(inside.value)} overlaps ${formatNetwork(same.inside.value)} of the rule "${clip(same.id?.value ?? "")}"`,
      hint: "Give every inside address one outside address.",
    },
  ];
}

function checkOutsides({ outside, out }: OneToOneFacts, facts: DocumentFacts, nat: NatFacts): Finding[] {
  if (outside === undefined || out === undefined) return [];
  const range = { value: rangeOfNetwork(outside.value), path: outside.path };
  return checkOutside(range, out.value, facts, nat);
}
