import { equalIp, formatIp, type IpNetwork, ipFamily, networkContains } from "../base/ip.ts";
import { rangeContains, rangeOfIp } from "../base/ip-range.ts";
import type { DocumentFacts, Fact } from "./document-facts.ts";
import { checkOutside, outsideAddresses } from "./document-nat-address-rules.ts";
import { blocksOf, type ForwardFacts, type NatFacts } from "./document-nat-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import type { PortRange } from "./nat-schema.ts";

/** What must hold for port forwards. */
export function checkForwards(facts: DocumentFacts, nat: NatFacts): Finding[] {
  return nat.forwards.flatMap((rule, index) => [
    ...checkAddress(rule, facts, nat),
    ...checkTarget(rule, facts, nat),
    ...checkTargetPort(rule),
    ...checkFamilies(rule),
    ...checkBlocks(rule, nat),
    ...checkTwice(rule, nat.forwards.slice(0, index)),
  ]);
}

/** What is allowed, but hardly meant. */
export function forwardNotices(facts: DocumentFacts, nat: NatFacts): Finding[] {
  return nat.forwards.flatMap((rule, index): Finding[] => {
    const cover = nat.forwards.slice(0, index).find((earlier) => covers(earlier, rule));
    const never: Finding[] =
      cover === undefined
        ? []
        : [
            {
              code: "rule-never-matches",
              path: rule.path,
              on: "value",
              message: `the forward "${nameOf(rule)}" never matches: "${nameOf(cover)}" before it takes everything that it would`,
              hint: "Put it before the other one, or take it away.",
            },
          ];
    return [...never, ...strangerNotice(rule, facts, nat)];
  });
}

function nameOf({ id }: ForwardFacts): string {
  return clip(id?.value ?? "");
}

function checkAddress({ address }: ForwardFacts, facts: DocumentFacts, nat: NatFacts): Finding[] {
  if (address === undefined) return [];
  const { value, path } = address;
  return checkOutside({ value: rangeOfIp(value), path }, undefined, facts, nat);
}

function checkTarget({ target }: ForwardFacts, facts: DocumentFacts, nat: NatFacts): Finding[] {
  if (target === undefined) return [];
  const own = facts.nodes.flatMap((node) => node.interfaces.flatMap(({ addresses }) => addresses.items));
  const isOurs =
    own.some((fact) => equalIp(fact.value.address, target.value)) ||
    outsideAddresses(facts, nat).ranges.some((range) => rangeContains(range, target.value));
  if (!isOurs) return [];
  return [
    {
      code: "bad-nat-target",
      path: target.path,
      on: "value",
      message: `${formatIp(target.value)} is an address of the cluster itself`,
      hint: "Name the host behind the gateway that shall answer.",
    },
  ];
}

function checkTargetPort({ port, targetPort }: ForwardFacts): Finding[] {
  if (port === undefined || targetPort === undefined) return [];
  const count = port.value.last - port.value.first + 1;
  if (targetPort.value + count - 1 <= 65_535) return [];
  return [
    {
      code: "bad-ports",
      path: targetPort.path,
      on: "value",
      message: `${count} ports from ${targetPort.value} on end after 65535`,
      hint: `Name ${65_536 - count} or a smaller port: it is the first of as many as in \`port\`.`,
    },
  ];
}

function checkFamilies({ address, target, from }: ForwardFacts): Finding[] {
  if (address === undefined) return [];
  const family = ipFamily(address.value);
  const others = [
    ...(target === undefined || ipFamily(target.value) === family ? [] : [target.path]),
    ...from.items.filter((fact) => ipFamily(fact.value.address) !== family).map(({ path }) => path),
  ];
  return others.slice(0, 1).map((path) => ({
    code: "family-mismatch",
    path,
    on: "value",
    message: `${formatIp(address.value)} is IPv${family}, and this is IPv${family === 4 ? 6 : 4}`,
    hint: `Name an IPv${family} address or network, or make a rule of its own for each family.`,
  }));
}

/** The ports of subscribers are theirs: what a forward took of them would be missing there. */
function checkBlocks({ address, port }: ForwardFacts, { cgnat }: NatFacts): Finding[] {
  if (address === undefined || port === undefined) return [];
  return cgnat.flatMap((rule): Finding[] => {
    const blocks = blocksOf(rule);
    const first = rule.firstPort?.value ?? 0;
    if (blocks === undefined || !rule.pool.some((part) => rangeContains(part.value, address.value)))
      return [];
    if (port.value.last < first || port.value.first > blocks.lastPort) return [];
    const owner = blocks.subscriberOf(address.value, Math.max(first, port.value.first));
    const whose = owner === undefined ? "" : `, the first of them to ${formatIp(owner)}`;
    return [
      {
        code: "forward-in-pool",
        path: port.path,
        on: "value",
        message: `ports ${first}-${blocks.lastPort} of ${formatIp(address.value)} belong to the subscribers of "${clip(rule.id?.value ?? "")}"${whose}`,
        hint: `Forward a port below ${first}, or an address that is not in the pool.`,
      },
    ];
  });
}

function checkTwice(rule: ForwardFacts, earlier: readonly ForwardFacts[]): Finding[] {
  const same = earlier.find((one) => covers(one, rule) && covers(rule, one));
  if (same === undefined) return [];
  return [
    {
      code: "duplicate-forward",
      path: rule.path,
      on: "value",
      message: `"${nameOf(same)}" forwards the same address and port already`,
      hint: "Take one of the two away, or give each its own `from`.",
    },
  ];
}

/** Everything that the second matches is matched by the first. */
function covers(first: ForwardFacts, second: ForwardFacts): boolean {
  if (first.address === undefined || second.address === undefined) return false;
  if (first.port === undefined || second.port === undefined || first.protocol === undefined) return false;
  return (
    equalIp(first.address.value, second.address.value) &&
    (first.protocol === "both" || first.protocol === second.protocol) &&
    contains(first.port.value, second.port.value) &&
    coversSources(first.from.items, second.from.items)
  );
}

function contains(outer: PortRange, inner: PortRange): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

function coversSources(outer: readonly Fact<IpNetwork>[], inner: readonly Fact<IpNetwork>[]): boolean {
  if (outer.length === 0) return true;
  return (
    inner.length > 0 &&
    inner.every(({ value }) =>
      outer.some(
        (one) => one.value.prefixLength <= value.prefixLength && networkContains(one.value, value.address),
      ),
    )
  );
}

/** A route of the nodes may lead there, of which the document says nothing: that is no mistake, but a typing error looks the same. */
function strangerNotice({ target }: ForwardFacts, facts: DocumentFacts, nat: NatFacts): Finding[] {
  if (target === undefined) return [];
  const links = facts.nodes.flatMap((node) => node.interfaces.flatMap(({ addresses }) => addresses.items));
  const named = [
    ...nat.sources.flatMap(({ from }) => from.items),
    ...nat.oneToOne.flatMap(({ inside }) => (inside === undefined ? [] : [inside])),
    ...nat.cgnat.flatMap(({ subscribers }) => subscribers.items),
  ];
  if ([...links, ...named].some(({ value }) => networkContains(value, target.value))) return [];
  return [
    {
      code: "unknown-inside-host",
      path: target.path,
      on: "value",
      message: `${formatIp(target.value)} lies in no network that the document names`,
      hint: "If it is not mistyped, see that every node has a route to it.",
    },
  ];
}
