import * as z from "zod";

/**
 * What a node finds out about itself when it is examined (GET /v1/node/doctor): facts without judgement, which
 * src/core/doctor judges. Null stands for what could not be found out. Objects may have further keys.
 */

const kernelFacts = z.object({
  release: z.string(),
  /** Of src/contract/kernel-features.ts, by name: what nft said when the kernel refused them. */
  lackingFeatures: z.array(z.object({ name: z.string(), said: z.string() })),
  /** Kinds of connections that it does not take; null where that was not asked. */
  lackingKinds: z.array(z.string()).nullable(),
  hasConntrackEvents: z.boolean(),
  hasPacketSockets: z.boolean(),
  hasIpvs: z.boolean(),
});

const sysctlFacts = z.object({
  name: z.string(),
  wanted: z.number(),
  /** Null: this kernel has no such setting. */
  found: z.string().nullable(),
  why: z.string(),
  /** Files that set it to what was found. */
  setBy: z.array(z.string()),
});

/** One interface of the document. */
const interfaceFacts = z.object({
  /** Its name in the document. */
  name: z.string(),
  device: z.string(),
  present: z.boolean(),
  up: z.boolean(),
  mtu: z.number(),
  mac: z.string(),
  /** The node's own addresses in the document that the device does not have. */
  lackingAddresses: z.array(z.string()),
  /** Megabits a second; null where the device has no speed, as virtual ones. */
  speed: z.number().nullable(),
  duplex: z.string().nullable(),
  packets: z.number(),
  /** Packets that were received or sent wrong, and that were dropped for want of room. */
  errors: z.number(),
  drops: z.number(),
  /** What counts: the larger one of the device's and of `all` (ip-sysctl). */
  reversePathFilter: z.number(),
  acceptRa: z.number(),
  /** It works as a router for IPv6. */
  forwarding6: z.boolean(),
  /** The program that configures this device beside the administrator; null where none does. */
  managedBy: z.string().nullable(),
});

const probeFacts = z.object({
  interface: z.string(),
  peer: z.string(),
  address: z.string(),
  /** The MTU that was asked for: the device's own. */
  bytes: z.number(),
  /** A small question was answered. */
  small: z.boolean(),
  /** A question of full size, which may not be cut into fragments, was answered. */
  full: z.boolean(),
});

const answerFacts = z.object({
  interface: z.string(),
  address: z.string(),
  /** Every hardware address that answered for it, this node's own not among them. */
  macs: z.array(z.string()),
});

const routeFacts = z.object({
  /** A network that is translated, and an address in it. */
  network: z.string(),
  address: z.string(),
  /** The device by which the kernel would send there; null: it has no route. */
  device: z.string().nullable(),
  /** The interface that has this network, where one has. */
  interface: z.string().nullable(),
  /** The interface that its packets leave by when they are translated. */
  out: z.string(),
});

const chainFacts = z.object({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  /** All that no rule accepts is dropped. */
  dropsByPolicy: z.boolean(),
  /** Rules that drop or reject. */
  droppingRules: z.number(),
  /** `docker`, or null where nobody is known for it. */
  owner: z.string().nullable(),
});

const certificateFacts = z.object({
  /** Why the keys cannot be used, and what helps; null where they can. */
  problem: z.object({ message: z.string(), hint: z.string() }).nullable(),
  /** When they end: ISO 8601, UTC. */
  nodeEnds: z.string().nullable(),
  authorityEnds: z.string().nullable(),
  /** SHA-256 of the authority's certificate. */
  authority: z.string().nullable(),
  directory: z.string(),
});

const diskFacts = z.object({
  path: z.string(),
  freeBytes: z.number(),
  totalBytes: z.number(),
  writable: z.boolean(),
});

const serviceFacts = z.object({
  /** This machine is run by systemd. */
  hasSystemd: z.boolean(),
  unit: z.string(),
  /** As systemctl(1) says: `loaded`, `not-found`; `enabled`, `disabled`. Empty where nobody says. */
  load: z.string(),
  enabled: z.string(),
  /** The daemon that answers was started by it; false where none runs. */
  runsUnderIt: z.boolean(),
});

export const nodeFactsSchema = z.object({
  node: z.string(),
  cluster: z.string(),
  version: z.string(),
  nodejs: z.string(),
  revision: z.string(),
  /** False: what would be so if the daemon ran here cannot be asked. */
  daemonRuns: z.boolean(),
  isRoot: z.boolean(),
  realTime: z.boolean().nullable(),
  /** Of the failover role's code, kept in memory; null where it does not run. */
  lockedKiB: z.number().nullable(),
  /**
   * How often an election noticed that it was woken too late to go by what it had heard, and how late the failover role was woken at
   * most, since it was started; null where it does not run. An older node does not tell.
   */
  lateness: z.object({ times: z.number(), maxMs: z.number() }).nullable().optional(),
  /** The share of the processors' time that a hypervisor has withheld since this machine was started: 0 to 1. An older node does not tell. */
  withheldShare: z.number().optional(),
  kernel: kernelFacts,
  tools: z.array(z.object({ name: z.string(), version: z.string().nullable() })),
  sysctls: z.array(sysctlFacts),
  interfaces: z.array(interfaceFacts),
  /** Hardware addresses of all devices of this node. */
  macs: z.array(z.string()),
  conntrack: z.object({ count: z.number(), max: z.number(), buckets: z.number() }),
  memoryBytes: z.number(),
  clock: z.object({ synchronised: z.boolean().nullable() }),
  probes: z.array(probeFacts),
  answers: z.array(answerFacts),
  /** VRRP routers that are no nodes, and active for the virtual router id of a group. */
  foreignRouters: z.array(
    z.object({ group: z.string(), interface: z.string(), address: z.string(), priority: z.number() }),
  ),
  routes: z.array(routeFacts),
  certificates: certificateFacts,
  disks: z.array(diskFacts),
  /** Programs in this node's network that do what tocha does, or undo it. */
  programs: z.array(z.object({ name: z.string(), pid: z.number() })),
  /** Why the kernel would not take the node's rules, in words; an older node does not tell. */
  refusals: z.array(z.string()).optional(),
  /** Chains for forwarded packets that are not tocha's. */
  foreignChains: z.array(chainFacts),
  /** The old automatic assignment of helpers; null: this kernel does not have it. */
  automaticHelpers: z.boolean().nullable(),
  service: serviceFacts,
  /** The stored history, and what is wrong with it; null where no daemon has read it. An older node does not tell. */
  history: z.object({ directory: z.string(), problem: z.string().nullable() }).nullable().optional(),
  /** What could not be found out, in words, and the checks that go by it. */
  failures: z.array(z.object({ what: z.string(), checks: z.array(z.string()) })),
});

/** How far the clock of another node is from that of the node that asks. */
export interface ClockFacts {
  readonly node: string;
  /** Positive: the other one is ahead. */
  readonly offsetMs: number;
  /** It is off by no more than this: half of the time that question and answer took. */
  readonly errorMs: number;
}

export type NodeFacts = z.output<typeof nodeFactsSchema>;
export type InterfaceFacts = NodeFacts["interfaces"][number];

/** The answer of GET /v1/node/clock. */
export const clockSchema = z.object({ nowMs: z.number() });
