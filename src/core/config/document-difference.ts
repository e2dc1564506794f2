import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { canonicalJson } from "../../contract/document-revision.ts";

/**
 * Where something stands in a valid document: keys of maps, ids of the items of lists. An item without an id stands for itself
 * in its list, by its value.
 */
export type ChangePath = readonly string[];

/** One thing that differs between two documents. `ofTexts`: in a list of addresses and the like, not of things with an id. */
export type DocumentChange =
  | {
      readonly kind: "added";
      readonly path: ChangePath;
      readonly value: unknown;
      /** In a list: the id of the item before it, null at the beginning. Absent in maps. */
      readonly follows?: string | null;
      readonly ofTexts?: true;
    }
  | { readonly kind: "removed"; readonly path: ChangePath; readonly value: unknown; readonly ofTexts?: true }
  | { readonly kind: "changed"; readonly path: ChangePath; readonly before: unknown; readonly after: unknown }
  | {
      readonly kind: "moved";
      readonly path: ChangePath;
      readonly follows: string | null;
      readonly ofTexts?: true;
    };

/** What differs, in the order of the new document; what is gone comes before what is new in the same place. */
export function documentDifference(before: ClusterDocument, after: ClusterDocument): DocumentChange[] {
  return difference(before, after, []);
}

function difference(before: unknown, after: unknown, path: ChangePath): DocumentChange[] {
  if (isMap(before) && isMap(after)) return mapDifference(before, after, path);
  if (Array.isArray(before) && Array.isArray(after) && !wholeLists.has(path.at(-1) ?? "")) {
    const [old, now] = [itemsById(before), itemsById(after)];
    if (old !== undefined && now !== undefined) return listDifference(old, now, path);
  }
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (before === undefined) return [{ kind: "added", path, value: after }];
  if (after === undefined) return [{ kind: "removed", path, value: before }];
  return [{ kind: "changed", path, before, after }];
}

/** Lists whose items mean nothing by themselves: the words of a command. */
const wholeLists: ReadonlySet<string> = new Set(["command"]);

/** A value that follows another one unless the text says otherwise is no change of its own. */
const followers: Readonly<Record<string, string>> = {
  pulseIntervalMs: "intervalMs",
  timeoutMs: "intervalMs",
};

function mapDifference(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: ChangePath,
): DocumentChange[] {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const follows = (key: string) => {
    const leader = followers[key];
    if (leader === undefined) return false;
    return own(before, key) === own(before, leader) && own(after, key) === own(after, leader);
  };
  return [...gone, ...Object.keys(after)]
    .filter((key) => !follows(key))
    .flatMap((key) => difference(own(before, key), own(after, key), [...path, key]));
}

type Items = ReadonlyMap<string, unknown>;

/** The items of a list by what tells them apart; undefined where nothing does. */
function itemsById(list: readonly unknown[]): Items | undefined {
  const items = new Map(list.map((item) => [itemId(item), item]));
  return items.size === list.length ? items : undefined;
}

function itemId(item: unknown): string {
  if (!isMap(item)) return typeof item === "string" ? item : canonicalJson(item);
  // An advertised prefix is told by the prefix; rules have ids.
  const id = own(item, "id") ?? own(item, "prefix");
  return typeof id === "string" ? id : canonicalJson(item);
}

function listDifference(before: Items, after: Items, path: ChangePath): DocumentChange[] {
  const gone = [...before.keys()].filter((id) => !after.has(id));
  const stays = inPlace(before, after);
  const hasThings = [...before.values(), ...after.values()].some(isMap);
  const kindOfList = hasThings ? {} : ({ ofTexts: true } as const);
  let follows: string | null = null;
  const changes: DocumentChange[] = gone.map((id) => ({
    ...({ kind: "removed", path: [...path, id], ...kindOfList } as const),
    value: before.get(id),
  }));
  for (const [id, value] of after) {
    const place = [...path, id];
    if (!before.has(id)) changes.push({ kind: "added", path: place, value, follows, ...kindOfList });
    else {
      if (!stays.has(id)) changes.push({ kind: "moved", path: place, follows, ...kindOfList });
      changes.push(...difference(before.get(id), value, place));
    }
    follows = id;
  }
  return changes;
}

/**
 * Of the items that both lists have, the most that can stay where they are: a longest increasing subsequence of their places in
 * the old list, by patience sorting. All others have moved.
 */
function inPlace(before: Items, after: Items): ReadonlySet<string> {
  const places = new Map([...before.keys()].map((id, place) => [id, place]));
  const common = [...after.keys()].flatMap((id) => {
    const place = places.get(id);
    return place === undefined ? [] : [{ id, place }];
  });
  interface Link {
    readonly id: string;
    readonly place: number;
    readonly before: Link | undefined;
  }
  // ends[n] is the smallest place in which a sequence of n + 1 items can end.
  const ends: Link[] = [];
  for (const { id, place } of common) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle]?.place ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    ends[low] = { id, place, before: ends[low - 1] };
  }
  const stays = new Set<string>();
  for (let link = ends.at(-1); link !== undefined; link = link.before) stays.add(link.id);
  return stays;
}

function own(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
