import {
  type FailoverHistory,
  HISTORY_LIMIT_DEFAULT,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryItem,
} from "../../contract/failover-history.ts";

export interface HistoryQuery {
  readonly node: string | undefined;
  readonly group: string | undefined;
  readonly limit: number;
}

/** Clocks of nodes differ, and a handover takes some time: this far apart, two entries may be of one event. */
const RELATED_MS_MAX = 3_000;

/** @returns undefined when the limit is no number from 1 to the greatest */
export function readHistoryQuery(query: URLSearchParams): HistoryQuery | undefined {
  const text = query.get("limit");
  const limit = text === null ? HISTORY_LIMIT_DEFAULT : /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > HISTORY_LIMIT_MAX) return undefined;
  return { node: query.get("node") ?? undefined, group: query.get("group") ?? undefined, limit };
}

/** Answers between nodes, and to clients, end at 4 MiB. */
const ANSWER_LENGTH_MAX = 3 << 20;

/** The first ones, as many as fit into an answer: in a cluster of many nodes and paths an entry has some kilobytes. */
export function fitting(
  entries: readonly HistoryEntry[],
  lengthMax: number = ANSWER_LENGTH_MAX,
): HistoryEntry[] {
  let length = 0;
  const end = entries.findIndex((entry) => {
    length += JSON.stringify(entry).length;
    return length > lengthMax;
  });
  return entries.slice(0, end === -1 ? entries.length : end);
}

/** What nodes remember as one list, the newest first; entries of one moment by node, and in its order: the same on every node. */
export function mergeHistory(
  histories: readonly (readonly HistoryEntry[])[],
  { node, group, limit }: HistoryQuery,
): HistoryEntry[] {
  return histories
    .flatMap((entries) => [...entries].reverse())
    .filter((entry) => node === undefined || entry.node === node)
    .filter((entry) => group === undefined || entry.group === group)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || byName(b.node, a.node))
    .slice(0, limit);
}

function byName(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** An entry, and of each other node the entry that is the other side of it; undefined when there is none of that id. */
export function findEntry({ entries, unreachable }: FailoverHistory, id: string): HistoryItem | undefined {
  const entry = entries.find((one) => one.id === id);
  if (entry === undefined) return undefined;
  const closest = new Map<string, HistoryEntry>();
  for (const one of entries) {
    if (one.node === entry.node || one.group !== entry.group) continue;
    if (one.other !== entry.node && entry.other !== one.node) continue;
    const best = closest.get(one.node);
    if (distanceMs(one, entry) > RELATED_MS_MAX) continue;
    if (best === undefined || distanceMs(one, entry) < distanceMs(best, entry)) closest.set(one.node, one);
  }
  return { entry, related: [...closest.values()], unreachable };
}

function distanceMs(a: HistoryEntry, b: HistoryEntry): number {
  return Math.abs(Date.parse(a.at) - Date.parse(b.at));
}
