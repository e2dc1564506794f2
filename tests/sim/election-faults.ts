import type { ClusterOptions, VirtualCluster } from "./election-cluster.ts";
import { type Path, paths } from "./election-network.ts";
import type { VirtualNode } from "./election-node.ts";

/** Starts a fault and returns what ends it. */
export type Fault = (cluster: VirtualCluster) => () => void;

/** The table of a node is complete a while after it started, as after a first copy. */
export function completeTableLater(cluster: VirtualCluster, node: VirtualNode): void {
  const { random, nowMs, options } = cluster;
  const delayMs = options.intervalMs * (1 + 20 * random());
  const election = node.election;
  cluster.schedule(nowMs + delayMs, () => {
    if (node.election === election && election !== undefined) node.setTableComplete(true);
  });
}

/** A node whose start takes long: its rules come late, and it stands still on the way. */
function startSlowly(cluster: VirtualCluster, node: VirtualNode): void {
  const { random, nowMs, options } = cluster;
  const slowMs = 25 * options.intervalMs * random();
  node.start(slowMs);
  completeTableLater(cluster, node);
  cluster.schedule(nowMs + slowMs * random(), () => {
    if (!node.isRunning) return;
    node.pause(random() < 0.5);
    cluster.schedule(cluster.nowMs + 8 * options.intervalMs * random(), () => node.resume());
  });
}

export function startNode(cluster: VirtualCluster, node: VirtualNode): void {
  node.start();
  completeTableLater(cluster, node);
}

const storm: Fault = (cluster) => {
  const { random, options } = cluster;
  cluster.network.weather = {
    loss: 0.4 * random(),
    duplication: 0.3 * random(),
    jitterMs: 0.9 * options.intervalMs * random(),
  };
  return cluster.beginFault("storm");
};

const cutOneWay: Fault = (cluster) => {
  const [from, to] = pickPair(cluster);
  const chosen = random(cluster, [
    ["lan"],
    ["wan"],
    ["sync"],
    ["lan", "wan"],
    paths,
  ] as readonly (readonly Path[])[]);
  return cutDirections(cluster, chosen, [[from, to]]);
};

const cutBothWays: Fault = (cluster) => {
  const [from, to] = pickPair(cluster);
  const chosen = random(cluster, [
    ["lan"],
    ["wan"],
    ["sync"],
    ["lan", "wan"],
    paths,
  ] as readonly (readonly Path[])[]);
  return cutDirections(cluster, chosen, [
    [from, to],
    [to, from],
  ]);
};

/** Split brain: a node on its own side of every path. */
const isolate: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  const others = cluster.nodes.filter((other) => other !== node);
  return cutDirections(
    cluster,
    paths,
    others.flatMap((other) => [[node, other] as const, [other, node] as const]),
  );
};

export const cutSync: Fault = (cluster) => {
  const [from, to] = pickPair(cluster);
  const directions = random(cluster, [
    [[from, to]],
    [
      [from, to],
      [to, from],
    ],
  ] as const);
  return cutDirections(cluster, ["sync"], directions);
};

const flap: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  const faces = random(cluster, [["lan"], ["wan"], ["lan", "wan"]] as readonly (readonly Path[])[]);
  const end = cluster.beginFault(`${node.name} loses ${faces.join(", ")}`);
  for (const face of faces) node.setFace(face, false);
  return () => {
    for (const face of faces) node.setFace(face, true);
    end();
  };
};

/** A loose cable: up and down, now for longer and now for less than anything takes. */
const flutter: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  const face = random(cluster, ["lan", "wan"] as const);
  const end = cluster.beginFault(`${node.name}: ${face} flutters`);
  let isOver = false;
  const turn = (up: boolean): void => {
    if (isOver) return;
    node.setFace(face, up);
    cluster.schedule(cluster.nowMs + 3 * cluster.options.intervalMs * cluster.random() ** 2, () => turn(!up));
  };
  turn(false);
  return () => {
    isOver = true;
    node.setFace(face, true);
    end();
  };
};

/**
 * With frequent pulses an active that believes that it has missed advertisements (it is late by more than two intervals) listens for
 * one, and is replaced meanwhile. A machine that was suspended for so long has been replaced before; one whose clock alone steps does
 * not exist.
 */
export function clockStepMsMax({
  intervalMs,
  pulseIntervalMs,
}: Pick<ClusterOptions, "intervalMs" | "pulseIntervalMs">): number {
  return pulseIntervalMs < intervalMs / 2 ? 1.5 * intervalMs : Number.POSITIVE_INFINITY;
}

/**
 * Further than any lateness that a node takes for ordinary scheduling, up to `clockStepMsMax`. Wall clocks may step as they like: no
 * decision of the election knows of any.
 */
const stepClock: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  const wishedMs = 40 + cluster.options.intervalMs * (4 + 1_000 * cluster.random() ** 3);
  const forwardMs = Math.min(wishedMs, clockStepMsMax(cluster.options));
  cluster.tell(`fault: the clock of ${node.name} steps by ${forwardMs.toFixed(0)} ms`);
  node.stepClock(forwardMs);
  return () => undefined;
};

const slowStart: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  cluster.tell(`fault: ${node.name} crashes, and will start slowly`);
  node.crash();
  return () => startSlowly(cluster, node);
};

const sleep: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  const keepsPackets = cluster.random() < 0.5;
  const end = cluster.beginFault(`${node.name} sleeps${keepsPackets ? "" : ", and its link with it"}`);
  node.pause(keepsPackets);
  return () => {
    node.resume();
    end();
  };
};

const crash: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  cluster.tell(`fault: ${node.name} crashes`);
  node.crash();
  return () => startNode(cluster, node);
};

const stop: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  cluster.tell(`${node.name} is stopped`);
  node.stop();
  return () => startNode(cluster, node);
};

const switchover: Fault = (cluster) => {
  cluster.tell("a switchover is asked for");
  // Now to the best, now to the one that ranks last.
  const to = cluster.nowMs % 2 < 1 ? undefined : cluster.nodes.at(-1)?.name;
  for (const node of cluster.nodes) node.requestSwitchover(to);
  return () => undefined;
};

const loseTable: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  if (node.election === undefined) return () => undefined;
  cluster.tell(`${node.name} loses its table`);
  node.setTableComplete(false);
  return () => completeTableLater(cluster, node);
};

/** A target that only this node has lost, or that all have, one after the other. */
const failCheck: Fault = (cluster) => {
  const veto = cluster.random() < 0.5;
  const weight = veto ? 0 : random(cluster, [5, 30, 200]);
  const settleMs = cluster.options.intervalMs * (1 + Math.floor(5 * cluster.random()));
  const [one] = pickPair(cluster);
  const sick = cluster.random() < 0.5 ? [one] : cluster.nodes;
  const tell = (state: "ok" | "failing") => {
    for (const node of sick) {
      const check = { name: "upstream", veto, weight, state, settleMs, failure: "no answer" };
      const { nowMs } = cluster;
      cluster.schedule(nowMs + settleMs * cluster.random(), () => node.tellReadiness({ checks: [check] }));
    }
  };
  cluster.tell(
    `${sick.map(({ name }) => name).join(", ")}: a check fails, ${veto ? "veto" : `weight ${weight}`}`,
  );
  tell("failing");
  return () => tell("ok");
};

/** By somebody who does not look at the others first. */
const setAside: Fault = (cluster) => {
  const [node] = pickPair(cluster);
  cluster.tell(`${node.name} is set aside`);
  node.tellReadiness({ maintenance: { why: "set aside by the simulation", force: false } });
  return () => {
    cluster.tell(`${node.name} is taken back`);
    node.tellReadiness({ maintenance: null });
  };
};

/** What lowers the rank of nodes, with what makes them take over meanwhile. */
export const rankFaults: readonly Fault[] = [
  failCheck,
  failCheck,
  setAside,
  setAside,
  storm,
  flap,
  sleep,
  crash,
  stop,
  switchover,
  loseTable,
];

const faults: readonly Fault[] = [
  storm,
  cutOneWay,
  cutBothWays,
  isolate,
  cutSync,
  flap,
  flutter,
  sleep,
  stepClock,
  crash,
  slowStart,
  stop,
  switchover,
  loseTable,
];

/** All nodes start alone; first the faces are mended, later and in parts the sync link. @returns when all is mended */
export function splitAtStart(cluster: VirtualCluster): number {
  const { nodes, random, options } = cluster;
  cluster.countFault(splitAtStart.name);
  let endMs = 0;
  for (const from of nodes) {
    for (const to of nodes) {
      if (to === from) continue;
      const endFaces = cutDirections(cluster, ["lan", "wan"], [[from, to]]);
      const endSync = cutDirections(cluster, ["sync"], [[from, to]]);
      const syncMs = (100 + 60 * random()) * options.intervalMs;
      cluster.schedule(80 * options.intervalMs, endFaces);
      cluster.schedule(syncMs, endSync);
      endMs = Math.max(endMs, syncMs);
    }
  }
  return endMs;
}

/** Plans between one and five faults of any kind, which may overlap. @returns when the last one has ended */
export function planFaults(
  cluster: VirtualCluster,
  startMs: number,
  kinds: readonly Fault[] = faults,
): number {
  const { intervalMs } = cluster.options;
  let endMs = startMs;
  const count = 1 + Math.floor(5 * cluster.random());
  for (let i = 0; i < count; i++) {
    const fault = random(cluster, kinds);
    const beginMs = startMs + 30 * intervalMs * cluster.random();
    // Short ones that nobody may notice, long ones that everybody must, and some in which both parts come to rest.
    const kind = cluster.random();
    const most = kind < 0.3 ? 3 : kind < 0.9 ? 20 : 120;
    const mendMs = beginMs + intervalMs * most * cluster.random() + 5 * intervalMs;
    endMs = Math.max(endMs, mendMs);
    cluster.schedule(beginMs, () => {
      cluster.countFault(fault.name);
      const mend = fault(cluster);
      cluster.schedule(mendMs, mend);
    });
  }
  return endMs;
}

export function cutDirections(
  cluster: VirtualCluster,
  chosen: readonly Path[],
  directions: readonly (readonly [VirtualNode, VirtualNode])[],
): () => void {
  const text = directions.map(([from, to]) => `${from.name} to ${to.name}`).join(", ");
  const end = cluster.beginFault(`${chosen.join(", ")} cut, ${text}`);
  for (const path of chosen) {
    for (const [from, to] of directions) cluster.network.cut(path, from.name, to.name);
  }
  return () => {
    for (const path of chosen) {
      for (const [from, to] of directions) cluster.network.mend(path, from.name, to.name);
    }
    end();
  };
}

function pickPair(cluster: VirtualCluster): readonly [VirtualNode, VirtualNode] {
  const first = Math.floor(cluster.random() * cluster.nodes.length);
  const step = 1 + Math.floor(cluster.random() * (cluster.nodes.length - 1));
  const [a, b] = [cluster.nodes[first], cluster.nodes[(first + step) % cluster.nodes.length]];
  if (a === undefined || b === undefined) throw new Error("a cluster has two nodes or more");
  return [a, b];
}

function random<T>(cluster: VirtualCluster, choices: readonly T[]): T {
  const choice = choices[Math.floor(cluster.random() * choices.length)];
  if (choice === undefined) throw new Error("nothing to choose from");
  return choice;
}
