import type { ClusterDocument } from "../../contract/cluster-document.ts";

/** Parts that a document may leave out. */
const optional: ReadonlySet<string> = new Set(["api", "arbiter", "firewall", "management", "metrics"]);
/** Parts that hold things by their names. */
const named: ReadonlySet<string> = new Set(["nodes", "groups", "sets"]);

/** What a first document is compared with: it says what every document says, and nothing is in it. */
export function withoutContent(document: ClusterDocument): ClusterDocument {
  const parts = Object.entries(document).flatMap(([key, value]): [string, unknown][] => {
    if (optional.has(key)) return [];
    if (named.has(key)) return [[key, {}]];
    if (Array.isArray(value)) return [[key, []]];
    return [[key, key === "nat" ? listsEmptied(document.nat) : value]];
  });
  return Object.fromEntries(parts) as ClusterDocument;
}

function listsEmptied(lists: object): object {
  return Object.fromEntries(Object.keys(lists).map((key) => [key, []]));
}
