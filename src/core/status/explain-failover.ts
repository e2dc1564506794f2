import { formatDurationMs } from "../../base/duration.ts";
import { gapUs, type HistoryEntry } from "../../contract/failover-history.ts";
import type { FailoverWhy, GroupWhy, StandbyReason } from "../../contract/failover-why.ts";
import { type ClusterStatus, type NodeStatus, nodeInGroup } from "../../contract/status.ts";
import { wellMs } from "../election/timing.ts";
import { foreignActive, foreignActiveWords } from "./foreign-active.ts";
import { couldTakeOver, foreseeTakeover, isHeardOnly } from "./foreseen-takeover.ts";
import { byPriority, type GroupPolicy, preemptsBecause } from "./group-policy.ts";
import { nodeAilments } from "./node-ailments.ts";

export interface WhySource {
  readonly status: ClusterStatus;
  readonly groups: readonly GroupPolicy[];
  /** Changes of all nodes, the newest first. */
  readonly history: readonly HistoryEntry[];
}

/** The present state in sentences: who is active and why, why each other node is not, and what would happen next. */
export function explainFailover({ status, groups, history }: WhySource): FailoverWhy {
  return {
    cluster: status.cluster,
    asOf: status.asOf,
    groups: groups.map((policy) => explainGroup(status, policy, history)),
  };
}

function explainGroup(
  status: ClusterStatus,
  policy: GroupPolicy,
  history: readonly HistoryEntry[],
): GroupWhy {
  const nodes = status.nodes.map((node) => (node.reachable ? nodeInGroup(node, policy.name) : node));
  const activeName = status.groups.find(({ name }) => name === policy.name)?.activeNode ?? undefined;
  const actives = nodes.filter(({ role }) => role === "active");
  const active = actives.length === 1 ? actives[0] : undefined;
  const switchEntry = active === undefined ? undefined : lastTakeover(history, active.name, policy.name);
  const sole = active?.name ?? (actives.length === 0 ? activeName : undefined);
  const isForeign = foreignActive(sole, nodes) !== undefined;
  return {
    name: policy.name,
    activeNode: sole ?? null,
    sinceSeconds: active?.sinceSeconds ?? null,
    sentences: activeSentences(nodes, actives, { heard: sole, entry: switchEntry, policy }),
    historyId: switchEntry?.id ?? null,
    others: nodes
      .filter((node) => node.name !== sole && node.role !== "active")
      .map((node) => ({ node: node.name, ...explainOther(node, active, { policy, isForeign }) })),
    ifActiveDied: foreseeTakeover(nodes, sole, policy),
  };
}

/** The change that made the node active; undefined when its last one was another, so that this one is not known. */
function lastTakeover(
  history: readonly HistoryEntry[],
  node: string,
  group: string,
): HistoryEntry | undefined {
  const last = history.find((entry) => entry.node === node && entry.group === group);
  return last?.to === "active" ? last : undefined;
}

function activeSentences(
  nodes: readonly NodeStatus[],
  actives: readonly NodeStatus[],
  {
    heard,
    entry,
    policy,
  }: {
    readonly heard: string | undefined;
    readonly entry: HistoryEntry | undefined;
    readonly policy: GroupPolicy;
  },
): string[] {
  const [active, ...more] = actives;
  if (active === undefined) {
    const foreign = foreignActive(heard, nodes);
    if (foreign !== undefined)
      return [`No node is active, for ${foreignActiveWords(foreign)}.`, "No node holds its connections."];
    if (heard !== undefined)
      return [`${heard} is heard to be active, but does not answer over the sync network: why is not known.`];
    const why = nodes.map(({ name, cause }) => `${name}: ${cause}`).join("; ");
    return [`No node is active: nobody holds the virtual addresses.`, `The nodes say: ${why}.`];
  }
  if (more.length > 0) {
    const names = actives.map(({ name }) => name).join(" and ");
    const best = [...actives].sort(byPriority(policy))[0]?.name;
    return [
      `${names} are active at the same time: they do not hear each other.`,
      `As soon as they do, the one that ranks higher stays (${best}, unless it lacks connections that another has).`,
    ];
  }
  const since = formatDurationMs(Math.floor(active.sinceSeconds) * 1_000);
  return [
    `${active.name} has been active for ${since}: ${active.cause}.`,
    ...(entry === undefined ? [] : evidenceSentences(entry)),
    ...(active.maintenance === undefined
      ? []
      : ["It is set aside, but nobody else who is well could serve with every connection."]),
  ];
}

function evidenceSentences(entry: HistoryEntry): string[] {
  const { evidence, other } = entry;
  const peer = evidence.peers.find(({ name }) => name === other);
  const paths = (peer?.paths ?? []).map(({ name, silentMs }) =>
    silentMs === null ? `never on ${name}` : `${formatDurationMs(silentMs)} before on ${name}`,
  );
  const heard =
    peer === undefined || paths.length === 0
      ? []
      : [`When it decided, it had heard ${peer.name} last ${paths.join(", ")}.`];
  const gap = gapUs(entry);
  return [
    ...heard,
    evidence.tableComplete
      ? "It held every connection."
      : `It did not hold every connection: ${betterHolders(entry)}.`,
    ...(gap === undefined
      ? []
      : [
          `The first packet went through it ${formatDurationMs(gap / 1_000)} after the last sign of the other.`,
        ]),
  ];
}

/** Who held every connection where the taker did not. Of one that fell silent its last word does not count: it was gone. */
function betterHolders({ evidence, kind, other }: HistoryEntry): string {
  const holders = evidence.peers.flatMap(({ name, alive, tableComplete }) => {
    const gaveUp = name === other && kind === "resignation";
    const isThere = gaveUp || (alive && name !== other);
    return tableComplete && isThere
      ? [`${name} did, and ${gaveUp ? "gave the role up" : "did not take over"}`]
      : [];
  });
  return holders.length === 0 ? "no other node was there that did" : holders.join("; ");
}

interface OtherContext {
  readonly policy: GroupPolicy;
  /** A router that is no node of the cluster is active. */
  readonly isForeign: boolean;
}

type OtherWhy = Omit<GroupWhy["others"][number], "node">;

function explainOther(node: NodeStatus, active: NodeStatus | undefined, context: OtherContext): OtherWhy {
  const [reason, sentence] = reasonOf(node, active, context);
  const sentences = [`${node.name} ${sentence}`];
  const { peers = [] } = active ?? {};
  const paths = peers.find(({ name }) => name === node.name)?.paths;
  if (reason === "unreachable" && active !== undefined && paths !== undefined)
    sentences.push(heardSentence(node.name, active.name, paths));
  return { reason, canTakeOver: couldTakeOver(node) || isHeardOnly(node, active), sentences };
}

function reasonOf(
  node: NodeStatus,
  active: NodeStatus | undefined,
  { policy, isForeign }: OtherContext,
): readonly [StandbyReason, string] {
  const ailing = nodeAilments(node, policy.name);
  const faces = ailing.length === 0 ? "" : ` (${ailing.join("; ")})`;
  if (!node.reachable) return ["unreachable", "does not answer over the sync network."];
  if (node.role === "init") return ["init", `is not ready: ${node.cause}.`];
  if (node.role === "fault") return ["unable", `cannot serve: ${node.cause}${faces}.`];
  if (node.role === "stopped" || node.role === "unknown") return ["stopped", `takes no part: ${node.cause}.`];
  if (node.maintenance !== undefined) {
    const { by, reason: why, since } = node.maintenance;
    const words = `since ${since} by ${by}${why === "" ? "" : ` (${why})`}`;
    return [
      "set-aside",
      `is set aside ${words}: it becomes active only where nobody else who is well can with every connection.`,
    ];
  }
  // Nobody holds what goes through a router of another make.
  if (!node.replication.complete && !isForeign)
    return [
      "incomplete",
      "does not hold every connection yet: it takes over only if nobody else is left who does, or if nothing can go through the active any more.",
    ];
  const own = node.effectivePriority;
  if (own < node.priority)
    return ["degraded", `has priority ${own} instead of ${node.priority}, for it is not well${faces}.`];
  if (active === undefined) return ["equal", `is standby: ${node.cause}.`];
  const theirs = active.effectivePriority;
  if (own < theirs) return ["lower", `ranks lower: priority ${own}, ${active.name} has ${theirs}.`];
  if (own === theirs) return ["equal", `has the same priority ${own}: nothing asks it to move.`];
  const higher = `ranks higher (priority ${own}, ${active.name} has ${theirs})`;
  const because = preemptsBecause(policy, node);
  if (because === undefined)
    return [
      "preempt-off",
      `${higher}, but preempt is off: who comes back stays standby. "tocha switchover --to ${node.name}" makes it active.`,
    ];
  const needsMs = wellMs(policy.preemptDelayMs, node.priority, policy.intervalMs);
  return [
    "waiting",
    `${higher} and ${because}: it asks for the role when it has been well for ${formatDurationMs(needsMs)}.`,
  ];
}

function heardSentence(
  name: string,
  by: string,
  paths: readonly { readonly name: string; readonly lastHeardMs: number | null }[],
): string {
  const heard = paths.flatMap(({ name: path, lastHeardMs }) =>
    lastHeardMs === null ? [] : [`${formatDurationMs(lastHeardMs)} ago on ${path}`],
  );
  if (heard.length === 0) return `${by} has never heard ${name} on any path.`;
  return `${by} heard ${name} last ${heard.join(", ")}.`;
}
