import * as z from "zod";
import { nameOf } from "./document-scalars.ts";
import { addressMatch, portMatch, rate } from "./match-scalars.ts";
import { oneOrMany } from "./one-or-many.ts";

/** Transport protocols that have ports. */
export const portProtocols = ["tcp", "udp", "udplite", "sctp", "dccp"] as const;

const protocols = [...portProtocols, "icmp", "icmpv6", "gre", "esp", "ah", "ospf", "igmp"] as const;
export type Protocol = (typeof protocols)[number];

/** ICMP's own types, by nft's names (nft(8), ICMP TYPE TYPE). */
export const icmpTypes = [
  ...["echo-reply", "destination-unreachable", "source-quench", "redirect", "echo-request"],
  ...["router-advertisement", "router-solicitation", "time-exceeded", "parameter-problem"],
  ...["timestamp-request", "timestamp-reply", "info-request", "info-reply"],
  ...["address-mask-request", "address-mask-reply"],
] as const;

/** ICMPv6's (nft(8), ICMPV6 TYPE TYPE). */
export const icmpv6Types = [
  ...["destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"],
  ...["echo-request", "echo-reply", "mld-listener-query", "mld-listener-report", "mld-listener-done"],
  ...["nd-router-solicit", "nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert", "nd-redirect"],
  ...["router-renumbering", "ind-neighbor-solicit", "ind-neighbor-advert", "mld2-listener-report"],
] as const;

const allTypes = [
  ...new Set<(typeof icmpTypes)[number] | (typeof icmpv6Types)[number]>([...icmpTypes, ...icmpv6Types]),
];

const ADDRESSES = { most: 256, words: "an address, a network, a set, or a list of them" } as const;
const PORTS = { most: 64, words: "a port, a range, a set, or a list of them" } as const;
const INTERFACES = { most: 64, words: "the name of an interface or a list of them" } as const;

/** What rules of both chains have. */
const ruleKeys = {
  id: nameOf("a rule").meta({ description: "A name for the rule, for messages, logs and counters." }),
  from: oneOrMany(addressMatch, ADDRESSES)
    .optional()
    .meta({ description: "Where the connection comes from. Default: anywhere." }),
  to: oneOrMany(addressMatch, ADDRESSES)
    .optional()
    .meta({ description: "Where it goes to, as the host behind the gateway is called. Default: anywhere." }),
  in: oneOrMany(nameOf("an interface"), INTERFACES)
    .optional()
    .meta({ description: "The interface that it comes in by. Default: any." }),
  protocol: oneOrMany(z.enum(protocols), { most: protocols.length, words: "a protocol or a list of them" })
    .optional()
    .meta({ description: "The protocol. Default: any." }),
  ports: oneOrMany(portMatch, PORTS)
    .optional()
    .meta({ description: "The ports that it goes to. Default: any." }),
  sourcePorts: oneOrMany(portMatch, PORTS)
    .optional()
    .meta({ description: "The ports that it comes from. Default: any." }),
  types: oneOrMany(z.enum(allTypes), { most: allTypes.length, words: "a type of ICMP or a list of them" })
    .optional()
    .meta({ description: "Types of ICMP or ICMPv6, where that is the protocol. Default: any." }),
  action: z.enum(["accept", "drop", "reject"]).meta({
    description: "`accept` lets it through, `drop` says nothing, `reject` answers that it is forbidden.",
  }),
  log: z
    .boolean()
    .default(false)
    .meta({ description: "Whether each such connection is logged, with the rule's id. Default false." }),
  limit: rate.optional().meta({
    description: "So many new connections in a time, such as 100/s; what is beyond is dropped. Default: any.",
  }),
  sourceLimit: rate.optional().meta({
    description: "The same for each source: an IPv4 address, or the /64 of an IPv6 one. Default: any.",
  }),
  connections: z.int().min(1).max(1_000_000).optional().meta({
    description:
      "So many connections of one source at the same time; what is beyond is dropped. Default: any.",
  }),
};

const RULES_MAX = 1_024;

const byDefault = z.enum(["accept", "drop"]).default("accept").meta({
  description: "What happens to a connection that no rule matches: accept or drop. Default accept.",
});

export const inputRule = z.strictObject(ruleKeys).meta({ description: "One rule of the firewall." });

export const forwardRule = z
  .strictObject({
    ...ruleKeys,
    out: oneOrMany(nameOf("an interface"), INTERFACES)
      .optional()
      .meta({ description: "The interface that it leaves by. Default: any." }),
  })
  .meta({ description: "One rule of the firewall." });

function chain<Rule extends z.ZodType>(rule: Rule, description: string) {
  return z
    .strictObject({
      default: byDefault,
      rules: z
        .array(rule)
        .max(RULES_MAX)
        .default([])
        .meta({ description: "The rules. The first that matches counts." }),
    })
    .optional()
    .meta({ description });
}

export const firewall = z
  .strictObject({
    forward: chain(forwardRule, "Connections through the gateway. Without this key everything is forwarded."),
    input: chain(inputRule, "Connections to the gateway itself. Without this key nothing is filtered."),
  })
  .optional()
  .meta({
    description:
      "The firewall: rules for new connections. What belongs to an accepted one always passes. Default: nothing is filtered.",
  });

/** A rule of either chain. */
export type FirewallRule = z.output<typeof inputRule> & { readonly out?: string[] | undefined };
export type FirewallChainName = "forward" | "input";
export const firewallChainNames = ["forward", "input"] as const;

export const management = z
  .strictObject({
    interfaces: oneOrMany(nameOf("an interface"), INTERFACES)
      .optional()
      .meta({ description: "The interfaces that administrators come in by. Default: any." }),
    from: oneOrMany(addressMatch, ADDRESSES)
      .optional()
      .meta({ description: "The networks that they come from. Default: anywhere." }),
    ports: z.array(z.int().min(1).max(65_535)).min(1).max(16).default([22]).meta({
      description: "The TCP ports that they use, beside that of the API. Default [22], SSH.",
    }),
  })
  .optional()
  .meta({
    description:
      "From where the gateways are administered: this passes before all rules of firewall.input, so that nobody locks himself out. Default: not said.",
  });

export type Management = NonNullable<z.output<typeof management>>;
