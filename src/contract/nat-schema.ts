import * as z from "zod";
import { formatIpEnds, parseIpRange } from "../base/ip-range.ts";
import { clip, hostAddress, nameOf, network, scalarKinds, translationTarget } from "./document-scalars.ts";

/** Address translation in the document: sources, forwards, 1:1, and port blocks for subscribers (CGNAT). */

/** Of one document: more make loading slow (docs/guide/nat.md has what was measured). */
export const SUBSCRIBERS_MAX = 131_072;
export const RULES_MAX = 1_024;

const ruleId = nameOf("a rule").meta({ description: "A name for the rule, for messages and counters." });

const outside = nameOf("an interface").meta({ description: "The interface that the packets leave by." });

const networks = z.union([network.transform((one) => [one]), z.array(network).min(1).max(256)]);
scalarKinds.add(networks, { kind: "networks" });

/** Addresses that sources are translated to: one, from one to another, or an IPv4 network. */
const poolPart = z
  .string()
  .transform((text, context) => {
    const range = parseIpRange(text);
    const isNetwork6 = text.includes("/") && range !== undefined && range.family === 6;
    if (range !== undefined && !isNetwork6) return formatIpEnds(range);
    context.issues.push({
      code: "custom",
      message: `"${clip(text)}" is no part of a pool`,
      params: {
        code: "bad-pool",
        hint: "Write an address, two with a hyphen (192.0.2.10-192.0.2.20, the smaller one first), or an IPv4 network.",
      },
      input: context.value,
    });
    return z.NEVER;
  })
  .meta({
    description: "An address, two with a hyphen, or an IPv4 network.",
    examples: ["192.0.2.10-192.0.2.20", "203.0.113.0/24"],
  });
scalarKinds.add(poolPart, { kind: "pool" });

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `443` or `8000-8010`; undefined for everything else. */
export function parsePortRange(value: unknown): PortRange | undefined {
  const match = /^([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?$/.exec(String(value));
  if (match === null || (typeof value !== "string" && typeof value !== "number")) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** `443`, or `8000-8010`. */
export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** The ports of a checked document. */
export function validPortRange(text: string): PortRange {
  const range = parsePortRange(text);
  if (range === undefined) throw new Error(`not ports: ${text}`);
  return range;
}

function portRange(description: string, examples: readonly (string | number)[]) {
  const schema = z
    .union([z.number(), z.string()])
    .transform((value, context) => {
      const range = parsePortRange(value);
      if (range !== undefined) return formatPortRange(range);
      context.issues.push({
        code: "custom",
        message: `"${clip(String(value))}" is neither a port nor a range of ports`,
        params: {
          code: "bad-ports",
          hint: "Write a port from 1 to 65535, or two with a hyphen, the smaller one first: 8000-8010.",
        },
        input: value,
      });
      return z.NEVER;
    })
    .meta({ description, examples: [...examples] });
  scalarKinds.add(schema, { kind: "ports" });
  return schema;
}

const sourceTarget = z.union([translationTarget, z.array(poolPart).min(1).max(256)]).meta({
  description:
    "A virtual address of `out`, two with a hyphen for all between them, or a list of such; an IPv6 prefix as long as that of `from`; or `masquerade`.",
});
scalarKinds.add(sourceTarget, { kind: "pool" });

const sourceRule = z
  .strictObject({
    id: ruleId,
    from: networks.meta({ description: "The network, or a list of networks, that is translated." }),
    out: outside,
    to: sourceTarget,
    ports: portRange("The ports that connections may leave with. Default: any; kept where it is free.", [
      "1024-65535",
    ]).optional(),
  })
  .meta({ description: "One source translation." });

const hairpin = z.boolean().default(true).meta({
  description: "Whether hosts behind the gateway reach it by the outside address as well. Default true.",
});

const forward = z
  .strictObject({
    id: ruleId,
    protocol: z.enum(["tcp", "udp", "both"]).meta({ description: "Of which protocol: tcp, udp or both." }),
    address: hostAddress.meta({
      description: "The outside address: a virtual one, or one of a network that is routed to the cluster.",
    }),
    port: portRange("The port there, or a range of ports.", [443, "8000-8010"]),
    target: hostAddress.meta({ description: "The host that answers." }),
    targetPort: z.int().min(1).max(65_535).optional().meta({
      description: "Its port; of a range the first one. Default: the same.",
    }),
    from: networks.optional().meta({
      description:
        "Only who comes from here, a network or a list of networks; hosts behind the gateway too. Default: everybody.",
    }),
    hairpin,
  })
  .meta({ description: "One port forward." });

const oneToOne = z
  .strictObject({
    id: ruleId,
    inside: network.meta({ description: "An inside address, or a network." }),
    outside: network.meta({ description: "What it is outside: an address, or a network of equal length." }),
    out: outside,
    hairpin,
  })
  .meta({ description: "One translation of addresses one to one, in both directions." });

const cgnat = z
  .strictObject({
    id: ruleId,
    subscribers: networks.meta({
      description: "The IPv4 network of the subscribers, or a list of networks.",
    }),
    out: outside,
    pool: z.union([poolPart.transform((one) => [one]), z.array(poolPart).min(1).max(256)]).meta({
      description: "The outside addresses that they share: two with a hyphen, a network, or a list.",
    }),
    portsPerSubscriber: z
      .int()
      .min(1)
      .max(64_512)
      .meta({ description: "How many ports each subscriber has, in one block: 1 to 64512." }),
    firstPort: z.int().min(1).max(65_535).default(1_024).meta({
      description: "The first port of the first block of each address. Default 1024.",
    }),
  })
  .meta({ description: "Subscribers that share addresses, each with a block of ports of its own." });
scalarKinds.add(cgnat.shape.pool, { kind: "pool" });

export const nat = z
  .strictObject({
    source: z
      .array(sourceRule)
      .max(RULES_MAX)
      .default([])
      .meta({ description: "Source translations. The first that matches counts." }),
    forward: z
      .array(forward)
      .max(RULES_MAX)
      .default([])
      .meta({ description: "Port forwards. The first that matches counts." }),
    oneToOne: z
      .array(oneToOne)
      .max(RULES_MAX)
      .default([])
      .meta({ description: "Addresses that are translated one to one, before all sources." }),
    cgnat: z
      .array(cgnat)
      .max(64)
      .default([])
      .meta({ description: "Subscribers that share outside addresses, before all other sources." }),
    helpers: z
      .array(z.enum(["ftp", "tftp", "sip", "pptp", "irc", "h323"]))
      .max(6)
      .default([])
      .meta({
        description:
          "Protocols that open further connections, which the kernel reads of in their payload: watched on their usual ports. Default none.",
      }),
  })
  .meta({ description: "Address translation." });

export const routedNetworks = z
  .record(nameOf("an interface"), z.array(network).min(1).max(64))
  .default({})
  .meta({
    description:
      "Networks for translation that the routers on an interface send to a virtual address of the group there, by interface. No machine has an address of them.",
  });
