import * as z from "zod";

/** The parameters of a URL as a schema knows them: lists where it has lists, else the last value of each name. */
export function queryValues(schema: z.ZodObject, query: URLSearchParams): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = Object.create(null);
  for (const name of new Set(query.keys())) {
    const known = Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined;
    const all = query.getAll(name);
    values[name] = isList(known) ? all : (all.at(-1) ?? "");
  }
  return values;
}

function isList(schema: z.ZodType | undefined): boolean {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return isList(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodArray;
}
