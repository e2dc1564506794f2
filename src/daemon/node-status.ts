import { groupsOf } from "../contract/cluster-document.ts";
import type { ConfigState } from "../contract/config-operations.ts";
import type {
  CheckStatus,
  Maintenance,
  NodeGroupStatus,
  NodeStatus,
  ReplicationStatus,
  ReplicationStreamStatus,
} from "../contract/status.ts";
import type { ArbitrationView } from "../core/arbiter/arbitration.ts";
import type { NodeSettings } from "./node-settings.ts";
import { nodeView } from "./node-view.ts";
import type { FailoverReport, ReplicatorReport, StreamReport, SupervisorReport } from "./role-report.ts";
import { version } from "./version.ts";

export interface NodeStatusSource {
  readonly settings: NodeSettings;
  /** Undefined when the role did not answer. */
  readonly failover: FailoverReport | undefined;
  readonly replicator: ReplicatorReport | undefined;
  readonly supervisor: SupervisorReport | undefined;
  /** By group; undefined where the document has no arbiter. */
  readonly arbiter?: Readonly<Record<string, ArbitrationView>> | undefined;
  readonly checks?: readonly CheckStatus[];
  readonly maintenance?: Maintenance | undefined;
  readonly config?: ConfigState | undefined;
  readonly keys?: NodeStatus["keys"];
  readonly kernel: { readonly flows: number; readonly flowsMax: number; readonly memoryKiB: number };
}

/** Composes what the roles of this node report into the node's status. */
export function composeNodeStatus(source: NodeStatusSource): NodeStatus {
  const { settings, failover, replicator, supervisor, kernel } = source;
  const view = failover === undefined ? undefined : nodeView(failover);
  const groups = groupStatus(failover, replicator);
  const main = mainGroup(groups);
  return {
    name: settings.node,
    reachable: true,
    role: main?.role ?? "unknown",
    sinceSeconds: main?.sinceSeconds ?? 0,
    cause: main?.cause ?? `the ${supervisor === undefined ? "supervisor" : "failover role"} does not answer`,
    priority: main?.priority ?? settings.groups[0]?.priority ?? 0,
    effectivePriority: main?.effectivePriority ?? 0,
    groups,
    version,
    revision: settings.revision,
    addresses: groups.flatMap(({ addresses }) => addresses),
    interfaces: view?.faces.map((face) => ({ ...face })) ?? [],
    flows: kernel.flows,
    flowsMax: kernel.flowsMax,
    replication: replicationStatus(replicator),
    peers:
      view?.peers.map((peer) => ({
        name: peer.name,
        alive: peer.alive,
        paths: peer.paths.map(({ name, lastHeardMs, pulses, alive, heardByPeer }) => ({
          ...{ name, pulses, alive, heardByPeer: heardByPeer ?? null },
          lastHeardMs: lastHeardMs === undefined ? null : Math.round((failover?.nowMs ?? 0) - lastHeardMs),
        })),
      })) ?? [],
    processes:
      supervisor?.processes.map((one) => ({
        ...one,
        ...(one.role === "failover" && failover !== undefined
          ? { realTime: failover.realTime, lockedKiB: failover.lockedKiB }
          : {}),
      })) ?? [],
    ...(source.arbiter === undefined ? {} : { arbiter: arbiterStatus(source.arbiter) }),
    checks: [...(source.checks ?? [])],
    ...(source.keys === undefined ? {} : { keys: source.keys }),
    ...(source.maintenance === undefined ? {} : { maintenance: source.maintenance }),
    ...(source.config === undefined ? {} : { config: source.config }),
    memoryKiB: kernel.memoryKiB,
    lateness: { maxMs: failover?.lateness.maxMs ?? 0, lastMinuteMs: failover?.lateness.lastMinuteMs ?? 0 },
    counters: { ...view?.counters, ...replicationCounters(replicator), ...logCounters(supervisor) },
  };
}

function groupStatus(
  failover: FailoverReport | undefined,
  replicator: ReplicatorReport | undefined,
): NodeGroupStatus[] {
  if (failover === undefined) return [];
  return failover.groups.map(({ name, view, addresses, missingAddresses }) => ({
    name,
    role: view.role,
    sinceSeconds: Math.max(0, (failover.nowMs - view.sinceMs) / 1_000),
    cause: view.cause,
    priority: view.priority,
    effectivePriority: view.effectivePriority,
    addresses: [...addresses],
    missingAddresses: [...missingAddresses],
    complete: replicator?.groups[name] ?? false,
  }));
}

function arbiterStatus(views: Readonly<Record<string, ArbitrationView>>): NonNullable<NodeStatus["arbiter"]> {
  return Object.entries(views).map(([group, { state, reachable, holder, problem }]) => ({
    ...{ group, state, reachable: reachable ?? null, holder: holder ?? null, problem: problem ?? null },
  }));
}

/** The group that stands for the node: one that it is active for, else one that is not as it should be. */
function mainGroup(groups: readonly NodeGroupStatus[]): NodeGroupStatus | undefined {
  return (
    groups.find(({ role }) => role === "active") ?? groups.find(({ role }) => role !== "standby") ?? groups[0]
  );
}

/** What the replicator reports beyond what is known here goes through as it is. */
function replicationStatus(replicator: ReplicatorReport | undefined): ReplicationStatus {
  if (replicator === undefined) return { complete: false, streams: [], overruns: 0 };
  const { role, injected, refused, purged, malformed, streamsRefused, streams, groups, ...rest } = replicator;
  return { ...rest, streams: streams.map((stream) => streamStatus(stream, replicator)) };
}

function streamStatus(stream: StreamReport, replicator: ReplicatorReport): ReplicationStreamStatus {
  const { state, problem, complete, lagMs, ...rest } = stream;
  return {
    ...rest,
    state: problem === undefined ? state : `${state}: ${problem}`,
    lagMs: stream.connected ? lagMs : null,
    // Refusals are this node's kernel's, so they belong to the streams that come in.
    refused: stream.direction === "from" ? replicator.refused : {},
  };
}

function replicationCounters(replicator: ReplicatorReport | undefined): Record<string, number> {
  if (replicator === undefined) return {};
  const { created, updated, deleted, kept, replaced, absent } = replicator.injected;
  const sweeps = replicator.streams.flatMap((stream) => stream.sweeps ?? []);
  const sum = (of: (one: (typeof sweeps)[number]) => number) =>
    sweeps.reduce((total, one) => total + of(one), 0);
  return {
    flowsCreated: created,
    flowsUpdated: updated,
    flowsDeleted: deleted,
    flowsKept: kept,
    flowsReplaced: replaced,
    flowsAbsent: absent,
    flowsPurged: replicator.purged,
    recordsMalformed: replicator.malformed,
    streamsRefused: replicator.streamsRefused,
    streamsResumed: sum(({ resumed }) => resumed),
    sweeps: sum(({ ended }) => ended),
    sweepBucketsDiffering: sum(({ bucketsDiffering }) => bucketsDiffering),
    sweepFlowsMended: sum(({ flowsMended }) => flowsMended),
    sweepFlowsPurged: sum(({ flowsPurged }) => flowsPurged),
    sweepTimersRefreshed: sum(({ timersRefreshed }) => timersRefreshed),
  };
}

function logCounters(supervisor: SupervisorReport | undefined): Record<string, number> {
  return supervisor === undefined ? {} : { logLinesDropped: supervisor.logLinesDropped };
}

/** The place of a node that could not be asked. */
export function unreachableNode(settings: NodeSettings, name: string): NodeStatus {
  return {
    name,
    reachable: false,
    role: "unknown",
    sinceSeconds: 0,
    cause: "it does not answer",
    priority: groupsOf(settings.document)[0]?.priorities[name] ?? 0,
    effectivePriority: 0,
    groups: [],
    version: "",
    revision: "",
    addresses: [],
    interfaces: [],
    flows: 0,
    flowsMax: 0,
    replication: { complete: false, streams: [], overruns: 0 },
    peers: [],
    processes: [],
    memoryKiB: 0,
    lateness: { maxMs: 0, lastMinuteMs: 0 },
    counters: {},
  };
}
