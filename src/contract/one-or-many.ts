import * as z from "zod";

/** What a union of one thing and a list of them is called in messages. */
export const listWords = z.registry<{ words: string }>();

/** One thing, or a list of them; it leaves as a list. */
export function oneOrMany<Item extends z.ZodType>(
  item: Item,
  { most, words }: { readonly most: number; readonly words: string },
) {
  const schema = z.union([item.transform((one) => [one]), z.array(item).min(1).max(most)]);
  listWords.add(schema, { words });
  return schema;
}
