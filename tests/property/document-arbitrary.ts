import fc from "fast-check";
import { icmpTypes, icmpv6Types, portProtocols } from "../../src/contract/firewall-schema.ts";
import type { ReadFile } from "../../src/contract/set-file.ts";
import { timeoutNames } from "../../src/contract/timeouts-schema.ts";
import {
  api,
  arbiter,
  control,
  history,
  keys,
  metrics,
  nodesAndGroups,
  pulses,
  replication,
} from "./cluster-arbitrary.ts";
import { nat } from "./nat-arbitrary.ts";
import { addressesOf, interfaceNames, oneOrSome, optional, port, ports } from "./scalar-arbitraries.ts";

/**
 * Documents at random, as people would write them: most of them are valid, and they use every key. A key of the document that
 * has an arbitrary in `documentParts` is drawn from it; each new part of the document gets one there.
 */
export function documentArbitrary(): fc.Arbitrary<string> {
  const drawn = fc.tuple(nodesAndGroups, replication, fc.record(documentParts, { requiredKeys: [] }));
  // JSON is YAML, and says exactly what is meant.
  return drawn.map(([cluster, streams, some]) =>
    JSON.stringify({ ...frame, ...cluster, replication: streams, ...some }, undefined, 1),
  );
}

/** What every document has beside nodes and groups. Rules refer to the sets whether or not they are drawn. */
const frame = {
  cluster: "campus",
  sets: {
    staff: { elements: ["10.1.0.0/25", "fd00:1::/64"] },
    web: { kind: "ports", elements: [80, "443"] },
    listed: { file: "addresses-20.txt" },
    "listed-ports": { kind: "ports", file: "ports-20.txt" },
  },
};

/** The files that drawn documents name: so many lines as the name says. */
export const setFiles: ReadFile = (name) => {
  const [, kind, count] = /^([a-z]+)-([0-9]+)\.txt$/.exec(name) ?? [];
  const line = (index: number) =>
    kind === "ports"
      ? String(1_000 + 7 * index)
      : index % 2 === 0
        ? `10.9.${index}.0/24`
        : `fd00:9:${index}::/48`;
  return {
    name,
    text: Array.from({ length: Number(count) }, (_, index) => `${line(index)} # ${index}\n`).join(""),
  };
};

const rate = fc
  .tuple(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom("s", "m", "h"))
  .map(([count, unit]) => `${count}/${unit}`);

const addressSet = fc
  .array(fc.oneof(addressesOf(4), addressesOf(6)), { minLength: 1, maxLength: 40 })
  .map((elements) => ({ elements }));
const fileOf = (kind: string) => fc.integer({ min: 2, max: 200 }).map((count) => `${kind}-${count}.txt`);
const portSet = fc
  .array(ports, { minLength: 1, maxLength: 20 })
  .map((elements) => ({ kind: "ports", elements }));

const sets = fc.record({
  staff: addressSet,
  web: portSet,
  "other-v4": addressSet,
  "other-ports": portSet,
  listed: fc.record({ file: fileOf("addresses"), elements: fc.constantFrom([], ["10.1.0.7"]) }),
  "listed-ports": fc.record({ kind: fc.constant("ports"), file: fileOf("ports") }),
});

function matched(family: 4 | 6, places: readonly string[]) {
  const addresses = oneOrSome(fc.oneof(addressesOf(family), fc.constantFrom("@staff", "@listed")));
  const byPorts = fc.record(
    {
      protocol: oneOrSome(fc.constantFrom(...portProtocols)),
      ports: oneOrSome(fc.oneof(ports, fc.constantFrom("@web", "@listed-ports"))),
      sourcePorts: oneOrSome(fc.oneof(ports, fc.constantFrom("@web", "@listed-ports"))),
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
    from: oneOrSome(fc.oneof(addressesOf(4), addressesOf(6), fc.constantFrom("@staff", "@listed"))),
    ports: fc.array(port, { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: [] },
);

const route = fc.oneof(
  fc.record({ via: fc.constantFrom("10.1.0.250", "192.0.2.250"), number: fc.nat(255) }),
  fc.record({ via: fc.constantFrom("fd00:1::250", "2001:db8::250"), number: fc.nat(255) }),
  fc.record({ via: fc.constant("fe80::250"), interface: fc.constantFrom("lan", "wan"), number: fc.nat(255) }),
  fc.record({ interface: fc.constantFrom("lan", "wan"), number: fc.nat(255) }),
);

const routes = fc
  .array(fc.tuple(route, optional({ metric: fc.nat(4_294_967_295), nodes: fc.constantFrom(["gw1"]) })), {
    maxLength: 4,
  })
  .map((list) =>
    list.map(([{ number, ...rest }, more], index) => ({
      id: `r${index}`,
      to:
        "via" in rest && rest.via.includes(":")
          ? `fd00:${80 + index}:${number}::/48`
          : `10.${64 + index}.${number}.0/24`,
      ...{ ...rest, ...more },
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

/** By the key of the document. */
export const documentParts = {
  sets,
  firewall,
  management,
  routes,
  timeouts,
  logging,
  users,
  nat,
  pulses,
  control,
  metrics,
  api,
  arbiter,
  history,
  keys,
} as const;
