import type { ClusterDocument } from "./cluster-document.ts";

/**
 * Names a document by its content: 16 hexadecimal digits. Nodes compare revisions to know that they work from
 * the same document. Order of keys, comments and spelling of addresses do not matter. Not a secure hash: the
 * channels that carry it are authenticated.
 */
export function documentRevision(document: ClusterDocument): string {
  return contentName(document);
}

/** The same of a part of a document, or of any plain value. */
export function contentName(value: unknown): string {
  const bytes = new TextEncoder().encode(canonicalJson(value));
  // FNV-1a, 64 bits (draft-eastlake-fnv: offset basis and prime).
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

/** JSON with the keys of every object in order: equal texts are equal values. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}
