import type { KernelTable } from "./kernel-tables.ts";
import { type NamedSet, type Ruleset, type Table, type TableObject, tableTitle } from "./ruleset.ts";
import type { RulesetChange } from "./ruleset-difference.ts";
import { ruleText } from "./ruleset-text.ts";

interface FakeTable {
  readonly family: Table["family"];
  readonly name: string;
  readonly handle: number;
  readonly objects: Map<string, TableObject>;
  readonly sets: Map<string, { readonly shape: string; readonly elements: Set<string> }>;
  readonly chains: Map<string, { readonly hook: string | undefined; rules: FakeRule[] }>;
}

interface FakeRule {
  readonly handle: number;
  readonly text: string;
}

/** Rule sets as nf_tables keeps them: what is in use cannot be deleted, what is used must be there, and nothing can be made twice. */
export class FakeKernel {
  readonly #tables = new Map<string, FakeTable>();
  #handle = 0;

  load({ tables }: Ruleset): void {
    for (const table of tables) this.#addTable(table);
  }

  apply(changes: readonly RulesetChange[]): void {
    for (const change of changes) this.#applyOne(change);
  }

  #applyOne(change: RulesetChange): void {
    if (change.kind === "add-table") {
      this.#addTable(change.table);
      return;
    }
    const title = typeof change.table === "string" ? change.table : tableTitle(change.table);
    const table = present(this.#tables.get(title), title);
    switch (change.kind) {
      case "delete-table":
        this.#tables.delete(title);
        break;
      case "add-to-table":
        this.#addTo(table, change.table);
        break;
      case "delete-rule": {
        const chain = present(table.chains.get(change.chain), change.chain);
        const left = chain.rules.filter(({ handle }) => handle !== change.handle);
        must(left.length === chain.rules.length - 1, `there is a rule ${change.handle}`);
        chain.rules = left;
        break;
      }
      case "flush-chain":
        present(table.chains.get(change.chain), change.chain).rules = [];
        break;
      case "delete-chain":
        must(table.chains.delete(change.chain), `there is a chain ${change.chain}`);
        assertUnused(table, [`jump ${change.chain}`]);
        break;
      case "delete-set":
        must(table.sets.delete(change.set.name), `there is a set ${change.set.name}`);
        assertUnused(table, [`@${change.set.name}`]);
        break;
      case "delete-object":
        must(table.objects.delete(objectKey(change.object)), `there is a ${objectKey(change.object)}`);
        assertUnused(table, [`"${change.object.name}"`]);
        break;
      case "delete-elements":
        for (const element of change.elements)
          must(present(table.sets.get(change.set), change.set).elements.delete(element), element);
        break;
      case "add-elements":
        addElements(table, change.set, change.elements);
        break;
      case "add-rule": {
        const chain = present(table.chains.get(change.chain), change.chain);
        assertWhole(table, change.rule);
        const at =
          change.before === undefined
            ? chain.rules.length
            : chain.rules.findIndex(({ handle }) => handle === change.before);
        must(at >= 0, `there is a rule ${change.before}`);
        chain.rules.splice(at, 0, { handle: this.#next(), text: change.rule });
        break;
      }
    }
  }

  #addTable(table: Table): void {
    const title = tableTitle(table);
    must(!this.#tables.has(title), `${title} is new`);
    const { family, name } = table;
    const made = {
      family,
      name,
      handle: this.#next(),
      objects: new Map(),
      sets: new Map(),
      chains: new Map(),
    };
    this.#tables.set(title, made);
    this.#addTo(made, table);
  }

  #addTo(table: FakeTable, { objects, sets, chains }: Table): void {
    for (const object of objects) {
      must(!table.objects.has(objectKey(object)), `${objectKey(object)} is new`);
      table.objects.set(objectKey(object), object);
    }
    for (const { name, hook } of chains) {
      must(!table.chains.has(name), `${name} is new`);
      table.chains.set(name, { hook, rules: [] });
    }
    for (const set of sets) {
      must(!table.sets.has(set.name), `${set.name} is new`);
      table.sets.set(set.name, { shape: shapeOf(set), elements: new Set() });
      addElements(table, set.name, set.elements);
    }
    for (const { name, rules } of chains) {
      for (const text of rules.map(ruleText)) {
        assertWhole(table, text);
        present(table.chains.get(name), name).rules.push({ handle: this.#next(), text });
      }
    }
  }

  #next(): number {
    return ++this.#handle;
  }

  /** As nft lists them. */
  get tables(): readonly KernelTable[] {
    return [...this.#tables.values()].map(({ family, name, handle, objects, sets, chains }) => ({
      ...{ family, name, handle, flags: "" },
      objects: [...objects.values()].map((object) => ({ kind: object.kind, name: object.name, handle: 0 })),
      sets: [...sets].map(([set, { elements }]) => ({
        name: set,
        handle: 0,
        elements: elements.size,
        digest: 0,
      })),
      chains: [...chains].map(([chain, { rules }]) => ({
        ...{ name: chain, handle: 0, policy: "" },
        rules: rules.map(({ handle: number, text }) => ({
          ...{ handle: number, digest: 0 },
          comment: / comment "(.*)"$/.exec(text)?.[1] ?? "",
        })),
      })),
    }));
  }

  /** Rules that are there, by chain, with the numbers that they got when they were made. */
  get rules(): ReadonlyMap<string, readonly FakeRule[]> {
    return new Map(
      [...this.#tables].flatMap(([title, { chains }]) =>
        [...chains].map(([name, { rules }]) => [`${title} ${name}`, rules] as const),
      ),
    );
  }

  /** Everything but the numbers, in an order that does not depend on what was made first. */
  get content(): unknown {
    return [...this.#tables]
      .map(([title, { objects, sets, chains }]) => ({
        title,
        objects: [...objects.values()].sort(byName),
        sets: [...sets]
          .map(([name, { shape, elements }]) => ({ name, shape, elements: [...elements].sort() }))
          .sort(byName),
        chains: [...chains]
          .map(([name, { hook, rules }]) => ({ name, hook, rules: rules.map(({ text }) => text) }))
          .sort(byName),
      }))
      .sort((a, b) => (a.title < b.title ? -1 : 1));
  }
}

/** What the kernel would refuse. */
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`refused, for this is not so: ${what}`);
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`refused, for there is no ${what}`);
  return value;
}

function addElements(table: FakeTable, name: string, added: readonly string[]): void {
  const { elements } = present(table.sets.get(name), name);
  for (const element of added) {
    const [key] = element.split(" : ");
    const clash = [...elements].find((other) => other.split(" : ")[0] === key);
    must(clash === undefined, `${name} has no ${key} yet`);
    assertWhole(table, element);
    elements.add(element);
  }
}

/** Everything that uses something, as text. */
function users({ chains, sets }: FakeTable): string[] {
  return [
    ...[...chains.values()].flatMap(({ rules }) => rules.map(({ text }) => text)),
    ...[...sets.values()].flatMap(({ elements }) => [...elements]),
  ];
}

function assertUnused(table: FakeTable, words: readonly string[]): void {
  for (const text of users(table))
    for (const word of words) must(!`${text} `.includes(`${word} `), `${word}: ${text}`);
}

function assertWhole(table: FakeTable, text: string): void {
  const body = text.replace(/ comment ".*"$/, "");
  for (const [, name = ""] of body.matchAll(/@(\w+)/g)) present(table.sets.get(name), name);
  for (const [, name = ""] of body.matchAll(/jump (\w+)/g)) present(table.chains.get(name), name);
  for (const [, name = ""] of body.matchAll(/"([\w-]+)"/g))
    must(
      [...table.objects.values()].some((object) => object.name === name),
      name,
    );
}

function shapeOf({ kind, header }: NamedSet): string {
  return [kind, ...header].join("; ");
}

function objectKey({ kind, name }: TableObject): string {
  return `${kind} ${name}`;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
