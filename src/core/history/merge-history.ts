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

/** What nodes remember as one list, the newest first; entries of one moment stay in the order of their node. */
export function mergeHistory(
  histories: readonly (readonly HistoryEntry[])[],
  { node, group, limit }: HistoryQuery,
): HistoryEntry[] {
  return histories
    .flatMap((entries) => [...entries].reverse())
    .filter((entry) => node === undefined || entry.node === node)
    .filter((entry) => group === undefined || entry.group === group)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, limit);
}

/** An entry, and what the other nodes remember of the same moment; undefined when there is none of that id. */
export function findEntry({ entries, unreachable }: FailoverHistory, id: string): HistoryItem | undefined {
  const entry = entries.find((one) => one.id === id);
  if (entry === undefined) return undefined;
  const atMs = Date.parse(entry.at);
  const related = entries.filter((one) => {
    return (
      one.node !== entry.node &&
      one.group === entry.group &&
      Math.abs(Date.parse(one.at) - atMs) <= RELATED_MS_MAX
    );
  });
  return { entry, related, unreachable };
}
