import fc from "fast-check";
import { oneOrSome, port } from "./scalar-arbitraries.ts";

// Address translation. Outside addresses are those of the group `gateway` and of its routed networks (cluster-arbitrary.ts).

/** So many of each, with places of their own, so that no two of them overlap. */
const few = fc.array(fc.nat(255), { maxLength: 3 });

const sources = few.chain((list) =>
  fc.tuple(
    ...list.map((number, index) => {
      const from = `10.${64 + index}.${number}.0/24`;
      const from6 = `fd00:${64 + index}::/64`;
      return fc.oneof(
        fc.record(
          {
            from: fc.constantFrom(from, [from, `10.${74 + index}.${number}.0/24`]),
            to: fc.constantFrom("192.0.2.1", "masquerade", "198.18.32.10-198.18.32.40", [
              "198.18.32.10-198.18.32.40",
              "198.18.32.50",
              "192.0.2.1",
            ]),
            ports: fc.constantFrom("1024-65535", "2000-3000"),
          },
          { requiredKeys: ["from", "to"] },
        ),
        fc.record({ from: fc.constant(from6), to: fc.constantFrom("2001:db8::1", "masquerade") }),
        // Prefix for prefix (RFC 6296 without its checksum).
        fc.constantFrom(
          { from: from6, to: `2001:db8:10${index}:${number}::/64` },
          { from: `fd00:${84 + index}::/48`, to: `2001:db8:11${index}::/48` },
        ),
      );
    }),
  ),
);

const forwards = few.chain((list) =>
  fc.tuple(
    ...list.map((number, index) =>
      fc.constantFrom<4 | 6>(4, 4, 6).chain((family) =>
        fc.record(
          {
            protocol: fc.constantFrom("tcp", "udp", "both"),
            address:
              family === 4
                ? fc.constantFrom("192.0.2.1", "198.18.32.60")
                : fc.constantFrom("2001:db8::1", "2001:db8:120::60"),
            port: fc.constantFrom(
              1_000 * (index + 1) + number,
              `${1_000 * (index + 1)}-${1_000 * (index + 1) + number}`,
            ),
            target: fc.constant(family === 4 ? `10.1.0.${20 + index}` : `fd00:1::${20 + index}`),
            targetPort: port.filter((one) => one < 60_000),
            from: oneOrSome(
              family === 4
                ? fc.constantFrom("198.51.100.0/24", "203.0.113.0/24")
                : fc.constantFrom("2001:db8:200::/48", "2001:db8:201::/48"),
              2,
            ),
            hairpin: fc.boolean(),
          },
          { requiredKeys: ["protocol", "address", "port", "target"] },
        ),
      ),
    ),
  ),
);

const oneToOnes = few.chain((list) =>
  fc.tuple(
    ...list.map((number, index) => {
      const last = 100 + 30 * index + (number % 30);
      const net = 32 * index + 4 * (number % 8);
      return fc
        .record(
          {
            way: fc.constantFrom(
              { inside: `10.1.0.${last}`, outside: `198.18.32.${last}` },
              { inside: `10.1.0.${128 + net}/30`, outside: `198.18.33.${net}/30` },
              { inside: `fd00:1::${last}`, outside: `2001:db8:130::${last}` },
              { inside: `fd00:${104 + index}::/64`, outside: `2001:db8:131:${index}::/64` },
            ),
            hairpin: fc.boolean(),
          },
          { requiredKeys: ["way"] },
        )
        .map(({ way, ...more }) => ({ ...way, ...more }));
    }),
  ),
);

const blocks = fc.array(fc.integer({ min: 100, max: 4_000 }), { maxLength: 2 }).chain((list) =>
  fc.tuple(
    ...list.map((portsPerSubscriber, index) =>
      fc.record(
        {
          subscribers: fc.constantFrom(`100.64.${index}.0/26`, [
            `100.64.${index}.0/27`,
            `100.65.${index}.0/28`,
          ]),
          pool: fc.constantFrom(`198.18.${16 + index}.0/28`, [
            `198.18.${16 + index}.0-198.18.${16 + index}.9`,
            `198.18.${20 + index}.7`,
          ]),
          portsPerSubscriber: fc.constant(portsPerSubscriber),
          firstPort: fc.constantFrom(1, 1_024, 20_000),
        },
        { requiredKeys: ["subscribers", "pool", "portsPerSubscriber"] },
      ),
    ),
  ),
);

function named(prefix: string, list: readonly object[], more: object): object[] {
  return list.map((one, index) => ({ id: `${prefix}${index}`, ...one, ...more }));
}

export const nat = fc
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
