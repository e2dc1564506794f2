import { formatDurationMs } from "../../base/duration.ts";
import { counted } from "../../base/number-text.ts";
import type { ForeseenTakeover } from "../../contract/failover-why.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { activeDownMs, rankSkewMs, SILENT_INTERVALS, skewMs } from "../election/timing.ts";
import { foreignActive } from "./foreign-active.ts";
import { byPriority, type GroupPolicy } from "./group-policy.ts";

type TakeoverPolicy = Pick<GroupPolicy, "addresses" | "intervalMs" | "pulseIntervalMs" | "pulsesOnAllFaces">;

const ALONE = "It is the only node: nobody would take over.";
const NO_STANDBY = "Nobody would take over: no other node is a standby that answers or is heard.";

/** Whether a node would take over if the active died, with or without all connections. All are as they are in one group. */
export function couldTakeOver({ reachable, role, effectivePriority }: NodeStatus): boolean {
  return reachable && role === "standby" && effectivePriority > 0;
}

/**
 * Whether a node cannot be asked while the active hears it, as when only the sync network is cut: the election goes by what it
 * hears, so this node would take over if it can serve.
 */
export function isHeardOnly({ name, reachable }: NodeStatus, active: NodeStatus | undefined): boolean {
  return !reachable && (active?.peers.some((peer) => peer.name === name && peer.alive) ?? false);
}

/**
 * The best first, as compareRank() has it: complete before incomplete, then the priority after health, then the address. Who is set
 * aside goes last, but with every connection before those that lack some.
 */
function standbysByRank(nodes: readonly NodeStatus[], policy: Pick<GroupPolicy, "addresses">): NodeStatus[] {
  const compare = byPriority(policy);
  return nodes.filter(couldTakeOver).sort((a, b) => {
    const byTable = Number(b.replication.complete) - Number(a.replication.complete);
    if (byTable !== 0) return byTable;
    const bySide = Number(a.maintenance !== undefined) - Number(b.maintenance !== undefined);
    return bySide !== 0 ? bySide : compare(a, b);
  });
}

/** What a takeover by a node would keep of the active's connections. */
export function protection(
  active: NodeStatus | undefined,
  standby: NodeStatus,
): Pick<ForeseenTakeover, "complete" | "connections" | "notProtected" | "lagRecords" | "lagMs"> {
  const stream = active?.replication.streams.find(
    ({ direction, peer }) => direction === "to" && peer === standby.name,
  );
  return {
    complete: standby.replication.complete,
    connections: active?.flows ?? null,
    notProtected: standby.replication.notProtected ?? 0,
    lagRecords: stream?.lagRecords ?? 0,
    lagMs: stream?.lagMs ?? null,
  };
}

/** In words, for whatever makes the node take over. */
export function protectionSentences(
  standby: string,
  held: Pick<ForeseenTakeover, "complete" | "connections" | "notProtected" | "lagRecords" | "lagMs">,
): string[] {
  const { complete, connections, notProtected, lagRecords, lagMs } = held;
  const table =
    connections === null ? "" : ` of the ${counted(connections, "connection")} in the active's table`;
  if (!complete) return [`${standby} does not hold every connection yet: some${table} would be lost.`];
  const age = lagMs === null || lagMs === 0 ? "" : `, the oldest for ${formatDurationMs(lagMs)}`;
  const sentences = [
    lagRecords === 0
      ? `${standby} holds every one that is mirrored${table}, and nothing is on its way.`
      : `${standby} holds every one that is mirrored${table}, but for ${counted(lagRecords, "change")} on the way${age}.`,
  ];
  if (notProtected > 0)
    sentences.push(`Its kernel refused ${counted(notProtected, "connection")}: they would be lost.`);
  return sentences;
}

/** How long the active must be silent before the best standby takes over (neighbourhood.ts). */
function silenceMs(
  best: NodeStatus,
  others: readonly NodeStatus[],
  { intervalMs, pulseIntervalMs, pulsesOnAllFaces }: TakeoverPolicy,
): number {
  // The slowest path falls silent last (heard-paths.ts).
  const silentMs =
    SILENT_INTERVALS * (pulsesOnAllFaces ? pulseIntervalMs : Math.max(intervalMs, pulseIntervalMs));
  // Nobody who is there is waited for, only the longest skew (docs/guide/failover.md, a node that is set aside).
  if (best.maintenance !== undefined) return silentMs + pulseIntervalMs;
  const byRank = rankSkewMs(0, pulseIntervalMs);
  // Where the rank of a node is not known, the skew of the priority keeps both apart.
  const isSure = others.every(({ reachable }) => reachable);
  const skew = isSure ? byRank : Math.max(byRank, skewMs(best.effectivePriority, pulseIntervalMs));
  return silentMs + skew;
}

/** What would happen if the active died at this moment. */
export function foreseeTakeover(
  nodes: readonly NodeStatus[],
  activeNode: string | undefined,
  policy: TakeoverPolicy,
): ForeseenTakeover {
  const active = nodes.find(({ name }) => name === activeNode);
  const [best] = standbysByRank(
    nodes.filter(({ name }) => name !== activeNode),
    policy,
  );
  const heard = nodes.filter((node) => isHeardOnly(node, active)).map(({ name }) => name);
  const heardBy = `cannot be asked, but ${activeNode} hears ${heard.length === 1 ? "it" : "them"}`;
  if (best === undefined) {
    const none = { complete: false, notProtected: 0, lagRecords: 0, lagMs: null };
    const [only, ...more] = heard;
    const node = more.length === 0 ? (only ?? null) : null;
    const shared = { node, withinMs: null, connections: active?.flows ?? null, ...none };
    if (only === undefined) {
      const isAlone = nodes.length === 1 && active !== undefined;
      return { ...shared, sentences: [isAlone ? ALONE : NO_STANDBY] };
    }
    const who = more.length === 0 ? "it" : "one of them";
    const sentences = [
      `${heard.join(" and ")} ${heardBy}: ${who} would take over, if it can serve.`,
      "Which connections it holds is not known.",
    ];
    return { ...shared, sentences };
  }
  if (foreignActive(activeNode, nodes) !== undefined) return afterForeign(best, policy);
  const others = nodes.filter(({ name }) => name !== activeNode && name !== best.name);
  const withinMs = Math.ceil(silenceMs(best, others, policy));
  const held = protection(active, best);
  const sentences = [
    `${best.name} would take over within ${formatDurationMs(withinMs)} of the active's last sign on any path.`,
    ...(best.maintenance === undefined
      ? []
      : ["It is set aside, but no other standby has every connection."]),
    ...protectionSentences(best.name, held),
    ...(heard.length === 0 ? [] : [`${heard.join(" and ")} ${heardBy}: whoever ranks highest takes over.`]),
  ];
  return { node: best.name, withinMs, ...held, sentences };
}

/** It sends no pulses: its advertisements alone tell that it lives (RFC 9568 6.1), and nothing tells of its connections. */
function afterForeign(
  { name, effectivePriority }: NodeStatus,
  { intervalMs }: Pick<GroupPolicy, "intervalMs">,
): ForeseenTakeover {
  const withinMs = Math.ceil(activeDownMs(effectivePriority, intervalMs));
  return {
    ...{ node: name, withinMs, complete: false, connections: null },
    ...{ notProtected: 0, lagRecords: 0, lagMs: null },
    sentences: [
      `${name} would take over within ${formatDurationMs(withinMs)} of the router's last advertisement, if it sends one every ${formatDurationMs(intervalMs)}, as nodes of this cluster do.`,
      `${name} does not hold the connections that go through it: they would be lost.`,
    ],
  };
}
