import * as z from "zod";
import { formatDurationMs } from "../base/duration.ts";
import { apiSchema } from "./api-schema.ts";
import { groupCheck } from "./document-checks.ts";
import {
  device,
  duration,
  endpoint,
  environmentVariable,
  gitRemote,
  interfaceAddress,
  keyFile,
  nameOf,
  optionalDuration,
} from "./document-scalars.ts";
import { firewall, management } from "./firewall-schema.ts";
import { routerAdvertisements, unicastPeers } from "./group-router-schema.ts";
import { logging } from "./logging-schema.ts";
import { nat, routedNetworks } from "./nat-schema.ts";
import { routes } from "./routes-schema.ts";
import { sets } from "./sets-schema.ts";
import { timeouts } from "./timeouts-schema.ts";
import { declaredUsers } from "./users-schema.ts";

/**
 * The cluster document: the one source for its TypeScript type, its validation, and its JSON Schema
 * (schema/cluster.schema.json, written by scripts/write-schema.ts). What no schema can say, such as an address
 * that must lie in a network, stands in document-rules.ts.
 */

const port = (value: number, description: string) =>
  z
    .int()
    .min(1)
    .max(65_535)
    .default(value)
    .meta({ description: `${description} Default ${value}.` });

const nodeInterface = z
  .strictObject({
    device,
    addresses: z
      .array(interfaceAddress)
      .min(1)
      .max(16)
      .meta({ description: "This node's own addresses here. They stay with the node and never move." }),
  })
  .meta({ description: "One interface of one node." });

const node = z
  .strictObject({
    interfaces: z.record(nameOf("an interface"), nodeInterface).meta({
      description: "The node's interfaces by the name of their role. All nodes have the same roles.",
    }),
  })
  .meta({ description: "One gateway." });

const group = z
  .strictObject({
    virtualRouterId: z
      .int()
      .min(1)
      .max(255)
      .meta({ description: "The VRRP router number (VRID), 1 to 255." }),
    interval: duration({
      minMs: 10,
      maxMs: 40_950,
      step: { ms: 10, why: "VRRPv3 counts in hundredths of a second (RFC 9568 5.2.7)" },
      default: "100ms",
      description:
        "Time between two advertisements; without pulseInterval a takeover takes a little over three of them.",
    }),
    pulseInterval: optionalDuration({
      minMs: 5,
      maxMs: 40_950,
      default: "10ms",
      description:
        "Time between two pulses, by which the nodes notice each other's death: at most `interval`, which is the default.",
    }),
    preempt: z
      .boolean()
      .default(false)
      .meta({ description: "Whether a returning node of higher priority takes over again. Default false." }),
    preemptDelay: duration({
      minMs: 0,
      maxMs: 3_600_000,
      default: "5s",
      description: "How long a node has been well before it preempts another.",
    }),
    priorities: z.record(nameOf("a node"), z.int().min(1).max(255)).meta({
      description:
        "A priority for every node, 1 to 254, all distinct. The highest is preferred; 255 (the address owner of RFC 9568) always preempts.",
    }),
    addresses: z
      .record(nameOf("an interface"), z.array(interfaceAddress).min(1).max(64))
      .meta({ description: "The virtual addresses by interface: they move between the nodes." }),
    version: z.int().min(2).max(3).default(3).meta({
      description:
        "The version of VRRP that is spoken over IPv4: 3, or 2 (RFC 3768) for old routers, which needs an interval of whole seconds. Default 3.",
    }),
    virtualMac: z.boolean().default(false).meta({
      description:
        "Whether the virtual addresses have the hardware address of the virtual router (RFC 9568 7.3), 00:00:5e:00:01:VRID and :02:, which moves with them. Default false: that of the node's device.",
    }),
    acceptMode: z.boolean().default(true).meta({
      description:
        "Whether the active answers for the virtual addresses as for its own, such as ping (Accept_Mode of RFC 9568 6.1). Default true.",
    }),
    announceRate: z.int().min(1).max(100_000).optional().meta({
      description:
        "How many virtual addresses are announced a second on one interface, at most. Without it all at once, which is best unless switches drop such bursts.",
    }),
    unicastPeers,
    routerAdvertisements,
    routedNetworks,
    checks: z.record(nameOf("a check"), groupCheck).default({}).meta({
      description:
        "What every node checks, by name: it lowers the rank of a node on which it fails, or breaks a tie.",
    }),
  })
  .superRefine(({ interval, pulseInterval }, context) => {
    if (pulseInterval === undefined || pulseInterval <= interval) return;
    context.addIssue({
      code: "custom",
      path: ["pulseInterval"],
      message: `${formatDurationMs(pulseInterval)} is longer than the interval of ${formatDurationMs(interval)}`,
      params: { code: "out-of-range", hint: "Pulses are sent at least as often as advertisements." },
    });
  })
  .transform(({ interval, pulseInterval, preemptDelay, ...rest }) => ({
    ...rest,
    intervalMs: interval,
    pulseIntervalMs: pulseInterval ?? interval,
    preemptDelayMs: preemptDelay,
  }))
  .meta({ description: "Virtual addresses that move together." });

const replication = z
  .strictObject({
    interface: nameOf("an interface").meta({
      description:
        "The interface between the nodes: the first address of it carries pulses, connections and control.",
    }),
    port: port(7844, "The TCP port of the streams of connections."),
    refresh: duration({
      minMs: 10_000,
      maxMs: 600_000,
      default: "60s",
      description: "How often the tables of the nodes are compared and mended, at most.",
    }),
    shortExchanges: z.boolean().default(false).meta({
      description:
        "Whether single exchanges (DNS, ping) are copied as well: they cost as much as connections do. Default false.",
    }),
    marks: z.boolean().default(false).meta({
      description:
        "Whether connections report at once when rules of your own change their marks and labels. Default false.",
    }),
  })
  .transform(({ refresh, ...rest }) => ({ ...rest, refreshMs: refresh }))
  .meta({ description: "How the nodes copy their connections to each other." });

export const clusterDocumentSchema = z
  .strictObject({
    cluster: nameOf("a cluster").meta({ description: "The cluster's name.", examples: ["campus"] }),
    nodes: z.record(nameOf("a node"), node).meta({ description: "The gateways by name." }),
    groups: z
      .record(nameOf("a group"), group)
      .meta({ description: "The failover groups by name, 1 to 8: each has an active node of its own." }),
    nat: nat.prefault({}),
    sets,
    firewall,
    management,
    routes,
    timeouts,
    logging,
    replication,
    pulses: z
      .strictObject({
        port: port(7845, "The UDP port of the pulses."),
        without: z.array(nameOf("an interface")).max(64).default([]).meta({
          description:
            "Interfaces with virtual addresses on which no pulses are sent. Default none: they take every network that the nodes share.",
        }),
      })
      .prefault({})
      .meta({ description: "The heartbeat between the nodes." }),
    control: z
      .strictObject({ port: port(7846, "The TCP port of the control interface between the nodes.") })
      .prefault({})
      .meta({ description: "The control interface between the nodes." }),
    metrics: z
      .strictObject({
        interface: nameOf("an interface").meta({
          description: "The interface on whose own addresses every node answers. Nowhere else.",
        }),
        port: port(9845, "The TCP port that Prometheus asks."),
      })
      .optional()
      .meta({
        description:
          "Metrics for Prometheus over plain HTTP, readable by everybody on that interface. Without this key nothing listens.",
      }),
    api: apiSchema,
    users: declaredUsers,
    arbiter: z
      .strictObject({
        endpoints: z
          .array(endpoint)
          .min(1)
          .max(8)
          .meta({ description: "Where etcd listens for clients: https URLs, asked in turn." }),
        caFile: keyFile("The certificate of the authority that etcd's certificates are checked with."),
        certificateFile: keyFile("A certificate for clients, if etcd asks for one.").optional(),
        keyFile: keyFile("Its private key.").optional(),
        userFile: keyFile("A file with USER:PASSWORD, if etcd asks for that.").optional(),
        userEnvironment: environmentVariable(
          "The environment variable of the daemon that holds USER:PASSWORD, instead of a file.",
        ).optional(),
        leaseTtl: duration({
          minMs: 2_000,
          maxMs: 60_000,
          step: { ms: 1_000, why: "etcd counts leases in whole seconds" },
          default: "6s",
          description: "After so long without renewal a node that holds the key counts as gone.",
        }),
      })
      .superRefine(({ userFile, userEnvironment }, context) => {
        if (userFile === undefined || userEnvironment === undefined) return;
        context.addIssue({
          ...{ code: "custom", path: ["userEnvironment"], message: "the user stands in userFile already" },
          params: { code: "secret-twice", hint: "Name the file or the environment variable, and not both." },
        });
      })
      .transform(({ leaseTtl, ...rest }) => ({ ...rest, leaseMs: leaseTtl }))
      .optional()
      .meta({
        description:
          "An etcd that decides which of two nodes stays active when they do not hear each other. Default none.",
      }),
    history: z
      .strictObject({
        remote: gitRemote.meta({
          description:
            "A git repository that every revision is sent to: any URL that git knows. Root's ssh keys and git's credential helpers count; passwords do not belong here.",
          examples: ["ssh://git@backup.example/tocha.git"],
        }),
      })
      .optional()
      .meta({
        description: "Where the history of this document is kept besides the nodes. Default: nowhere.",
      }),
    keys: z
      .strictObject({
        directory: z.string().min(1).max(4096).default(defaultKeysDirectory()).meta({
          description:
            "The folder with ca.crt, cluster.key, NODE.crt and NODE.key; relative to the document's folder.",
        }),
      })
      .prefault({})
      .meta({ description: "Where the keys are. Secrets are never written into the document." }),
  })
  .meta({ title: "Tocha cluster document", description: "One document for all nodes of a cluster." });

function defaultKeysDirectory(): string {
  return "/etc/tocha/keys";
}

/** A valid document: plain JSON; addresses are canonical text, durations are milliseconds. */
export type ClusterDocument = z.output<typeof clusterDocumentSchema>;
export type ClusterNode = ClusterDocument["nodes"][string];
export type ClusterGroup = ClusterDocument["groups"][string];
export type GroupCheck = ClusterGroup["checks"][string];
export type SourceRule = ClusterDocument["nat"]["source"][number];
export type ForwardRule = ClusterDocument["nat"]["forward"][number];
export type OneToOneRule = ClusterDocument["nat"]["oneToOne"][number];
export type CgnatRule = ClusterDocument["nat"]["cgnat"][number];

/** So many failover groups fit into the set of groups that the nodes tell each other: one byte, one bit each. */
export const GROUPS_MAX = 8;

/**
 * The groups of a document, by name in the order of their code units: the same on every node, whatever the order in the file. A
 * group's place here is its bit in sets of groups (docs/protocol/flow-sync.md).
 */
export function groupsOf(document: ClusterDocument): readonly (ClusterGroup & { readonly name: string })[] {
  const names = Object.keys(document.groups).sort();
  return names.flatMap((name) => {
    const group = document.groups[name];
    return group === undefined ? [] : [{ name, ...group }];
  });
}

/** The virtual addresses of all groups by interface, with their prefix lengths, as in the document. */
export function virtualAddressesOf(document: ClusterDocument): ReadonlyMap<string, readonly string[]> {
  const faces = new Map<string, string[]>();
  for (const { addresses } of Object.values(document.groups)) {
    for (const [role, list] of Object.entries(addresses))
      faces.set(role, [...(faces.get(role) ?? []), ...list]);
  }
  return faces;
}

/** The JSON Schema of what people write (draft 2020-12), for editors. */
export function clusterDocumentJsonSchema(): object {
  return z.toJSONSchema(clusterDocumentSchema, { io: "input" });
}
