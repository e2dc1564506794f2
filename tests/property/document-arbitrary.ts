import fc from "fast-check";
import { formatIp } from "../../src/base/ip.ts";
import { forwardRule, icmpTypes, icmpv6Types, portProtocols } from "../../src/contract/firewall-schema.ts";
import { timeoutNames } from "../../src/contract/timeouts-schema.ts";

/**
 * Documents at random, as people would write them: most of them are valid, and they use every key. A key of the document that
 * has an arbitrary in `documentParts` is drawn from it; each new part of the document gets one there.
 */
export function documentArbitrary(
  parts: Readonly<Record<string, fc.Arbitrary<unknown>>> = documentParts,
): fc.Arbitrary<string> {
  const drawn = fc.record(parts, { requiredKeys: [] });
  // JSON is YAML, and says exactly what is meant.
  return drawn.map((some) => JSON.stringify({ ...frame, ...some }, undefined, 1));
}

/** What every document has: two nodes, and the addresses that rules may name. */
const frame = {
  cluster: "campus",
  nodes: { gw1: nodeNumber(2), gw2: nodeNumber(3) },
  groups: {
    gateway: {
      virtualRouterId: 51,
      priorities: { gw1: 110, gw2: 100 },
      addresses: { lan: ["10.1.0.1/24", "fd00:1::1/64"], wan: ["192.0.2.1/24", "2001:db8::1/64"] },
      routedNetworks: { wan: ["198.18.16.0/20", "198.18.32.0/24"] },
    },
  },
  replication: { interface: "sync" },
  // Rules refer to them whether or not they are drawn.
  sets: {
    staff: { elements: ["10.1.0.0/25", "fd00:1::/64"] },
    web: { kind: "ports", elements: [80, "443"] },
  },
};

function nodeNumber(last: number) {
  return {
    interfaces: {
      lan: { device: "eth0", addresses: [`10.1.0.${last}/24`, `fd00:1::${last}/64`] },
      wan: { device: "eth1.20", addresses: [`192.0.2.${last}/24`, `2001:db8::${last}/64`] },
      sync: { device: "br-sync", addresses: [`10.255.0.${last}/24`] },
    },
  };
}

export const interfaceNames = ["lan", "wan", "sync"] as const;

/** An address of a family, close enough to others that they meet. */
function address(family: 4 | 6): fc.Arbitrary<string> {
  const bytes = fc.uint8Array({ minLength: 2, maxLength: 2 });
  return bytes.map(([a = 0, b = 0]) =>
    family === 4
      ? `10.${a % 4}.${b % 8}.${a}`
      : formatIp(Uint8Array.of(0xfd, 0, 0, a % 4, 0, b % 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, a)),
  );
}

export function networkOf(family: 4 | 6): fc.Arbitrary<string> {
  return fc
    .tuple(address(family), fc.integer({ min: 0, max: family === 4 ? 32 : 128 }))
    .map(([text, length]) => `${text}/${length}`);
}

/** An address, a network or a range. Host bits may be set. */
export function addressesOf(family: 4 | 6): fc.Arbitrary<string> {
  const range = fc.tuple(address(family), fc.integer({ min: 0, max: 15 })).map(([text, more]) => {
    const at = text.lastIndexOf(family === 4 ? "." : ":") + 1;
    const last = Number.parseInt(text.slice(at), family === 4 ? 10 : 16);
    const end = Math.min(255, last + more).toString(family === 4 ? 10 : 16);
    return Number.isNaN(last) ? text : `${text}-${text.slice(0, at)}${end}`;
  });
  return fc.oneof(address(family), networkOf(family), range);
}

const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(22, 53, 80, 81, 443));
export const ports: fc.Arbitrary<number | string> = fc.oneof(
  port,
  fc.tuple(port, port).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
);

export function oneOrSome<T>(item: fc.Arbitrary<T>, most = 4): fc.Arbitrary<T | T[]> {
  return fc.oneof(item, fc.array(item, { minLength: 1, maxLength: most }));
}

const rate = fc
  .tuple(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom("s", "m", "h"))
  .map(([count, unit]) => `${count}/${unit}`);

const addressSet = fc
  .array(fc.oneof(addressesOf(4), addressesOf(6)), { minLength: 1, maxLength: 40 })
  .map((elements) => ({ elements }));
const portSet = fc
  .array(ports, { minLength: 1, maxLength: 20 })
  .map((elements) => ({ kind: "ports", elements }));

const sets = fc.record({ staff: addressSet, web: portSet, "other-v4": addressSet, "other-ports": portSet });

function matched(family: 4 | 6, places: readonly string[]) {
  const addresses = oneOrSome(fc.oneof(addressesOf(family), fc.constant("@staff")));
  const byPorts = fc.record(
    {
      protocol: oneOrSome(fc.constantFrom(...portProtocols)),
      ports: oneOrSome(fc.oneof(ports, fc.constant("@web"))),
      sourcePorts: oneOrSome(fc.oneof(ports, fc.constant("@web"))),
    },
    { requiredKeys: ["protocol"] },
  );
  const byTypes = fc.record(
    {
      protocol: fc.constant(family === 4 ? "icmp" : "icmpv6"),
      types: oneOrSome(fc.constantFrom(...(family === 4 ? icmpTypes : icmpv6Types))),
    },
    { requiredKeys: ["protocol"] },
  );
  const plain = fc.record({ protocol: oneOrSome(fc.constantFrom("tcp", "gre", "esp", "ah", "ospf")) });
  const devices = Object.fromEntries(
    places.map((place) => [place, oneOrSome(fc.constantFrom(...interfaceNames), 3)]),
  );
  return fc
    .tuple(
      fc.record({ from: addresses, to: addresses, ...devices }, { requiredKeys: [] }),
      fc.oneof(fc.constant({}), byPorts, byTypes, plain),
    )
    .map(([where, what]) => ({ ...where, ...what }));
}

const done = fc.oneof(
  fc.record(
    {
      action: fc.constant("accept"),
      log: fc.boolean(),
      limit: rate,
      sourceLimit: rate,
      connections: fc.integer({ min: 1, max: 1_000_000 }),
    },
    { requiredKeys: ["action"] },
  ),
  fc.record(
    { action: fc.constantFrom("accept", "drop", "reject"), log: fc.boolean() },
    { requiredKeys: ["action"] },
  ),
);

function rules(prefix: string, places: readonly string[]) {
  const rule = fc
    .constantFrom<4 | 6>(4, 6)
    .chain((family) => fc.tuple(matched(family, places), done))
    .map(([match, action]) => ({ ...match, ...action }));
  return fc
    .array(rule, { maxLength: 8 })
    .map((list) => list.map((one, index) => ({ id: `${prefix}${index}`, ...one })));
}

function chain(prefix: string, places: readonly string[]) {
  return fc.record(
    { default: fc.constantFrom("accept", "drop"), rules: rules(prefix, places) },
    { requiredKeys: [] },
  );
}

const firewall = fc.record(
  { forward: chain("f", ["in", "out"]), input: chain("i", ["in"]) },
  { requiredKeys: [] },
);

const management = fc.record(
  {
    interfaces: oneOrSome(fc.constantFrom(...interfaceNames), 3),
    from: oneOrSome(fc.oneof(addressesOf(4), addressesOf(6), fc.constant("@staff"))),
    ports: fc.array(port, { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: [] },
);

const routes = fc.array(
  fc.oneof(
    fc.record({ via: fc.constantFrom("10.1.0.250", "192.0.2.250"), number: fc.nat(255) }),
    fc.record({ interface: fc.constantFrom("lan", "wan"), number: fc.nat(255) }),
  ),
  { maxLength: 4 },
);

const routeList = routes.map((list) =>
  list.map(({ number, ...rest }, index) => ({
    id: `r${index}`,
    to: `10.${64 + index}.${number}.0/24`,
    ...rest,
  })),
);

const timeouts = fc.record(
  Object.fromEntries(
    timeoutNames.map((name) => [name, fc.integer({ min: 1, max: 86_400 }).map((s) => `${s}s`)]),
  ),
  { requiredKeys: [] },
);

const logging = fc.record(
  {
    level: fc.constantFrom("error", "warning", "info", "debug"),
    firewall: fc.record(
      {
        prefix: fc.stringMatching(/^[A-Za-z0-9 _.:-]{0,32}$/),
        group: fc.integer({ min: 0, max: 65_535 }),
        rate,
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

const users = fc.dictionary(
  fc.stringMatching(/^[a-z][a-z0-9._-]{0,31}$/),
  fc.record({ role: fc.constantFrom("viewer", "operator", "admin") }),
  { maxKeys: 4 },
);

/** So many of each, with places of their own, so that no two of them overlap. */
const few = fc.array(fc.nat(255), { maxLength: 3 });

const sources = few.chain((list) =>
  fc.tuple(
    ...list.map((number, index) =>
      fc.oneof(
        fc.record(
          {
            from: fc.constant(`10.${64 + index}.${number}.0/24`),
            to: fc.constantFrom("192.0.2.1", "masquerade", "198.18.32.10-198.18.32.40", [
              "198.18.32.10-198.18.32.40",
              "198.18.32.50",
              "192.0.2.1",
            ]),
            ports: fc.constantFrom("1024-65535", "2000-3000"),
          },
          { requiredKeys: ["from", "to"] },
        ),
        fc.record({
          from: fc.constant(`fd00:${64 + index}::/64`),
          to: fc.constantFrom("2001:db8::1", "masquerade"),
        }),
      ),
    ),
  ),
);

const forwards = few.chain((list) =>
  fc.tuple(
    ...list.map((number, index) =>
      fc.record(
        {
          protocol: fc.constantFrom("tcp", "udp", "both"),
          address: fc.constantFrom("192.0.2.1", "198.18.32.60"),
          port: fc.constantFrom(
            1_000 * (index + 1) + number,
            `${1_000 * (index + 1)}-${1_000 * (index + 1) + number}`,
          ),
          target: fc.constant(`10.1.0.${20 + index}`),
          targetPort: port.filter((one) => one < 60_000),
          from: oneOrSome(fc.constantFrom("198.51.100.0/24", "203.0.113.0/24"), 2),
          hairpin: fc.boolean(),
        },
        { requiredKeys: ["protocol", "address", "port", "target"] },
      ),
    ),
  ),
);

const oneToOnes = few.map((list) =>
  list.map((number, index) => ({
    inside: `10.1.0.${100 + 30 * index + (number % 30)}`,
    outside: `198.18.32.${100 + 30 * index + (number % 30)}`,
  })),
);

const blocks = fc.array(fc.integer({ min: 100, max: 4_000 }), { maxLength: 2 }).map((list) =>
  list.map((portsPerSubscriber, index) => ({
    subscribers: `100.64.${index}.0/26`,
    pool: `198.18.${16 + index}.0/28`,
    portsPerSubscriber,
  })),
);

function named(prefix: string, list: readonly object[], more: object): object[] {
  return list.map((one, index) => ({ id: `${prefix}${index}`, ...one, ...more }));
}

const nat = fc
  .record({
    sources,
    forwards,
    oneToOnes,
    blocks,
    helpers: fc.subarray(["ftp", "tftp", "sip", "pptp", "irc", "h323"]),
  })
  .map((drawn) => ({
    source: named("source", drawn.sources, { out: "wan" }),
    forward: named("forward", drawn.forwards, {}),
    oneToOne: named("one", drawn.oneToOnes, { out: "wan" }),
    cgnat: named("block", drawn.blocks, { out: "wan" }),
    helpers: drawn.helpers,
  }));

/** By the key of the document. */
export const documentParts = {
  sets,
  firewall,
  management,
  routes: routeList,
  timeouts,
  logging,
  users,
  nat,
} as const;

/** The keys of a rule: a new one that is never drawn would be tested by nothing. */
export const ruleKeys: readonly string[] = Object.keys(forwardRule.shape);
