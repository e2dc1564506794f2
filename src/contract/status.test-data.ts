import type { ClusterStatus, NodeStatus } from "./status.ts";

/** A healthy cluster of two nodes, as the daemon reports it. */
export function healthyStatus(): ClusterStatus {
  return {
    cluster: "campus",
    groups: [{ name: "gateway", activeNode: "gw1" }],
    group: "gateway",
    verdict: "ok",
    summary: "gw1 is active, gw2 is ready with every connection",
    activeNode: "gw1",
    asOf: "2026-08-01T10:00:00.000Z",
    revision: "c1a397d8a92bc19b",
    nodes: [
      node("gw1", {
        role: "active",
        sinceSeconds: 12_034.6,
        cause: "no other node was heard",
        addresses: ["10.1.0.1/24", "fd00:1::1/64", "192.0.2.1/24", "2001:db8::1/64"],
        flows: 102_334,
        replication: {
          complete: true,
          overruns: 0,
          streams: [
            stream("gw2", "to", { records: 1_234_567 }),
            stream("gw2", "from", { state: "idle", records: 0 }),
          ],
        },
      }),
      node("gw2", {
        flows: 102_330,
        priority: 100,
        effectivePriority: 100,
        replication: {
          complete: true,
          overruns: 0,
          streams: [
            stream("gw1", "to", { state: "idle", records: 0 }),
            stream("gw1", "from", { records: 1_234_564, lagRecords: 3, lagMs: 2 }),
          ],
        },
      }),
    ],
    problems: [],
  };
}

/** The same cluster after gw1 died. */
export function degradedStatus(): ClusterStatus {
  const status = healthyStatus();
  const [gw1, gw2] = status.nodes;
  if (gw1 === undefined || gw2 === undefined) throw new Error("two nodes");
  const dead: NodeStatus = {
    ...gw1,
    ...{ reachable: false, role: "unknown", sinceSeconds: 0, addresses: [], flows: 0 },
    replication: { complete: false, overruns: 0, streams: [] },
    ...{ groups: [], peers: [] },
  };
  const active = {
    ...gw2,
    ...({ role: "active", sinceSeconds: 7, addresses: ["10.1.0.1/24", "192.0.2.1/24"] } as const),
    replication: {
      complete: true,
      overruns: 0,
      streams: [{ ...stream("gw1", "to"), connected: false, refused: { "EEXIST create": 12 } }],
    },
  };
  const [dead1] = gw2.peers;
  const silent = dead1?.paths.map((path) => ({
    ...{ ...path, lastHeardMs: 7_210, alive: false, heardByPeer: null },
  }));
  const peers = [{ name: "gw1", alive: false, paths: silent ?? [] }];
  const survivor = inGroup({ ...active, peers, addresses: [...active.addresses] }, "gateway");
  return {
    ...status,
    groups: [{ name: "gateway", activeNode: "gw2" }],
    verdict: "degraded",
    summary: "gw2 is active, and no standby could take over its connections",
    activeNode: "gw2",
    nodes: [dead, survivor],
    problems: [
      {
        severity: "error",
        node: "gw1",
        code: "node-unreachable",
        message: "gw1 does not answer over the sync network",
        hint: "Is gw1 switched on? On gw1: systemctl status tocha, or start it: tocha run --config cluster.yaml --node gw1",
      },
    ],
  };
}

type Stream = NodeStatus["replication"]["streams"][number];

function stream(peer: string, direction: "to" | "from", rest: Partial<Stream> = {}): Stream {
  return {
    ...{ peer, direction, connected: true, state: "live", records: 1, bytes: 41, lagRecords: 0, lagMs: 0 },
    ...{ refused: {}, resyncs: {} },
    ...rest,
  };
}

function node(name: string, rest: Partial<NodeStatus>): NodeStatus {
  const whole: Omit<NodeStatus, "groups"> = {
    ...{ name, reachable: true, role: "standby", sinceSeconds: 7_503, cause: "gw1 is active", priority: 110 },
    ...{ effectivePriority: 110, version: "0.1.0", revision: "c1a397d8a92bc19b", addresses: [] },
    interfaces: [
      { name: "lan", device: "eth0", up: true },
      { name: "wan", device: "eth1", up: true },
    ],
    ...{ flows: 0, flowsMax: 1_048_576, replication: { complete: true, overruns: 0, streams: [] } },
    peers: [
      {
        ...{ name: name === "gw1" ? "gw2" : "gw1", alive: true },
        paths: ["sync", "lan", "wan"].map((path) => ({
          ...{ name: path, pulses: true, lastHeardMs: 4, alive: true, heardByPeer: true },
        })),
      },
    ],
    processes: [{ role: "failover", pid: 4_711, restarts: 0, realTime: true }],
    ...{ memoryKiB: 181_000, lateness: { maxMs: 0.4, lastMinuteMs: 0.2 }, counters: {} },
    ...rest,
  };
  return inGroup(whole, "gateway");
}

/** The node as it is when all that it does is in one group. */
function inGroup(node: Omit<NodeStatus, "groups">, name: string): NodeStatus {
  const { role, sinceSeconds, cause, priority, effectivePriority, addresses } = node;
  const own = { role, sinceSeconds, cause, priority, effectivePriority, addresses };
  return { ...node, groups: [{ name, ...own, complete: node.replication.complete }] };
}

/** Both nodes at work: gw1 for the group `campus`, gw2 for `guests`. */
export function bothActiveStatus(): ClusterStatus {
  const status = healthyStatus();
  const [gw1, gw2] = status.nodes;
  if (gw1 === undefined || gw2 === undefined) throw new Error("two nodes");
  const [active] = gw1.groups;
  const [standby] = gw2.groups;
  if (active === undefined || standby === undefined) throw new Error("a group each");
  const own = { role: "active" as const, addresses: ["10.1.0.1/24"] };
  return {
    ...status,
    summary:
      "campus is active on gw1, guests is active on gw2; every other node is ready with every connection",
    activeNode: null,
    group: "campus",
    groups: [
      { name: "campus", activeNode: "gw1" },
      { name: "guests", activeNode: "gw2" },
    ],
    nodes: [
      {
        ...gw1,
        ...own,
        groups: [
          { ...active, name: "campus" },
          { ...standby, name: "guests" },
        ],
      },
      {
        ...{ ...gw2, ...own, addresses: ["10.2.0.1/24"] },
        groups: [
          { ...standby, name: "campus" },
          { ...active, name: "guests", addresses: ["10.2.0.1/24"] },
        ],
      },
    ],
  };
}
