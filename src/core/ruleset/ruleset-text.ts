import {
  type Chain,
  type NamedSet,
  type Rule,
  type Ruleset,
  type Table,
  type TableObject,
  tableTitle,
} from "./ruleset.ts";

/** A whole rule set as one atomic transaction for `nft -f -`: it replaces the tables of these names, and nothing else. */
export function rulesetText(ruleset: Ruleset): string {
  return `${removalText(ruleset)}\n${ruleset.tables.map(tableText).join("\n")}`;
}

/** Takes the tables of these names away, whether they are there or not. */
export function removalText({ tables }: Ruleset): string {
  // Adding a table first makes its deletion succeed when there is none yet.
  return tables
    .map(tableTitle)
    .map((title) => `add table ${title}\ndelete table ${title}\n`)
    .join("");
}

/** A table as a block of a script. What is there already stays: of a block, nft adds what is not. */
export function tableText({ family, name, objects, sets, chains }: Table): string {
  const blocks = [...sets.map(setText), ...objects.map(objectText), ...chains.map(chainText)];
  return `table ${family} ${name} {\n${blocks.join("\n")}}\n`;
}

function setText({ kind, name, header, elements }: NamedSet): string {
  const lines = elements.length === 0 ? header : [...header, `elements = { ${elements.join(", ")} }`];
  return block(`${kind} ${name}`, lines);
}

function objectText({ kind, name, body }: TableObject): string {
  return block(`${kind} ${name}`, body);
}

function chainText({ name, hook, rules }: Chain): string {
  const first = hook === undefined ? [] : [`type ${hook}; policy accept;`];
  return block(`chain ${name}`, [...first, ...rules.map(ruleText)]);
}

/** A rule as it stands in a chain. */
export function ruleText({ match, verdict, comment }: Rule): string {
  return `${match === "" ? "" : `${match} `}${verdict} comment "${comment}"`;
}

function block(title: string, lines: readonly string[]): string {
  return `  ${title} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;
}
