/** What a JSON Schema (draft 2020-12) says of one value, as far as the reference tells of it. */
interface Place {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Place>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Place | boolean;
  readonly items?: Place;
  readonly anyOf?: readonly Place[];
  readonly oneOf?: readonly Place[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly default?: unknown;
}

interface Row {
  readonly key: string;
  readonly value: string;
  readonly meaning: string;
}

/**
 * The reference of all keys of the document, in Markdown: each with what may stand there and what it means, as the schema says
 * it. The same source makes the checks and the messages.
 */
export function documentReference(schema: object): string {
  const root = schema as Place;
  const sections = Object.entries(root.properties ?? {}).map(([name, place]) => {
    const isNeeded = root.required?.includes(name) === true;
    const rows = rowsOf(place, name);
    const table = rows.length === 0 ? "" : `\n${tableText(rows)}`;
    const value = valueText(place);
    const what = `${value.charAt(0).toUpperCase()}${value.slice(1)}${isNeeded ? ", needed" : ""}`;
    return `## \`${name}\`\n\n${what}. ${place.description ?? ""}\n${table}`;
  });
  return `${intro}\n${sections.join("\n")}`;
}

const intro = `# Reference of the document's keys

<!-- Made by scripts/write-schema.ts from the schema: do not edit. npm run schema writes it. -->

Every key of the [cluster document](document.md), with what may stand there. \`NAME\` stands for a name that you choose, \`[]\` for each
item of a list; what is not marked as needed may be left out.
`;

/** The rows of all keys below a place, in the order of the schema. */
function rowsOf(place: Place, path: string): Row[] {
  const { anyOf = [], oneOf = [], properties = {}, required = [], additionalProperties, items } = place;
  const own = Object.entries(properties).flatMap(([key, value]): Row[] => {
    const isNeeded = required.includes(key);
    const text = `${valueText(value)}${isNeeded ? ", needed" : defaultText(value)}`;
    return [
      { key: `${path}.${key}`, value: text, meaning: value.description ?? "" },
      ...rowsOf(value, `${path}.${key}`),
    ];
  });
  const named = typeof additionalProperties === "object" ? namedRows(additionalProperties, path) : [];
  const alternatives = [...anyOf, ...oneOf].flatMap((one) => rowsOf(one, path));
  return unique([
    ...own,
    ...named,
    ...(items === undefined ? [] : rowsOf(items, `${path}[]`)),
    ...alternatives,
  ]);
}

/** Where the description says it, that is enough. */
function defaultText({ default: value, description = "" }: Place): string {
  if (typeof value !== "string" || description.includes("Default")) return "";
  return `; default \`${value}\``;
}

/** What has names of its own is a row only where it is no map itself: its keys are rows then. */
function namedRows(place: Place, path: string): Row[] {
  const below = rowsOf(place, `${path}.NAME`);
  if (below.length > 0) return below;
  return [{ key: `${path}.NAME`, value: valueText(place), meaning: place.description ?? "" }];
}

/** Kinds of one thing, such as checks, have keys in common. */
function unique(rows: readonly Row[]): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const known = byKey.get(row.key);
    if (known === undefined) byKey.set(row.key, row);
    else if (known.value !== row.value && !known.value.split(" or ").includes(row.value))
      byKey.set(row.key, { ...known, value: `${known.value} or ${row.value}` });
  }
  return [...byKey.values()];
}

/** What may stand at a place. */
function valueText(place: Place): string {
  const { anyOf, oneOf, enum: values, const: only, type } = place;
  const alternatives = anyOf ?? oneOf;
  if (alternatives !== undefined) return oneOrMany(alternatives);
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(", ");
  if (only !== undefined) return `\`${String(only)}\``;
  if (Array.isArray(type))
    return type.some((one) => one === "integer" || one === "number") ? "a text or a number" : "a text";
  switch (type) {
    case "boolean":
      return "`true` or `false`";
    case "integer":
    case "number":
      return numberText(place);
    case "array":
      return `a list${countText(place)}${itemsText(place.items)}`;
    case "object":
      return typeof place.additionalProperties === "object" ? "a map by name" : "a map";
    default:
      return `${textKind(place)}${exampleText(place)}`;
  }
}

/** A number and its unit; what names look like. Both are of the scalars in document-scalars.ts. */
const patterns: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/\(ms\|s\|m\|h\)/, "a duration"],
  [/^\^\[a-z\]\[a-z0-9-\]/, "a name"],
];

function textKind({ pattern = "" }: Place): string {
  return patterns.find(([known]) => known.test(pattern))?.[1] ?? "a text";
}

/** What stands within a list, or as one of several, has no row of its own to describe it. */
function partText(place: Place): string {
  const { type, description } = place;
  if (type !== "string" || description === undefined) return valueText(place);
  return `${description.charAt(0).toLowerCase()}${description.slice(1).replace(/\.$/, "")}`;
}

/** One thing, or a list of them, is the only kind of choice between a list and something else. */
function oneOrMany(alternatives: readonly Place[]): string {
  const texts = [...new Set(alternatives.filter(({ type }) => type !== "array").map(partText))];
  const list = alternatives.some(({ type }) => type === "array");
  return `${texts.join(" or ")}${list ? ", or a list of such" : ""}`;
}

function numberText({ minimum, maximum }: Place): string {
  if (minimum === undefined || maximum === undefined) return "a number";
  return `a number, ${minimum} to ${maximum > 2 ** 40 ? "any" : maximum}`;
}

function countText({ minItems = 0, maxItems }: Place): string {
  if (maxItems === undefined) return minItems === 0 ? "" : `, ${minItems} or more`;
  return `, ${minItems} to ${maxItems}`;
}

function itemsText(items: Place | undefined): string {
  if (items === undefined || items.type === "object") return "";
  return ` of: ${partText(items)}`;
}

const EXAMPLES_SHOWN = 2;

function exampleText({ examples = [] }: Place): string {
  if (examples.length === 0) return "";
  return `, such as ${examples
    .slice(0, EXAMPLES_SHOWN)
    .map((one) => `\`${String(one)}\``)
    .join(" or ")}`;
}

function tableText(rows: readonly Row[]): string {
  const cells = [
    ["key", "value", "meaning"],
    ...rows.map(({ key, value, meaning }) => [`\`${key}\``, value, meaning.replaceAll("|", "\\|")]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |\n`;
  const [head = [], ...rest] = cells;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rest.map(line)].join("");
}
