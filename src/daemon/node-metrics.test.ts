import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { goodDocument } from "../contract/bad-documents.test-data.ts";
import { readDocument } from "../contract/read-document.ts";
import type { ElectionView } from "../core/election/election-types.ts";
import { type NodeMetricsSource, renderNodeMetrics } from "./node-metrics.ts";
import { nodeSettings } from "./node-settings.ts";
import type { FailoverReport, GroupReport, ReplicatorReport, StreamReport } from "./role-report.ts";

const { document } = readDocument(goodDocument, "good.yaml");
assert.ok(document !== undefined);
const where = { configFile: "/cluster.yaml", runDirectory: "/run", stateDirectory: "/var", node: "gw1" };
const settings = nodeSettings({ document, ...where }, [new Uint8Array(32)]);

const stream = (direction: "to" | "from", more: object = {}): StreamReport => ({
  ...{ peer: "gw2", direction, connected: true, state: "live", records: 1_000, bytes: 27_000 },
  ...{ lagRecords: 3, lagMs: 2.5, complete: true, resyncs: { joined: 1, overrun: 7 } },
  ...more,
});

const replicator = (more: object = {}): ReplicatorReport => ({
  role: "replicator",
  complete: true,
  groups: { gateway: true },
  streams: [stream("to"), stream("from")],
  overruns: 2,
  missingKinds: [],
  injected: { created: 5, updated: 4, deleted: 3, kept: 2, replaced: 1, absent: 0 },
  refused: { "create ENOMEM": 12, "EBUSY update": 1 },
  notProtected: 2,
  notProtectedByGroup: { "": 0, gateway: 2 },
  purged: 6,
  malformed: 0,
  streamsRefused: 9,
  ...more,
});

const sweeps = {
  ...{ ended: 12, bucketsDiffering: 3, flowsMended: 5, flowsPurged: 2, timersRefreshed: 900 },
  ...{ resumed: 1, periodMs: 60_000, skipped: 4 },
};

// Of the election only what is shown.
const view = {
  ...{ role: "active", sinceMs: 1_000, priority: 110, effectivePriority: 100, counters: { conflict: 1 } },
  peers: [
    {
      name: "gw2",
      alive: true,
      paths: [
        { name: "sync", pulses: true, lastHeardMs: 8_990, alive: true, heardByPeer: false },
        { name: "lan", pulses: true, lastHeardMs: undefined, alive: false, heardByPeer: undefined },
      ],
    },
  ],
} as unknown as ElectionView;
const group = (name: string, of: ElectionView): GroupReport => ({
  ...{ name, addresses: [], missingAddresses: [], counters: { "advertisement-not-sent": 1 } },
  view: of as unknown as GroupReport["view"],
  faces: [{ name: "lan", device: "eth0", up: false }],
});

const failover: FailoverReport = {
  ...{
    role: "failover",
    nowMs: 9_000,
    realTime: true,
    lockedKiB: 100_000,
    lateness: { maxMs: 1.5, lastMinuteMs: 0.2, over: [3, 0, 0, 0, 0, 0, 0] },
    moves: 2,
  },
  groups: [group("gateway", view), group("guests", { ...view, role: "standby" })],
  counters: { pulseReplayed: 4 },
};

const source = (more: Partial<NodeMetricsSource> = {}): NodeMetricsSource => ({
  settings,
  failover,
  replicator: replicator(),
  supervisor: {
    role: "supervisor",
    processes: [
      { role: "control", pid: 42, restarts: 1, state: "answers", hangs: 1, failures: 0 },
      { role: "failover", pid: 0, restarts: 3, state: "waiting", hangs: 0, failures: 3 },
    ],
    logLinesDropped: 17,
  },
  connections: { count: 102_334, max: 1_048_576 },
  gatewayLoaded: true,
  history: new Map([
    [
      "gateway",
      { takeovers: { silence: 2, resignation: 1 }, takeoverUs: 314_174, gapUs: 315_219, changedMs: 1_500 },
    ],
    ["guests", { takeovers: { silence: 0 }, takeoverUs: undefined, gapUs: undefined, changedMs: undefined }],
  ]),
  checks: [
    {
      ...{ group: "gateway", name: "upstream", kind: "ping", state: "failing", sinceSeconds: 3, flaps: 2 },
      ...{
        words: "no answer",
        failure: "no answer for 3 s",
        weight: 0,
        veto: true,
        try: "ping",
        heldSeconds: null,
      },
    },
  ],
  usageOf: () => ({ cpuSeconds: 1.5, residentBytes: 100, privateBytes: 40 }),
  ...more,
});

async function lines(given: NodeMetricsSource): Promise<string[]> {
  const { contentType, text } = await renderNodeMetrics(given);
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("renderNodeMetrics", () => {
  it("has every figure under its name", async () => {
    const found = await lines(source());
    const expected = [
      "tocha_connections 102334",
      "tocha_node_set_aside 0",
      'tocha_check_ok{group="gateway",check="upstream",kind="ping"} 0',
      'tocha_check_held_seconds{group="gateway",check="upstream",kind="ping"} 3',
      'tocha_check_flaps{group="gateway",check="upstream",kind="ping"} 2',
      "tocha_connections_max 1048576",
      'tocha_role{group="gateway",role="active"} 1',
      'tocha_role{group="gateway",role="standby"} 0',
      'tocha_role{group="guests",role="active"} 0',
      'tocha_role{group="guests",role="standby"} 1',
      'tocha_path_heard{peer="gw2",path="sync"} 1',
      'tocha_path_heard{peer="gw2",path="lan"} 0',
      'tocha_path_heard_by_peer{peer="gw2",path="sync"} 0',
      'tocha_role_held_seconds{group="gateway"} 8',
      'tocha_replication_group_complete{group="gateway"} 1',
      'tocha_interface_up{interface="lan",device="eth0"} 0',
      'tocha_peer_heard_seconds{peer="gw2",path="sync"} 0.01',
      "tocha_failover_lateness_max_seconds 0.0015",
      "tocha_failover_moves_total 2",
      'tocha_failover_late_wakeups_total{over="0.001"} 3',
      'tocha_failover_late_wakeups_total{over="0.1"} 0',
      'tocha_failover_events_total{event="conflict"} 2',
      'tocha_failover_events_total{event="pulseReplayed"} 4',
      'tocha_takeovers_total{group="gateway",cause="silence"} 2',
      'tocha_takeovers_total{group="gateway",cause="resignation"} 1',
      'tocha_takeovers_total{group="guests",cause="silence"} 0',
      'tocha_takeover_last_seconds{group="gateway"} 0.314174',
      'tocha_takeover_last_gap_seconds{group="gateway"} 0.315219',
      'tocha_failover_changed_timestamp_seconds{group="gateway"} 1.5',
      'tocha_conflicts_total{group="gateway"} 1',
      "tocha_replication_complete 1",
      'tocha_replication_records_total{peer="gw2",direction="to"} 1000',
      'tocha_replication_bytes_total{peer="gw2",direction="from"} 27000',
      'tocha_replication_lag_records{peer="gw2",direction="to"} 3',
      'tocha_replication_lag_seconds{peer="gw2",direction="to"} 0.0025',
      'tocha_replication_resyncs_total{peer="gw2",direction="to",cause="overrun"} 7',
      'tocha_replication_refused_total{errno="ENOMEM",operation="create"} 12',
      'tocha_replication_refused_total{errno="EBUSY",operation="update"} 1',
      'tocha_replication_applied_total{result="purged"} 6',
      'tocha_replication_not_protected{group=""} 0',
      'tocha_replication_not_protected{group="gateway"} 2',
      "tocha_replication_overruns_total 2",
      'tocha_process_restarts_total{process="failover"} 3',
      'tocha_process_hangs_total{process="control"} 1',
      'tocha_process_failures{process="failover"} 3',
      "tocha_log_lines_dropped_total 17",
      'tocha_process_up{process="failover"} 0',
      'tocha_process_up{process="control"} 1',
      'tocha_process_cpu_seconds_total{process="control"} 1.5',
      'tocha_process_private_memory_bytes{process="control"} 40',
    ];
    assert.deepEqual(
      expected.filter((line) => !found.includes(line)),
      [],
    );
  });

  it("tells of comparisons and what they mended", async () => {
    const pass = { what: "compare", seen: 5, total: 20 };
    const found = await lines(
      source({ replicator: replicator({ streams: [stream("to", { sweeps, pass })] }) }),
    );
    const labels = 'peer="gw2",direction="to"';
    const expected = [
      `tocha_replication_sweeps_total{${labels}} 12`,
      `tocha_replication_sweep_period_seconds{${labels}} 60`,
      `tocha_replication_diverged_buckets_total{${labels}} 3`,
      `tocha_replication_mended_total{${labels},action="sent"} 5`,
      `tocha_replication_mended_total{${labels},action="removed"} 2`,
      `tocha_replication_mended_total{${labels},action="prolonged"} 900`,
      `tocha_replication_resumed_total{${labels}} 1`,
      `tocha_replication_pass_ratio{${labels},pass="compare"} 0.25`,
      'tocha_replication_figure{peer="gw2",direction="to",figure="sweeps.skipped"} 4',
    ];
    assert.deepEqual(
      expected.filter((line) => !found.includes(line)),
      [],
    );
  });

  it("leaves out what is not known, instead of a value that looks healthy", async () => {
    const found = await lines(source({ replicator: undefined, failover: undefined }));
    assert.ok(found.includes('tocha_process_answering{process="replicator"} 0'));
    assert.ok(found.includes('tocha_process_answering{process="supervisor"} 1'));
    assert.ok(!found.some((line) => /^tocha_(replication|role|conflicts)/.test(line)));
    const unmeasured = found.filter((line) => line.includes("guests"));
    assert.deepEqual(unmeasured, ['tocha_takeovers_total{group="guests",cause="silence"} 0']);
    const cut = await lines(
      source({ replicator: replicator({ streams: [stream("to", { connected: false })] }) }),
    );
    assert.ok(cut.includes('tocha_replication_connected{peer="gw2",direction="to"} 0'));
    assert.ok(!cut.some((line) => line.startsWith("tocha_replication_lag")));
  });

  it("adds up two streams of one peer, while one follows the other", async () => {
    const found = await lines(
      source({ replicator: replicator({ streams: [stream("from"), stream("from")] }) }),
    );
    assert.ok(found.includes('tocha_replication_records_total{peer="gw2",direction="from"} 2000'));
  });

  it("loses no figure that it does not know by name", async () => {
    const streams = [stream("to", { sweep: { buckets: 64, done: true }, note: "text" })];
    const found = await lines(source({ replicator: replicator({ streams, diverged: 3 }) }));
    assert.deepEqual(
      found.filter((line) => line.startsWith("tocha_replication_figure")),
      [
        'tocha_replication_figure{peer="gw2",direction="to",figure="sweep.buckets"} 64',
        'tocha_replication_figure{peer="gw2",direction="to",figure="sweep.done"} 1',
        'tocha_replication_figure{peer="",direction="",figure="diverged"} 3',
      ],
    );
  });

  it("says when the certificates end, and which letter the node has taken", async () => {
    const keys = {
      ...{ serial: "ab", letter: 4, authorities: 1, clusterKeys: 1 },
      ...{ expires: "2028-08-01T00:00:00.000Z", authorityExpires: "2036-08-01T00:00:00.000Z" },
    };
    const found = (await lines(source({ keys }))).filter((line) => /^tocha_(certificate|keys)/.test(line));
    assert.deepEqual(found, [
      'tocha_certificate_expires_timestamp_seconds{certificate="node"} 1848700800',
      'tocha_certificate_expires_timestamp_seconds{certificate="authority"} 2101161600',
      "tocha_keys_letter 4",
    ]);
  });

  it("is described in the guide, metric for metric, with the same kind", async () => {
    const streams = [stream("to", { sweeps, pass: { what: "compare", seen: 5, total: 20 } })];
    const replicated = replicator({ diverged: 3, streams });
    const keys = {
      ...{ expires: "2028-01-01T00:00:00Z", authorityExpires: "2036-01-01T00:00:00Z", letter: 2 },
      ...{ serial: "2a", authorities: 1, clusterKeys: 1 },
    };
    const { text } = await renderNodeMetrics({ ...source({ replicator: replicated }), keys });
    const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
    const guide = readFileSync(
      fileURLToPath(new URL("../../docs/guide/metrics.md", import.meta.url)),
      "utf8",
    );
    const rows = [...guide.matchAll(/^\| `(tocha_[a-z_]+)[`{][^|]*\| (gauge|counter) +\|/gm)];
    assert.deepEqual(rows.map(([, name, kind]) => `${name} ${kind}`).sort(), kinds.sort());
  });
});
