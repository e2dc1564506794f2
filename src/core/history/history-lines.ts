import * as z from "zod";
import {
  type HistoryEntry,
  historyEntrySchema,
  type TransitionStamp,
  transitionStampSchema,
} from "../../contract/failover-history.ts";

// A history is a text of JSON lines that only grows: an entry, or a stamp that came later than its entry.

export interface LateStamp extends TransitionStamp {
  /** Of the entry. */
  readonly id: string;
}

/** Longer lines are nothing that was written here. */
const LINE_LENGTH_MAX = 64 << 10;

const lineSchema = z.union([
  z.object({ entry: historyEntrySchema }),
  z.object({ stamp: transitionStampSchema.extend({ id: z.string() }) }),
]);

export function encodeEntryLine(entry: HistoryEntry): string {
  return `${JSON.stringify({ entry })}\n`;
}

export function encodeStampLine(stamp: LateStamp): string {
  return `${JSON.stringify({ stamp })}\n`;
}

/**
 * Reads what a power cut, a full disk or a hand may have left: whatever is no line of a history is dropped and counted. A stamp
 * whose entry is not there any more is no error.
 *
 * @returns entries, the oldest first
 */
export function decodeHistory(text: string): { readonly entries: HistoryEntry[]; readonly dropped: number } {
  const entries = new Map<string, HistoryEntry>();
  let dropped = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const decoded = line.length > LINE_LENGTH_MAX ? undefined : decodeLine(line);
    if (decoded === undefined) dropped++;
    else if ("entry" in decoded) entries.set(decoded.entry.id, decoded.entry);
    else addStamp(entries, decoded.stamp);
  }
  return { entries: [...entries.values()], dropped };
}

/** The entry with one more stamp, at its place in time. */
export function withStamp<Entry extends Pick<HistoryEntry, "stamps">>(
  entry: Entry,
  stamp: TransitionStamp,
): Entry {
  return { ...entry, stamps: [...entry.stamps, stamp].sort((a, b) => a.atUs - b.atUs) };
}

function addStamp(entries: Map<string, HistoryEntry>, { id, ...stamp }: LateStamp): void {
  const entry = entries.get(id);
  if (entry !== undefined) entries.set(id, withStamp(entry, stamp));
}

function decodeLine(line: string): z.output<typeof lineSchema> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const result = lineSchema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** The number in an id, or 0 where it has none. */
export function entryNumber({ id }: Pick<HistoryEntry, "id">): number {
  const number = Number(/-([0-9]{1,15})$/.exec(id)?.[1] ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}
