import { DecodeError } from "../../base/decode-error.ts";
import { type Ruleset, type Table, tableTitle } from "./ruleset.ts";

/** What the kernel holds of one table, as far as it says whether the table is still the one that was loaded. */
export interface KernelTable {
  readonly family: string;
  readonly name: string;
  /** The kernel gives a new number to whatever is made anew, here and below. */
  readonly handle: number;
  /** Dormant, for one. */
  readonly flags: string;
  readonly objects: readonly KernelObject[];
  readonly sets: readonly KernelSet[];
  readonly chains: readonly KernelChain[];
}

export interface KernelObject {
  readonly kind: string;
  readonly name: string;
  readonly handle: number;
}

export interface KernelSet {
  readonly name: string;
  readonly handle: number;
  /** How many; undefined where packets add and remove them. */
  readonly elements: number | undefined;
  /** Of the elements, in whatever order; 0 where there are none, or where packets add and remove them. */
  readonly digest: number;
}

export interface KernelChain {
  readonly name: string;
  readonly handle: number;
  /** Empty for one that others jump to. */
  readonly policy: string;
  /** In their order. */
  readonly rules: readonly KernelRule[];
}

export interface KernelRule {
  /** A rule that is replaced in its place keeps it. */
  readonly handle: number;
  /** Of what the rule does, as nft tells it; without what packets change. */
  readonly digest: number;
  readonly comment: string;
}

interface OpenTable extends KernelTable {
  readonly objects: KernelObject[];
  readonly sets: KernelSet[];
  readonly chains: (KernelChain & { readonly rules: KernelRule[] })[];
}

/** Kinds of `nft --json` that are sets (libnftables-json(5)). */
const setKinds: readonly string[] = ["set", "map"];

/**
 * Reads what `nft --json --handle list table …` prints (libnftables-json(5)); any text, and it does not throw. What a rule does is not
 * understood, but only digested.
 */
export function readKernelTables(text: string): readonly KernelTable[] | DecodeError {
  let listing: unknown;
  try {
    listing = JSON.parse(text);
  } catch {
    return new DecodeError("no-json");
  }
  const items = field(listing, "nftables");
  if (!Array.isArray(items)) return new DecodeError("no-listing");
  const tables = new Map<string, OpenTable>();
  for (const [index, item] of items.entries()) {
    const [entry] = isRecord(item) ? Object.entries(item) : [];
    if (entry === undefined) return new DecodeError("no-item", index);
    const failure = readItem(tables, entry[0], entry[1]);
    if (failure !== undefined) return new DecodeError(failure, index);
  }
  return [...tables.values()];
}

/** @returns why it is not what it should be */
function readItem(tables: Map<string, OpenTable>, kind: string, value: unknown): string | undefined {
  if (kind === "metainfo") return undefined;
  const name = field(value, "name");
  const handle = field(value, "handle");
  const family = field(value, "family");
  if (typeof handle !== "number" || typeof family !== "string") return "no-handle";
  if (kind === "table") {
    if (typeof name !== "string") return "no-name";
    const flags = [field(value, "flags") ?? []].flat().join(" ");
    const table = { family, name, handle, flags, objects: [], sets: [], chains: [] };
    tables.set(tableTitle(table), table);
    return undefined;
  }
  const tableName = field(value, "table");
  const table =
    typeof tableName === "string" ? tables.get(tableTitle({ family, name: tableName })) : undefined;
  if (table === undefined) return "no-table";
  if (kind === "rule") {
    const chain = table.chains.find((one) => one.name === field(value, "chain"));
    if (chain === undefined) return "no-chain";
    const digest = digestOf(field(value, "expr"));
    chain.rules.push({ handle, digest, comment: textField(value, "comment") });
    return undefined;
  }
  if (typeof name !== "string") return "no-name";
  if (kind === "chain") table.chains.push({ name, handle, policy: textField(value, "policy"), rules: [] });
  else if (setKinds.includes(kind)) table.sets.push({ name, handle, ...elementsOf(value) });
  // Others are not ours, and so they make the table another one than was loaded.
  else table.objects.push({ kind, name, handle });
  return undefined;
}

function elementsOf(set: unknown): Pick<KernelSet, "elements" | "digest"> {
  const flags = field(set, "flags");
  const changesByItself = (flag: unknown) => flag === "dynamic" || flag === "timeout";
  if ([flags].flat().some(changesByItself)) return { elements: undefined, digest: 0 };
  const elements = field(set, "elem");
  if (!Array.isArray(elements)) return { elements: 0, digest: 0 };
  return { elements: elements.length, digest: elements.reduce((sum, one) => (sum + digestOf(one)) >>> 0, 0) };
}

/**
 * The tables without the elements that packets add and remove, by what was loaded: nft 1.0.6 leaves the flag `dynamic` out of its JSON.
 */
export function withoutPacketElements(
  kernel: readonly KernelTable[],
  ruleset: Ruleset,
): readonly KernelTable[] {
  return kernel.map((table) => {
    const loaded = ruleset.tables.find((one) => tableTitle(one) === tableTitle(table));
    const isDynamic = ({ name }: KernelSet) =>
      loaded?.sets
        .find((set) => set.name === name)
        ?.header.some((line) => /^flags\b.*\bdynamic\b/.test(line));
    const sets = table.sets.map((set) => (isDynamic(set) ? { ...set, elements: undefined, digest: 0 } : set));
    return { ...table, sets };
  });
}

/** What packets count: of counters, quotas and `last`. */
const counted: readonly string[] = ["packets", "bytes", "used"];

/** FNV-1a, 32 bits, of the UTF-16 units of the text: against mistakes, not against forgery. */
function digestOf(value: unknown): number {
  const text = JSON.stringify(value ?? null, (key, inner) => (counted.includes(key) ? undefined : inner));
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

function textField(value: unknown, name: string): string {
  const text = field(value, name);
  return typeof text === "string" ? text : "";
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/**
 * Compares what the kernel holds with what was to be loaded: chains, objects and sets by their names, rules by the order of their comments.
 *
 * @returns what is different, in words; undefined where nothing is
 */
export function differenceFromRuleset(kernel: readonly KernelTable[], ruleset: Ruleset): string | undefined {
  for (const wanted of ruleset.tables) {
    const title = tableTitle(wanted);
    const found = kernel.find((table) => tableTitle(table) === title);
    if (found === undefined) return `table ${title} is not there`;
    const difference = differenceFromTable(found, wanted);
    if (difference !== undefined) return `table ${title}: ${difference}`;
  }
  return undefined;
}

function differenceFromTable(found: KernelTable, wanted: Table): string | undefined {
  const objects = ({ kind, name }: { readonly kind: string; readonly name: string }) => `${kind} ${name}`;
  const names = ({ name }: { readonly name: string }) => name;
  if (!sameNames(found.objects.map(objects), wanted.objects.map(objects))) return "its objects are others";
  if (!sameNames(found.sets.map(names), wanted.sets.map(names))) return "its sets are others";
  if (!sameNames(found.chains.map(names), wanted.chains.map(names))) return "its chains are others";
  for (const { name, rules } of wanted.chains) {
    const comments = found.chains.find((chain) => chain.name === name)?.rules.map(({ comment }) => comment);
    if (comments === undefined || comments.length !== rules.length)
      return `chain ${name} has ${comments?.length ?? 0} rules instead of ${rules.length}`;
    const at = rules.findIndex(({ comment }, index) => comments[index] !== comment);
    if (at >= 0) return `rule ${at + 1} of chain ${name} is another`;
  }
  return undefined;
}

/**
 * Compares what the kernel holds with what it held after the last load.
 *
 * @returns what is different, in words; undefined where nothing is
 */
export function differenceOfTables(
  now: readonly KernelTable[],
  before: readonly KernelTable[],
): string | undefined {
  for (const old of before) {
    const title = tableTitle(old);
    const found = now.find((table) => tableTitle(table) === title);
    if (found === undefined) return `table ${title} is gone`;
    if (found.handle !== old.handle) return `table ${title} was made anew`;
    if (found.flags !== old.flags) return `table ${title} has other flags`;
    const difference = differenceOfTable(found, old);
    if (difference !== undefined) return `table ${title}: ${difference}`;
  }
  return undefined;
}

function differenceOfTable(now: KernelTable, before: KernelTable): string | undefined {
  const numbered = ({ name, handle }: { readonly name: string; readonly handle: number }) =>
    `${name} ${handle}`;
  if (!sameNames(now.objects.map(numbered), before.objects.map(numbered))) return "its objects have changed";
  if (!sameNames(now.sets.map(numbered), before.sets.map(numbered))) return "its sets have changed";
  if (!sameNames(now.chains.map(numbered), before.chains.map(numbered))) return "its chains have changed";
  for (const { name, elements, digest } of before.sets) {
    const set = now.sets.find((one) => one.name === name);
    if (set?.elements !== elements) return `set ${name} has ${set?.elements} elements instead of ${elements}`;
    if (set?.digest !== digest) return `the elements of set ${name} have changed`;
  }
  for (const { name, policy, rules } of before.chains) {
    const chain = now.chains.find((one) => one.name === name);
    if (chain?.policy !== policy) return `the policy of chain ${name} has changed`;
    const found = chain.rules;
    const isSame = ({ handle, digest }: KernelRule, index: number) =>
      found[index]?.handle === handle && found[index]?.digest === digest;
    if (found.length !== rules.length || !rules.every(isSame))
      return `the rules of chain ${name} have changed`;
  }
  return undefined;
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  const sorted = [...others].sort();
  return some.length === others.length && [...some].sort().every((name, index) => name === sorted[index]);
}
