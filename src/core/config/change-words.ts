import type { ChangePath, DocumentChange } from "./document-difference.ts";

/** The names of keys in the text, where the document has the value under another one. */
const writtenKeys: Readonly<Record<string, string>> = {
  leaseMs: "leaseTtl",
  validMs: "validLifetime",
  preferredMs: "preferredLifetime",
};

/** A key as people write it: durations lose the unit at the end of their name. */
export function writtenKey(key: string): string {
  return writtenKeys[key] ?? key.replace(/Ms$/, "");
}

/** A path as people write it. */
export function writtenPath(path: ChangePath): string {
  return path.map(writtenKey).join(".");
}

/** A value for a sentence. */
export function valueText(key: string, value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" && key.endsWith("Ms")) return durationText(value);
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value) && key === "command") return value.join(" ");
  if (Array.isArray(value)) return value.length === 0 ? "nothing" : listText(value.map(String));
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Object.entries(value).flatMap(([name, part]) =>
    part === undefined ? [] : `${writtenKey(name)} ${valueText(name, part)}`,
  );
  return parts.join(", ");
}

/** Exact, in the largest unit that needs no fraction, as people write it in the document. */
function durationText(durationMs: number): string {
  if (durationMs === 0) return "0s";
  const [unit, ms] = durationUnits.find(([, length]) => durationMs % length === 0) ?? ["ms", 1];
  return `${durationMs / ms}${unit}`;
}

const durationUnits: readonly (readonly [string, number])[] = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** "a", "a and b", "a, b and c". */
export function listText(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

/** "1 change", "2 changes". */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What becomes of one value: `what` is what it is, as in "interval of group main". */
export function valueSentence(what: string, change: DocumentChange): string {
  const key = change.path.at(-1) ?? "";
  switch (change.kind) {
    case "added":
      return `${what} is set to ${valueText(key, change.value)}`;
    case "removed":
      return `${what} is no longer set (it was ${valueText(key, change.value)})`;
    case "moved":
      return `${what} has another place in its list`;
    case "changed":
      if (typeof change.before === "boolean" && typeof change.after === "boolean")
        return `${what} is turned ${change.after ? "on" : "off"}`;
      return `${what} goes from ${valueText(key, change.before)} to ${valueText(key, change.after)}`;
  }
}

/**
 * What becomes of an item of a map or list: `where` is what it belongs to, as in "source NAT". Only rules have a place that
 * matters.
 */
export function itemSentence(noun: string, where: string, change: DocumentChange): string {
  const id = change.path.at(-1) ?? "";
  const what = noun === "" ? id : `${noun} ${id}`;
  switch (change.kind) {
    case "added":
      return `${what} is added to ${where}${placeText(noun, change.follows)}`;
    case "removed":
      return `${what} is removed from ${where}`;
    case "moved":
      return noun === "rule"
        ? `${what} moves in ${where}:${placeText(noun, change.follows)}`
        : `${where} has another order`;
    case "changed":
      return valueSentence(`${what} of ${where}`, change);
  }
}

function placeText(noun: string, follows: string | null | undefined): string {
  if (follows === undefined || noun !== "rule") return "";
  return follows === null ? " before all others" : ` after rule ${follows}`;
}
