import * as z from "zod";
import { duration, hostAddress, nameOf, network } from "./document-scalars.ts";

// What a group says beside its addresses: whom its VRRP advertisements go to, and the IPv6 router that hosts see.

export const unicastPeers = z
  .record(nameOf("an interface"), z.array(hostAddress).min(1).max(16))
  .default({})
  .meta({
    description:
      "By interface: the addresses of all routers, this cluster's nodes included, that VRRP advertisements go to instead of the multicast group. Default: multicast.",
  });

const wholeSeconds = { ms: 1_000, why: "Router advertisements count in seconds (RFC 4861 4.2)" } as const;
const YEAR_MS = 8_760 * 3_600_000;

const advertisedPrefix = z
  .strictObject({
    prefix: network,
    onLink: z
      .boolean()
      .default(true)
      .meta({ description: "Whether hosts reach its addresses without a router. Default true." }),
    autonomous: z.boolean().default(true).meta({
      description:
        "Whether hosts make themselves addresses of it (SLAAC); it must be a /64 then. Default true.",
    }),
    validLifetime: duration({
      minMs: 1_000,
      maxMs: YEAR_MS,
      step: wholeSeconds,
      default: "24h",
      description: "How long the prefix is valid after an advertisement.",
    }),
    preferredLifetime: duration({
      minMs: 0,
      maxMs: YEAR_MS,
      step: wholeSeconds,
      default: "4h",
      description: "How long addresses made of it are used for new connections.",
    }),
  })
  .transform(({ validLifetime, preferredLifetime, ...rest }) => ({
    ...rest,
    validMs: validLifetime,
    preferredMs: preferredLifetime,
  }))
  .meta({ description: "One prefix (RFC 4861 4.6.2)." });

const routerAdvertisement = z
  .strictObject({
    interval: duration({
      minMs: 4_000,
      maxMs: 1_800_000,
      step: wholeSeconds,
      default: "30s",
      description: "The time between two advertisements to all hosts.",
    }),
    lifetime: duration({
      minMs: 0,
      maxMs: 65_535_000,
      step: wholeSeconds,
      default: "30m",
      description:
        "How long hosts keep the default router without hearing of it; 0s: it is no default router.",
    }),
    managed: z
      .boolean()
      .default(false)
      .meta({ description: "Whether hosts get their addresses by DHCPv6. Default false." }),
    otherConfiguration: z
      .boolean()
      .default(false)
      .meta({ description: "Whether hosts get other settings by DHCPv6. Default false." }),
    prefixes: z
      .array(advertisedPrefix)
      .max(16)
      .default([])
      .meta({ description: "The prefixes of the link. Default none." }),
    dnsServers: z
      .array(hostAddress)
      .max(8)
      .default([])
      .meta({ description: "Recursive name servers (RFC 8106), IPv6. Default none." }),
    mtu: z
      .int()
      .min(1_280)
      .max(65_535)
      .optional()
      .meta({ description: "The MTU of the link, 1280 or more. Default: not said." }),
  })
  .transform(({ interval, lifetime, ...rest }) => ({ ...rest, intervalMs: interval, lifetimeMs: lifetime }))
  .meta({ description: "What the active advertises on this interface." });

export const routerAdvertisements = z.record(nameOf("an interface"), routerAdvertisement).default({}).meta({
  description:
    "By interface: router advertisements for IPv6 hosts (RFC 4861), from the virtual link-local address there. Default: none are sent.",
});
