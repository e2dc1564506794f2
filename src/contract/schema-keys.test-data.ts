/** What a JSON Schema says of the values at one place. */
export interface SchemaPlace {
  readonly properties?: Readonly<Record<string, SchemaPlace>>;
  readonly additionalProperties?: SchemaPlace | boolean;
  readonly items?: SchemaPlace;
  readonly anyOf?: readonly SchemaPlace[];
  readonly oneOf?: readonly SchemaPlace[];
}

/** A place, and the alternatives there. */
export function alternatives(place: SchemaPlace): readonly SchemaPlace[] {
  return [place, ...[...(place.anyOf ?? []), ...(place.oneOf ?? [])].flatMap(alternatives)];
}

/** Every key that a document can have, `*` for names. */
export function keysIn(place: SchemaPlace, path: readonly string[] = []): string[] {
  return alternatives(place).flatMap(({ properties = {}, additionalProperties, items }) => [
    ...Object.entries(properties).flatMap(([key, value]) => [
      [...path, key].join("."),
      ...keysIn(value, [...path, key]),
    ]),
    ...(typeof additionalProperties === "object" ? keysIn(additionalProperties, [...path, "*"]) : []),
    ...(items === undefined ? [] : keysIn(items, path)),
  ]);
}

/** The keys that a document has, as keysIn() says them. */
export function keysOf(value: unknown, place: SchemaPlace, path: readonly string[] = []): string[] {
  if (typeof value !== "object" || value === null) return [];
  const places = alternatives(place);
  if (Array.isArray(value)) {
    const [items = {}] = places.flatMap((one) => one.items ?? []);
    return value.flatMap((item) => keysOf(item, items, path));
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    const [known] = places.flatMap(({ properties }) => properties?.[key] ?? []);
    const [named] = places.flatMap(({ additionalProperties: one }) => (typeof one === "object" ? [one] : []));
    const steps = [...path, known === undefined ? "*" : key];
    return [...(known === undefined ? [] : [steps.join(".")]), ...keysOf(inner, known ?? named ?? {}, steps)];
  });
}
