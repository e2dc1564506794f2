import { type CheckStatus, type NodeStatus, nodeRoles } from "../contract/status.ts";
import { LATENESS_BOUNDS_MS } from "./drivers/lateness-meter.ts";
import type { GroupHistoryFigures } from "./drivers/node-history.ts";
import { addHistory } from "./history-metrics.ts";
import { type MetricLabels, MetricSet, type RenderedMetrics } from "./metric-set.ts";
import type { NodeSettings } from "./node-settings.ts";
import { nodeView } from "./node-view.ts";
import type { ProcessUsage } from "./process-usage.ts";
import type { FailoverReport, ReplicatorReport, StreamReport, SupervisorReport } from "./role-report.ts";
import { version } from "./version.ts";

export interface NodeMetricsSource {
  readonly settings: NodeSettings;
  /** Undefined when the role does not answer: what only it knows is left out then, for an old value would look healthy. */
  readonly failover: FailoverReport | undefined;
  readonly replicator: ReplicatorReport | undefined;
  readonly supervisor: SupervisorReport | undefined;
  readonly connections: { readonly count: number; readonly max: number };
  readonly gatewayLoaded: boolean;
  /** By group. */
  readonly history: ReadonlyMap<string, GroupHistoryFigures>;
  readonly checks?: readonly CheckStatus[];
  readonly isSetAside?: boolean;
  readonly keys?: NodeStatus["keys"];
  usageOf(pid: number): ProcessUsage | undefined;
}

/** Everything that the node knows of itself in figures, in the text format of Prometheus (docs/guide/metrics.md). */
export async function renderNodeMetrics(source: NodeMetricsSource): Promise<RenderedMetrics> {
  const metrics = new MetricSet();
  addNode(metrics, source);
  addHealth(metrics, source);
  if (source.keys !== undefined) addKeys(metrics, source.keys);
  if (source.failover !== undefined) addFailover(metrics, source.failover);
  addHistory(metrics, source.history, source.failover);
  if (source.replicator !== undefined) addReplicator(metrics, source.replicator);
  addProcesses(metrics, source);
  return await metrics.render();
}

function addNode(metrics: MetricSet, { settings, connections, gatewayLoaded }: NodeMetricsSource): void {
  const { cluster, node, revision } = settings;
  const runtime = process.version;
  metrics.gauge("tocha_info", "What runs here; always 1.", 1, { cluster, node, version, revision, runtime });
  metrics.gauge("tocha_connections", "Entries in the kernel's connection table.", connections.count);
  metrics.gauge("tocha_connections_max", "Entries that the table may have.", connections.max);
  metrics.gauge(
    "tocha_gateway_loaded",
    "1 when the rules and sysctls are in the kernel.",
    Number(gatewayLoaded),
  );
}

function addKeys(
  metrics: MetricSet,
  { expires, authorityExpires, letter }: NonNullable<NodeStatus["keys"]>,
): void {
  for (const [certificate, ends] of Object.entries({ node: expires, authority: authorityExpires })) {
    metrics.gauge(
      "tocha_certificate_expires_timestamp_seconds",
      "When the node's certificate ends, and that of the authority that has signed it.",
      Date.parse(ends) / 1_000,
      { certificate },
    );
  }
  metrics.gauge(
    "tocha_keys_letter",
    "Number of the authority's last letter that the node has taken.",
    letter,
  );
}

function addHealth(metrics: MetricSet, { checks = [], isSetAside = false }: NodeMetricsSource): void {
  metrics.gauge("tocha_node_set_aside", "1 while the node is set aside for maintenance.", Number(isSetAside));
  for (const { group, name: check, kind, state, sinceSeconds, flaps } of checks) {
    const labels = { group, check, kind };
    // Nothing is known of a pending one.
    if (state !== "pending")
      metrics.gauge(
        "tocha_check_ok",
        "1 when the check is ok, 0 when it fails.",
        Number(state === "ok"),
        labels,
      );
    metrics.gauge("tocha_check_held_seconds", "How long it has been so.", sinceSeconds, labels);
    metrics.gauge(
      "tocha_check_flaps",
      "Times in a row that it failed again soon after it was ok.",
      flaps,
      labels,
    );
  }
}

function addFailover(metrics: MetricSet, report: FailoverReport): void {
  const { nowMs, realTime, lockedKiB, lateness, moves } = report;
  for (const { name: group, view } of report.groups) {
    for (const role of nodeRoles) {
      if (role === "unknown") continue;
      const held = Number(view.role === role);
      metrics.gauge("tocha_role", "1 for the role that the node has in the group.", held, { group, role });
    }
    const heldSeconds = Math.max(0, nowMs - view.sinceMs) / 1_000;
    metrics.gauge("tocha_role_held_seconds", "How long the node has had its role.", heldSeconds, { group });
    metrics.gauge("tocha_priority", "The node's priority by the document.", view.priority, { group });
    metrics.gauge("tocha_priority_effective", "The priority after health.", view.effectivePriority, {
      group,
    });
  }
  const { faces, peers, counters } = nodeView(report);
  for (const { name, device, up } of faces)
    metrics.gauge("tocha_interface_up", "1 when the interface has a carrier.", Number(up), {
      interface: name,
      device,
    });
  for (const peer of peers) {
    metrics.gauge("tocha_peer_alive", "1 when the peer was heard lately.", Number(peer.alive), {
      peer: peer.name,
    });
    for (const { name, lastHeardMs, alive, heardByPeer } of peer.paths) {
      const path = { peer: peer.name, path: name };
      metrics.gauge("tocha_path_heard", "1 when the peer was heard lately on a path.", Number(alive), path);
      if (heardByPeer !== undefined) {
        const help = "1 when the peer says that pulses of this node reach it on a path.";
        metrics.gauge("tocha_path_heard_by_peer", help, Number(heardByPeer), path);
      }
      if (lastHeardMs === undefined) continue;
      metrics.gauge(
        "tocha_peer_heard_seconds",
        "Since the peer was last heard on a path.",
        (nowMs - lastHeardMs) / 1_000,
        { peer: peer.name, path: name },
      );
    }
  }
  const hasPriority = "1 when the failover role has real-time priority.";
  metrics.gauge("tocha_failover_real_time", hasPriority, Number(realTime));
  metrics.gauge(
    "tocha_failover_locked_bytes",
    "How much of the failover role's code the kernel keeps in memory; 0 when it may not lock any.",
    lockedKiB * 1_024,
  );
  const isLate = "How late the failover loop woke up at most.";
  metrics.gauge("tocha_failover_lateness_max_seconds", isLate, lateness.maxMs / 1_000);
  const isMoved = "How often the failover loop was moved from a processor that the kernel did not give back.";
  metrics.counter("tocha_failover_moves_total", isMoved, moves);
  for (const [index, boundMs] of LATENESS_BOUNDS_MS.entries()) {
    metrics.counter(
      "tocha_failover_late_wakeups_total",
      "Wake-ups of the failover loop that were later than so many seconds.",
      lateness.over[index] ?? 0,
      { over: String(boundMs / 1_000) },
    );
  }
  for (const [event, count] of Object.entries(counters))
    metrics.counter(
      "tocha_failover_events_total",
      "What was ignored, and what should be rare, by kind.",
      count,
      { event },
    );
}

function addReplicator(metrics: MetricSet, { groups, ...report }: ReplicatorReport): void {
  for (const [group, complete] of Object.entries(groups))
    metrics.gauge(
      "tocha_replication_group_complete",
      "1 when this kernel holds every connection of the group.",
      Number(complete),
      { group },
    );
  const {
    role,
    complete,
    streams,
    overruns,
    injected,
    refused,
    purged,
    malformed,
    streamsRefused,
    notProtected: _sum,
    notProtectedByGroup,
    ...rest
  } = report;
  metrics.gauge(
    "tocha_replication_complete",
    "1 when the kernel holds every mirrored connection.",
    Number(complete),
  );
  metrics.counter("tocha_replication_overruns_total", "Times that the kernel dropped events.", overruns);
  for (const [result, count] of [...Object.entries(injected), ["purged", purged] as const])
    metrics.counter(
      "tocha_replication_applied_total",
      "Records put into this kernel, by what became of them.",
      count,
      { result },
    );
  for (const [kind, count] of Object.entries(refused)) {
    const { errno, operation } = refusalLabels(kind);
    metrics.counter("tocha_replication_refused_total", "Records that this kernel refused.", count, {
      errno,
      operation,
    });
  }
  for (const [group, count] of Object.entries(notProtectedByGroup))
    metrics.gauge(
      "tocha_replication_not_protected",
      "Connections of the group (none, if empty) that this kernel refused since the tables were last compared.",
      count,
      { group },
    );
  metrics.counter("tocha_replication_malformed_total", "Messages that were not understood.", malformed);
  metrics.counter(
    "tocha_replication_streams_refused_total",
    "Connections that were no stream of a node.",
    streamsRefused,
  );
  for (const stream of streams) addStream(metrics, stream);
  addFigures(metrics, rest, { peer: "", direction: "" });
}

function addStream(metrics: MetricSet, stream: StreamReport): void {
  const { peer, direction, connected, state, problem, complete, ...figures } = stream;
  const { records, bytes, lagRecords, lagMs, resyncs, sweeps, pass, ...rest } = figures;
  const labels = { peer, direction };
  metrics.gauge("tocha_replication_connected", "1 when the stream is connected.", Number(connected), labels);
  metrics.gauge(
    "tocha_replication_stream_complete",
    "1 when its standby holds every mirrored connection.",
    Number(complete),
    labels,
  );
  metrics.counter(
    "tocha_replication_records_total",
    "Records sent to or received from the peer.",
    records,
    labels,
  );
  metrics.counter(
    "tocha_replication_bytes_total",
    "Bytes of these streams, before encryption.",
    bytes,
    labels,
  );
  if (connected) {
    metrics.gauge(
      "tocha_replication_lag_records",
      "Records that the standby's kernel does not hold yet.",
      lagRecords,
      labels,
    );
    metrics.gauge("tocha_replication_lag_seconds", "Age of the oldest of them.", lagMs / 1_000, labels);
  }
  for (const [cause, count] of Object.entries(resyncs))
    metrics.counter(
      "tocha_replication_resyncs_total",
      "Times that the whole table was copied or compared, by cause.",
      count ?? 0,
      { ...labels, cause },
    );
  if (sweeps !== undefined) addSweeps(metrics, sweeps, labels);
  if (pass !== undefined) {
    const name = "tocha_replication_pass_ratio";
    const part = Math.min(1, pass.seen / Math.max(1, pass.total));
    metrics.gauge(name, "How far a pass over the table is, while there is one.", part, {
      ...labels,
      pass: pass.what,
    });
  }
  addFigures(metrics, rest, labels);
}

/** Regular comparisons of the tables: divergence must be seen, not only mended. */
function addSweeps(
  metrics: MetricSet,
  sweeps: NonNullable<StreamReport["sweeps"]>,
  labels: MetricLabels,
): void {
  const { ended, bucketsDiffering, flowsMended, flowsPurged, timersRefreshed, resumed, periodMs, ...rest } =
    sweeps;
  metrics.counter("tocha_replication_sweeps_total", "Comparisons of the tables that ended.", ended, labels);
  metrics.gauge(
    "tocha_replication_sweep_period_seconds",
    "Time from one comparison to the next.",
    periodMs / 1_000,
    labels,
  );
  metrics.counter(
    "tocha_replication_diverged_buckets_total",
    "Parts of the tables that were not equal.",
    bucketsDiffering,
    labels,
  );
  const mended = { sent: flowsMended, removed: flowsPurged, prolonged: timersRefreshed };
  for (const [action, count] of Object.entries(mended))
    metrics.counter(
      "tocha_replication_mended_total",
      "Connections of the standby that were mended, by what was done.",
      count,
      { ...labels, action },
    );
  metrics.counter(
    "tocha_replication_resumed_total",
    "Times that the stream went on where it had been cut.",
    resumed,
    labels,
  );
  addFigures(metrics, rest, { peer: labels["peer"] ?? "", direction: labels["direction"] ?? "" }, "sweeps.");
}

/** Figures that the replicator reports and this file does not know by name: none is lost. */
function addFigures(
  metrics: MetricSet,
  values: object,
  labels: { peer: string; direction: string },
  path = "",
): void {
  for (const [key, value] of Object.entries(values) as [string, unknown][]) {
    const figure = `${path}${key}`;
    if (typeof value === "object" && value !== null) addFigures(metrics, value, labels, `${figure}.`);
    if (typeof value !== "number" && typeof value !== "boolean") continue;
    metrics.gauge("tocha_replication_figure", "Further figures of the replication, by name.", Number(value), {
      ...labels,
      figure,
    });
  }
}

/** `create ENOMEM`, in whatever order. */
function refusalLabels(kind: string): { errno: string; operation: string } {
  const words = kind.split(" ");
  const errno = words.find((word) => /^E[A-Z0-9]+$/.test(word)) ?? "";
  return { errno, operation: words.filter((word) => word !== errno).join(" ") };
}

function addProcesses(metrics: MetricSet, source: NodeMetricsSource): void {
  const answering = {
    failover: source.failover,
    replicator: source.replicator,
    supervisor: source.supervisor,
  };
  for (const [role, report] of Object.entries(answering))
    metrics.gauge(
      "tocha_process_answering",
      "1 when the process answered lately.",
      Number(report !== undefined),
      { process: role },
    );
  if (source.supervisor !== undefined)
    metrics.counter(
      "tocha_log_lines_dropped_total",
      "Lines of the log that nobody read in time.",
      source.supervisor.logLinesDropped,
    );
  for (const { role, pid, restarts, hangs, failures } of source.supervisor?.processes ?? []) {
    const labels = { process: role };
    metrics.counter(
      "tocha_process_restarts_total",
      "Times that the process was started again.",
      restarts,
      labels,
    );
    metrics.counter(
      "tocha_process_hangs_total",
      "Times that the process was killed because it did not answer.",
      hangs,
      labels,
    );
    metrics.gauge(
      "tocha_process_failures",
      "Times in a row that the process ended soon after its start.",
      failures,
      labels,
    );
    const usage = pid > 0 ? source.usageOf(pid) : undefined;
    metrics.gauge("tocha_process_up", "1 when the process runs.", Number(usage !== undefined), labels);
    if (usage === undefined) continue;
    metrics.counter(
      "tocha_process_cpu_seconds_total",
      "Processor time, user and system.",
      usage.cpuSeconds,
      labels,
    );
    metrics.gauge(
      "tocha_process_resident_memory_bytes",
      "Memory, what is shared included.",
      usage.residentBytes,
      labels,
    );
    metrics.gauge(
      "tocha_process_private_memory_bytes",
      "Memory that is shared with nobody.",
      usage.privateBytes,
      labels,
    );
  }
}
