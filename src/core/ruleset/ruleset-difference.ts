import type { KernelTable } from "./kernel-tables.ts";
import { longestCommonSequence } from "./longest-sequence.ts";
import {
  type Chain,
  type NamedSet,
  type Ruleset,
  type Table,
  type TableObject,
  tableTitle,
} from "./ruleset.ts";
import { ruleText } from "./ruleset-text.ts";

/** One step from one rule set to another. */
export type RulesetChange =
  | { readonly kind: "delete-table"; readonly table: string }
  /** In an order in which each stands before what uses it. */
  | { readonly kind: "add-table"; readonly table: Table }
  | { readonly kind: "delete-rule"; readonly table: string; readonly chain: string; readonly handle: number }
  | {
      readonly kind: "delete-elements";
      readonly table: string;
      readonly set: string;
      readonly elements: readonly string[];
    }
  /** Its rules with it. */
  | { readonly kind: "flush-chain" | "delete-chain"; readonly table: string; readonly chain: string }
  | { readonly kind: "delete-set"; readonly table: string; readonly set: NamedSet }
  | { readonly kind: "delete-object"; readonly table: string; readonly object: TableObject }
  /** What its objects, sets with their elements, and chains without rules are is to be added to a table that stays. */
  | { readonly kind: "add-to-table"; readonly table: Table }
  | {
      readonly kind: "add-elements";
      readonly table: string;
      readonly set: string;
      readonly elements: readonly string[];
    }
  | {
      readonly kind: "add-rule";
      readonly table: string;
      readonly chain: string;
      readonly rule: string;
      /** The rule that it is put before; undefined: it becomes the last. */
      readonly before: number | undefined;
    };

/**
 * The way from one rule set to another, in one transaction: what both have stays as it is, with its counters.
 *
 * @param kernel where the rules of `loaded` are: its tables, chains and rules, in the same order
 * @returns nothing where there is nothing to do
 */
export function rulesetDifference(
  loaded: Ruleset,
  wanted: Ruleset,
  kernel: readonly KernelTable[],
): readonly RulesetChange[] {
  const changes: RulesetChange[] = [];
  const before = byKey(loaded.tables, tableTitle);
  const after = byKey(wanted.tables, tableTitle);
  const handles = byKey(kernel, tableTitle);
  for (const title of before.keys())
    if (!after.has(title)) changes.push({ kind: "delete-table", table: title });
  for (const [title, table] of after) {
    const old = before.get(title);
    const found = handles.get(title);
    if (old === undefined) changes.push({ kind: "add-table", table });
    else if (found === undefined) throw new Error(`the kernel's table ${title} is not told of`);
    else changes.push(...tableDifference(old, table, found));
  }
  return changes;
}

/**
 * The kernel takes each step by itself, so whatever is used must go after its users and come before them: rules use sets, objects
 * and chains (by jumps); elements of maps use objects and chains. What is replaced takes its users with it.
 */
function tableDifference(loaded: Table, wanted: Table, kernel: KernelTable): readonly RulesetChange[] {
  const table = tableTitle(wanted);
  const chains = partition(loaded.chains, wanted.chains, nameOf, ({ hook }) => hook ?? "");
  const sets = partition(loaded.sets, wanted.sets, nameOf, ({ kind, header }) =>
    [kind, ...header].join("\n"),
  );
  const objects = partition(loaded.objects, wanted.objects, objectKey, ({ body }) => body.join("\n"));
  // Under a name that is gone for good nothing is used any more, in a rule set that is whole.
  const gone = new Set([...chains.gone, ...sets.gone, ...objects.gone].map(nameOf));

  const rules = chains.kept.map(([old, now]) => chainDifference({ table, old, now, kernel, gone }));
  const elements = sets.kept.map(([old, now]) => elementDifference({ table, old, now, gone }));
  const added: Table = {
    ...{ family: wanted.family, name: wanted.name, objects: objects.come, sets: sets.come },
    chains: chains.come.map(({ name, hook }) => ({ name, hook, rules: [] })),
  };
  const isAdded = added.objects.length + added.sets.length + added.chains.length > 0;
  return [
    ...rules.flatMap(({ deleted }) => deleted),
    ...chains.gone.map(({ name }) => ({ kind: "flush-chain", table, chain: name }) as const),
    ...elements.flatMap(({ deleted }) => deleted),
    ...sets.gone.map((set) => ({ kind: "delete-set", table, set }) as const),
    ...chains.gone.map(({ name }) => ({ kind: "delete-chain", table, chain: name }) as const),
    ...objects.gone.map((object) => ({ kind: "delete-object", table, object }) as const),
    ...(isAdded ? [{ kind: "add-to-table", table: added } as const] : []),
    ...elements.flatMap((one) => one.added),
    ...rules.flatMap((one) => one.added),
    ...chains.come.flatMap((chain) => chain.rules.map((rule) => addRule(table, chain, ruleText(rule)))),
  ];
}

interface Steps {
  readonly deleted: readonly RulesetChange[];
  readonly added: readonly RulesetChange[];
}

interface ChainPair {
  readonly table: string;
  readonly old: Chain;
  readonly now: Chain;
  readonly kernel: KernelTable;
  /** What rules cannot go on using. */
  readonly gone: ReadonlySet<string>;
}

function chainDifference({ table, old, now, kernel, gone }: ChainPair): Steps {
  const found = kernel.chains.find(({ name }) => name === old.name)?.rules ?? [];
  if (found.length !== old.rules.length)
    throw new Error(`chain ${old.name} of ${table} is not as it was loaded`);
  const texts = now.rules.map(ruleText);
  const kept = longestCommonSequence(
    old.rules.map((rule) => (mentions(`${rule.match} ${rule.verdict}`, gone) ? undefined : ruleText(rule))),
    texts,
  );
  const stays = new Set(kept.map(({ before }) => before));
  const deleted = found.flatMap(({ handle }, index) =>
    stays.has(index) ? [] : [{ kind: "delete-rule", table, chain: old.name, handle } as const],
  );
  const added: RulesetChange[] = [];
  let next = 0;
  for (const [index, rule] of texts.entries()) {
    const anchor = kept[next];
    if (anchor?.after === index) next++;
    else added.push(addRule(table, now, rule, anchor && found[anchor.before]?.handle));
  }
  return { deleted, added };
}

function addRule(table: string, chain: Chain, rule: string, before?: number): RulesetChange {
  return { kind: "add-rule", table, chain: chain.name, rule, before };
}

interface SetPair {
  readonly table: string;
  readonly old: NamedSet;
  readonly now: NamedSet;
  readonly gone: ReadonlySet<string>;
}

function elementDifference({ table, old, now, gone }: SetPair): Steps {
  const stays = new Set(old.elements.filter((element) => !mentions(element, gone)));
  const wanted = new Set(now.elements);
  const deleted = old.elements.filter((element) => !(stays.has(element) && wanted.has(element)));
  const added = now.elements.filter((element) => !stays.has(element));
  const step = (kind: "delete-elements" | "add-elements", elements: readonly string[]): RulesetChange[] =>
    elements.length === 0 ? [] : [{ kind, table, set: now.name, elements }];
  return { deleted: step("delete-elements", deleted), added: step("add-elements", added) };
}

/** Whether a text has one of these names in it. One too many costs a rule its counter; one too few, the transaction. */
function mentions(text: string, names: ReadonlySet<string>): boolean {
  return names.size > 0 && text.split(/[^\w./\\-]+/).some((word) => names.has(word));
}

/** What goes, what comes and what both have. What is made in another way goes and comes again. */
function partition<T>(
  before: readonly T[],
  after: readonly T[],
  key: (item: T) => string,
  shape: (item: T) => string,
): { readonly gone: readonly T[]; readonly come: readonly T[]; readonly kept: readonly (readonly [T, T])[] } {
  const old = byKey(before, key);
  const kept = after.flatMap((item) => {
    const known = old.get(key(item));
    return known !== undefined && shape(known) === shape(item) ? [[known, item] as const] : [];
  });
  const stays = new Set(kept.map(([, item]) => key(item)));
  const leaves = (item: T) => !stays.has(key(item));
  return { gone: before.filter(leaves), come: after.filter(leaves), kept };
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function objectKey({ kind, name }: TableObject): string {
  return `${kind} ${name}`;
}

function byKey<T>(items: readonly T[], key: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}
