import type * as z from "zod";
import type { DocumentPath } from "./located-yaml.ts";

// Parts of a document that are right in themselves, whatever else is wrong with it: what rules of the document can be
// checked on.

/** A part of a document in its checked form, and where it stands. */
export interface Understood<T> {
  readonly value: T;
  readonly path: DocumentPath;
}

/** The items of a list that are right; none where there is no list. */
export function understoodItems<Schema extends z.ZodType>(
  root: unknown,
  path: DocumentPath,
  schema: Schema,
): Understood<z.output<Schema>>[] {
  const list = valueAt(root, path);
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const parsed = schema.safeParse(item);
    return parsed.success ? [{ value: parsed.data, path: [...path, index] }] : [];
  });
}

/** The keys and values of a map; none where there is no map. */
export function mapEntries(
  root: unknown,
  path: DocumentPath,
): readonly { readonly key: string; readonly value: unknown; readonly path: DocumentPath }[] {
  const map = valueAt(root, path);
  if (typeof map !== "object" || map === null || Array.isArray(map)) return [];
  return Object.entries(map).map(([key, value]) => ({ key, value, path: [...path, key] }));
}

export function valueAt(root: unknown, path: DocumentPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}

/** Where an item of a value that may be a list stands: at the value itself where it is none. */
export function itemPath(root: unknown, path: DocumentPath, index: number): DocumentPath {
  return Array.isArray(valueAt(root, path)) ? [...path, index] : path;
}
