import * as z from "zod";
import { configStateSchema } from "./config-operations.ts";

/**
 * What a node says about its cluster (GET /v1/status), and the answers to the other requests of the control
 * interface. Objects may have further keys: a newer node must not confuse an older client.
 */

/** `unknown`: the node could not be asked. */
export const nodeRoles = ["active", "standby", "init", "fault", "stopped", "unknown"] as const;

const counters = z.record(z.string(), z.number());

/** What a newer node says beyond this is kept, and shown by its name. */
export const replicationStreamSchema = z.looseObject({
  peer: z.string(),
  direction: z.enum(["to", "from"]),
  connected: z.boolean(),
  /** What the stream does now: `copying`, `live`, and the like. */
  state: z.string(),
  records: z.number(),
  bytes: z.number(),
  /** Records that the standby's kernel does not hold yet. */
  lagRecords: z.number(),
  /** Age of the oldest of them; null when nothing is known. */
  lagMs: z.number().nullable(),
  /** Refused records by errno and kind. */
  refused: counters,
  /** Times that the tables were compared or copied, by cause. */
  resyncs: counters,
  /** Direction `to`: what regular comparisons of the two tables found and mended. */
  sweeps: z
    .looseObject({
      ended: z.number(),
      /** Parts of the tables that were not equal. */
      bucketsDiffering: z.number(),
      /** Connections that were sent anew, and that the standby removed. */
      flowsMended: z.number(),
      flowsPurged: z.number(),
      timersRefreshed: z.number(),
      /** Times that a stream went on where it had been cut. */
      resumed: z.number(),
      /** From one comparison to the next. */
      periodMs: z.number(),
    })
    .optional(),
  /** A pass over the node's table that is under way: entries seen, of about so many. */
  pass: z.looseObject({ what: z.string(), seen: z.number(), total: z.number() }).optional(),
});

export const replicationSchema = z.looseObject({
  complete: z.boolean(),
  streams: z.array(replicationStreamSchema),
  /** Times that the kernel dropped events, because they were not read fast enough. */
  overruns: z.number(),
  /** Kinds of connections that this node's kernel cannot hold, such as `DCCP`. */
  missingKinds: z.array(z.string()).readonly().optional(),
  /** Connections that this node's kernel refused to take from a peer since the tables were last compared. */
  notProtected: z.number().optional(),
  /** … by failover group; of no group under the empty name. */
  notProtectedByGroup: z.record(z.string(), z.number()).readonly().optional(),
});

/** What a node is in one failover group. */
export const nodeGroupSchema = z.object({
  name: z.string(),
  role: z.enum(nodeRoles),
  sinceSeconds: z.number(),
  cause: z.string(),
  priority: z.number(),
  effectivePriority: z.number(),
  /** The virtual addresses of the group that it holds now. */
  addresses: z.array(z.string()),
  /** Those that it should hold as well, because it is active: its kernel refused them, or their device is gone. */
  missingAddresses: z.array(z.string()).optional(),
  /** Its kernel holds every connection of the group. */
  complete: z.boolean(),
});

/** One process of a node. An older node says less. */
export const nodeProcessSchema = z.looseObject({
  role: z.string(),
  /** 0 while it does not run. */
  pid: z.number(),
  restarts: z.number(),
  realTime: z.boolean().optional(),
  /** How much of its code the kernel keeps in memory whatever happens; 0: it may not lock any. */
  lockedKiB: z.number().optional(),
  /** `starting`, `answers`, `silent`, `hangs`, or `waiting` to be started again. */
  state: z.string().optional(),
  /** Times that it was killed because it did not answer. */
  hangs: z.number().optional(),
  /** Times in a row that it ended before it had worked for a while. */
  failures: z.number().optional(),
  lastEnd: z.string().optional(),
  /** How readily the kernel kills it for want of memory: -1000 never, 1000 first. */
  oomScoreAdj: z.number().optional(),
  /** What it may do at most, where that is less than the supervisor may. */
  capabilities: z.array(z.string()).readonly().optional(),
});

/** A check of a node; a newer node may say more. */
export const checkStatusSchema = z.looseObject({
  group: z.string(),
  name: z.string(),
  kind: z.string(),
  /** `pending`: no probe has ended yet. */
  state: z.string(),
  /** How long it has been so. */
  sinceSeconds: z.number(),
  /** What the last probe found. */
  words: z.string(),
  /** Why it fails; empty when it does not. */
  failure: z.string(),
  weight: z.number(),
  veto: z.boolean(),
  /** See `groups.GROUP.checks.CHECK.tieBreaker` of the document. */
  tieBreaker: z.boolean().optional(),
  /** A command that asks the same, for people. */
  try: z.string(),
  /** It flapped: so long its good results are not believed yet; null when that is not so. */
  heldSeconds: z.number().nullable(),
  flaps: z.number(),
});

export const maintenanceSchema = z.object({
  by: z.string(),
  reason: z.string(),
  /** ISO 8601, UTC. */
  since: z.string(),
});

export const nodeStatusSchema = z.object({
  name: z.string(),
  reachable: z.boolean(),
  /** With several groups: active if it is that for any; sinceSeconds, cause and priorities are of that group. */
  role: z.enum(nodeRoles),
  /** How long it has had this role. */
  sinceSeconds: z.number(),
  /** Why it has this role: a sentence. */
  cause: z.string(),
  priority: z.number(),
  /** After health: lower than `priority` while an interface is down. */
  effectivePriority: z.number(),
  /** In every group; empty when it could not be asked. */
  groups: z.array(nodeGroupSchema),
  version: z.string(),
  revision: z.string(),
  /** The virtual addresses that it holds now. */
  addresses: z.array(z.string()),
  interfaces: z.array(z.object({ name: z.string(), device: z.string(), up: z.boolean() })),
  /** Entries in its connection table. */
  flows: z.number(),
  flowsMax: z.number(),
  replication: replicationSchema,
  peers: z.array(
    z.object({
      name: z.string(),
      alive: z.boolean(),
      paths: z.array(
        z.object({
          name: z.string(),
          lastHeardMs: z.number().nullable(),
          /** Pulses take it; else only the advertisements of an active do. */
          pulses: z.boolean().optional(),
          /** Heard of late, by a pulse or an advertisement. */
          alive: z.boolean().optional(),
          /** Whether the peer says that pulses of this node reach it there; null when it does not tell. */
          heardByPeer: z.boolean().nullable().optional(),
        }),
      ),
    }),
  ),
  /** None when the supervisor does not answer. */
  processes: z.array(nodeProcessSchema),
  /** Where the document has an arbiter: by group, what this node knows of it. */
  arbiter: z
    .array(
      z.object({
        group: z.string(),
        /** `none`: nothing is at stake. `asking`, `held`, `lost`, `unreachable`. */
        state: z.string(),
        /** Null before the first answer was due. */
        reachable: z.boolean().nullable(),
        /** The node that holds the group's key, as the last answer said. */
        holder: z.string().nullable(),
        problem: z.string().nullable(),
      }),
    )
    .optional(),
  memoryKiB: z.number(),
  /** What it checks; absent on nodes that know no checks. */
  checks: z.array(checkStatusSchema).optional(),
  /** What it is known by, and whom it trusts; an older node does not tell. */
  keys: z
    .looseObject({
      serial: z.string(),
      /** ISO 8601, UTC. */
      expires: z.string(),
      authorityExpires: z.string(),
      /** The number of the authority's last letter; 0 where there was none. */
      letter: z.number(),
      /** How many authorities and cluster keys it accepts: more than one while they are exchanged. */
      authorities: z.number(),
      clusterKeys: z.number(),
    })
    .optional(),
  /** It was set aside: it becomes active only where nobody else can. */
  maintenance: maintenanceSchema.optional(),
  /** The document's history on this node; absent on nodes that know none, and while it cannot be read. */
  config: configStateSchema.optional(),
  /** How late the failover role's loop woke up at most. */
  lateness: z.object({ maxMs: z.number(), lastMinuteMs: z.number().default(0) }),
  counters,
});

const statusProblem = z.object({
  severity: z.enum(["error", "warning"]),
  /** Absent where the problem is the cluster's. */
  node: z.string().optional(),
  code: z.string(),
  message: z.string(),
  /** What to do next, often a command. */
  hint: z.string(),
});

export const clusterStatusSchema = z.object({
  cluster: z.string(),
  /** The failover groups; `activeNode` is null where none or several are active, and the address of a router that is no node. */
  groups: z.array(z.object({ name: z.string(), activeNode: z.string().nullable() })),
  /** The first of them. */
  group: z.string(),
  /** `degraded`: the service runs, but something must be repaired. `down`: nobody holds the addresses. */
  verdict: z.enum(["ok", "degraded", "down"]),
  /** One sentence. */
  summary: z.string(),
  /** The node that is active for all groups; null where there is none. */
  activeNode: z.string().nullable(),
  /** When this was true: ISO 8601, UTC. */
  asOf: z.string(),
  /** The document's revision on the node that answers. */
  revision: z.string(),
  nodes: z.array(nodeStatusSchema),
  problems: z.array(statusProblem),
});

export type ClusterStatus = z.output<typeof clusterStatusSchema>;
export type NodeStatus = z.output<typeof nodeStatusSchema>;
export type ReplicationStreamStatus = z.output<typeof replicationStreamSchema>;
export type ReplicationStatus = z.output<typeof replicationSchema>;
export type StatusProblem = z.output<typeof statusProblem>;
export type ClusterGroupStatus = ClusterStatus["groups"][number];
export type NodeGroupStatus = z.output<typeof nodeGroupSchema>;
export type CheckStatus = z.output<typeof checkStatusSchema>;
export type Maintenance = z.output<typeof maintenanceSchema>;
export type NodeRole = NodeStatus["role"];
export type Verdict = ClusterStatus["verdict"];

/** The body of POST /v1/switchover: without `to`, the best standby takes over. */
export const switchoverRequestSchema = z.strictObject({
  /** Needed where there are several. */
  group: z.string().optional(),
  to: z.string().optional(),
  reason: z.string().max(200).optional(),
  /** Only say what would happen. */
  dryRun: z.boolean().optional(),
});

export const switchoverAnswerSchema = z.object({
  ok: z.literal(true),
  group: z.string(),
  from: z.string(),
  to: z.string(),
});

/** It is shown on the terminals of others: no control characters. */
function oneLine(lengthMax: number) {
  return z
    .string()
    .max(lengthMax)
    .regex(/^\P{Cc}*$/u);
}

/** The body of POST /v1/node/standby and, without force, of POST /v1/node/resume. */
export const standbyRequestSchema = z.strictObject({
  node: z.string(),
  reason: oneLine(200),
  /** Who asks, as far as the machine knows; over the API it is the user, whatever is said here. */
  by: oneLine(100).optional(),
  /** Also where nobody else holds every connection. */
  force: z.boolean().optional(),
});

export const resumeRequestSchema = z.strictObject({
  node: z.string(),
  by: oneLine(100).optional(),
});

export const standbyAnswerSchema = z.object({
  ok: z.literal(true),
  node: z.string(),
  /** Who is active for each group now; null where that is nobody or not known. */
  groups: z.array(z.object({ name: z.string(), activeNode: z.string().nullable() })),
});

export const resumeAnswerSchema = z.object({
  ok: z.literal(true),
  node: z.string(),
  /** What has ended. */
  maintenance: maintenanceSchema,
});

export type StandbyRequest = z.output<typeof standbyRequestSchema>;
export type StandbyAnswer = z.output<typeof standbyAnswerSchema>;
export type ResumeRequest = z.output<typeof resumeRequestSchema>;
export type ResumeAnswer = z.output<typeof resumeAnswerSchema>;

export const singleProblemSchema = z.object({
  code: z.string(),
  message: z.string(),
  path: z.string().optional(),
  hint: z.string().optional(),
  file: z.string().optional(),
  line: z.number().optional(),
  column: z.number().optional(),
});

/** The body of every 4xx and 5xx answer. */
export const problemSchema = singleProblemSchema.extend({
  /** All that is wrong with a document, in the order of its text; at most 100. */
  problems: z.array(singleProblemSchema).readonly().optional(),
});

export type SwitchoverRequest = z.output<typeof switchoverRequestSchema>;
export type SwitchoverAnswer = z.output<typeof switchoverAnswerSchema>;

/** A node as it is in one group: its role there, and whether it holds the connections of that group. */
export function nodeInGroup(node: NodeStatus, group: string): NodeStatus {
  const found = node.groups.find(({ name }) => name === group);
  if (found === undefined) {
    return {
      ...{ ...node, role: "unknown", sinceSeconds: 0, addresses: [] },
      replication: { ...node.replication, complete: false },
    };
  }
  const { name, complete, ...own } = found;
  return { ...node, ...own, replication: { ...node.replication, complete } };
}
