import { type IpAddress, type IpNetwork, ipFamily, parseNetwork } from "../base/ip.ts";
import { type IpRange, parseIpRange } from "../base/ip-range.ts";
import {
  type AddressList,
  addressList,
  child,
  entries,
  type Fact,
  items,
  networkFact,
  numberFact,
  textFact,
} from "./document-facts.ts";
import { parseHostAddress } from "./document-scalars.ts";
import type { DocumentPath } from "./located-yaml.ts";
import { type PortRange, parsePortRange } from "./nat-schema.ts";
import { PortBlocks } from "./port-blocks.ts";

/** What the document says of translation, as far as it can be understood (see DocumentFacts). */
export interface NatFacts {
  /** In the order in which they are tried. */
  readonly sources: readonly PoolRuleFacts[];
  readonly forwards: readonly ForwardFacts[];
  readonly oneToOne: readonly OneToOneFacts[];
  readonly cgnat: readonly CgnatFacts[];
  readonly routed: readonly RoutedFacts[];
}

export interface RuleFacts {
  readonly id: Fact<string> | undefined;
  /** Of the rule itself. */
  readonly path: DocumentPath;
}

/** A source rule, with what it translates to where that is addresses; none for masquerade and prefixes. */
export interface PoolRuleFacts extends RuleFacts {
  readonly from: AddressList;
  readonly out: Fact<string> | undefined;
  readonly pool: readonly Fact<IpRange>[];
  readonly ports: Fact<PortRange> | undefined;
  /** Whether it translates to a prefix. */
  readonly isPrefix: boolean;
}

export interface ForwardFacts extends RuleFacts {
  readonly protocol: "tcp" | "udp" | "both" | undefined;
  readonly address: Fact<IpAddress> | undefined;
  readonly port: Fact<PortRange> | undefined;
  readonly target: Fact<IpAddress> | undefined;
  readonly targetPort: Fact<number> | undefined;
  /** Empty for everybody. */
  readonly from: AddressList;
}

export interface OneToOneFacts extends RuleFacts {
  readonly inside: Fact<IpNetwork> | undefined;
  readonly outside: Fact<IpNetwork> | undefined;
  readonly out: Fact<string> | undefined;
}

export interface CgnatFacts extends RuleFacts {
  readonly subscribers: AddressList;
  readonly subscribersPath: DocumentPath;
  readonly out: Fact<string> | undefined;
  readonly pool: readonly Fact<IpRange>[];
  readonly poolPath: DocumentPath;
  /** Whether all of the pool was understood. */
  readonly isPoolComplete: boolean;
  readonly portsPerSubscriber: Fact<number> | undefined;
  readonly firstPort: Fact<number> | undefined;
}

/** Networks that are routed to a group on one interface. */
export interface RoutedFacts {
  readonly group: string;
  readonly role: string;
  readonly path: DocumentPath;
  readonly list: AddressList;
}

export function natFacts(root: unknown): NatFacts {
  return {
    sources: items(root, ["nat", "source"]).map(poolRuleFacts),
    forwards: items(root, ["nat", "forward"]).map(forwardFacts),
    oneToOne: items(root, ["nat", "oneToOne"]).map(oneToOneFacts),
    cgnat: items(root, ["nat", "cgnat"]).map(cgnatFacts),
    routed: entries(root, ["groups"]).flatMap((group) =>
      entries(group.value, ["routedNetworks"], group.path).map(({ key, value, path }) => ({
        ...{ group: group.key, role: key, path },
        list: addressList(value, path, parseNetwork),
      })),
    ),
  };
}

interface Item {
  readonly value: unknown;
  readonly path: DocumentPath;
}

function poolRuleFacts({ value, path }: Item): PoolRuleFacts {
  const to = child(value, "to");
  const isPrefix = typeof to === "string" && to.includes("/");
  return {
    id: textAt(value, "id", path),
    path,
    from: networksAt(value, "from", path),
    out: textAt(value, "out", path),
    pool: isPrefix ? [] : rangesAt(value, "to", path),
    ports: portsAt(value, "ports", path),
    isPrefix,
  };
}

function forwardFacts({ value, path }: Item): ForwardFacts {
  const protocol = child(value, "protocol");
  return {
    id: textAt(value, "id", path),
    path,
    protocol: protocol === "tcp" || protocol === "udp" || protocol === "both" ? protocol : undefined,
    address: hostAt(value, "address", path),
    port: portsAt(value, "port", path),
    target: hostAt(value, "target", path),
    targetPort: numberFact(child(value, "targetPort"), [...path, "targetPort"]),
    from: networksAt(value, "from", path),
  };
}

function oneToOneFacts({ value, path }: Item): OneToOneFacts {
  return {
    id: textAt(value, "id", path),
    path,
    inside: networkFact(child(value, "inside"), [...path, "inside"], parseNetwork)[0],
    outside: networkFact(child(value, "outside"), [...path, "outside"], parseNetwork)[0],
    out: textAt(value, "out", path),
  };
}

function cgnatFacts({ value, path }: Item): CgnatFacts {
  const given = child(value, "pool");
  const pool = rangesAt(value, "pool", path);
  return {
    id: textAt(value, "id", path),
    path,
    subscribers: networksAt(value, "subscribers", path),
    subscribersPath: [...path, "subscribers"],
    out: textAt(value, "out", path),
    pool,
    poolPath: [...path, "pool"],
    isPoolComplete: pool.length === (Array.isArray(given) ? given.length : 1),
    portsPerSubscriber: numberFact(child(value, "portsPerSubscriber"), [...path, "portsPerSubscriber"]),
    firstPort: numberFact(child(value, "firstPort") ?? 1_024, [...path, "firstPort"]),
  };
}

function textAt(value: unknown, key: string, path: DocumentPath): Fact<string> | undefined {
  return textFact(child(value, key), [...path, key]);
}

function hostAt(value: unknown, key: string, path: DocumentPath): Fact<IpAddress> | undefined {
  const text = textAt(value, key, path);
  const address = text === undefined ? undefined : parseHostAddress(text.value)?.address;
  return address === undefined ? undefined : { value: address, path: [...path, key] };
}

function portsAt(value: unknown, key: string, path: DocumentPath): Fact<PortRange> | undefined {
  const range = parsePortRange(child(value, key));
  return range === undefined ? undefined : { value: range, path: [...path, key] };
}

/** One network or a list of them. */
function networksAt(value: unknown, key: string, path: DocumentPath): AddressList {
  const given = child(value, key);
  return typeof given === "string"
    ? { items: networkFact(given, [...path, key], parseNetwork), complete: true }
    : addressList(given, [...path, key], parseNetwork);
}

/** One range or a list of them. */
function rangesAt(value: unknown, key: string, path: DocumentPath): Fact<IpRange>[] {
  const given = child(value, key);
  const one = (text: unknown, at: DocumentPath): Fact<IpRange>[] => {
    const range = typeof text === "string" ? parseIpRange(text) : undefined;
    return range === undefined ? [] : [{ value: range, path: at }];
  };
  if (!Array.isArray(given)) return one(given, [...path, key]);
  return given.flatMap((text: unknown, index) => one(text, [...path, key, index]));
}

/** The blocks of a rule, where all that they follow from was understood. */
export function blocksOf(rule: CgnatFacts): PortBlocks | undefined {
  const { subscribers, pool, portsPerSubscriber, firstPort } = rule;
  const ports = [portsPerSubscriber?.value, firstPort?.value];
  if (!ports.every((port) => Number.isInteger(port) && Number(port) >= 1)) return undefined;
  const isOld = [
    ...subscribers.items.map(({ value }) => ipFamily(value.address)),
    ...pool.map(({ value }) => value.family),
  ].every((family) => family === 4);
  const isWhole = subscribers.complete && subscribers.items.length > 0 && rule.isPoolComplete;
  if (!isOld || !isWhole) return undefined;
  return new PortBlocks({
    subscribers: subscribers.items.map(({ value }) => value),
    pool: pool.map(({ value }) => value),
    portsPerSubscriber: portsPerSubscriber?.value ?? 1,
    firstPort: firstPort?.value ?? 1,
  });
}
