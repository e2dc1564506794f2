import type { Command, Option } from "commander";
import { type CommandPlace, commandsOf, helpTextOf, visibleCommands } from "./command-tree.ts";
import { exitStatusMeanings } from "./exit-status.ts";
import { wrap } from "./terminal.ts";

// Man pages from the same source as the help: one for tocha, and one for each of its commands with all that belongs to it. In
// the macros of man(7), which groff, mandoc and everything else understands.

export interface ManPage {
  /** `tocha-status.1` */
  readonly file: string;
  readonly text: string;
}

export interface ManOptions {
  readonly version: string;
  /** The day of the version, as 2026-11-26. */
  readonly date: string;
}

const files: readonly (readonly [string, string])[] = [
  ["/etc/tocha/cluster.yaml", "the cluster document"],
  ["/etc/tocha/keys", "the keys of a node"],
  ["/run/tocha/NODE/control.sock", "the socket by which commands ask a running node"],
  ["/var/lib/tocha/NODE", "lasting state: the history of roles, who is set aside"],
];

const environment: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "no colours, also on terminals"],
  ["FORCE_COLOR", "colours, also in files and pipes"],
  ["TOCHA_DEBUG", "1 shows where a defect happened"],
];

export function manPages(program: Command, options: ManOptions): ManPage[] {
  const commands = visibleCommands(program);
  const names = commands.map((command) => `tocha-${command.name()}`);
  return [
    mainPage(program, commands, options),
    ...commands.map((command) => commandPage(command, names, options)),
  ];
}

function mainPage(program: Command, commands: readonly Command[], options: ManOptions): ManPage {
  const { text, examples } = helpTextOf(program);
  const body = [
    head("tocha", "a high-availability NAT gateway cluster for Linux", options),
    ".SH SYNOPSIS",
    "\\fBtocha\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]",
    ".SH DESCRIPTION",
    prose(program.description()),
    ...paragraphs(text.filter((line) => !line.startsWith("Exit status"))),
    ".SH COMMANDS",
    ...commands.flatMap((command) => [
      ".TP",
      `.BR tocha\\-${escaped(command.name())} (1)`,
      prose(command.description()),
    ]),
    ".SH OPTIONS",
    ...optionsOf(program),
    ".SH FILES",
    ...definitions(files),
    ".SH ENVIRONMENT",
    ...definitions(environment),
    ...exitStatusSection(),
    ...examplesSection(examples, ".SH"),
    ".SH SEE ALSO",
    seeAlso([...commands.map((command) => `tocha-${command.name()} (1)`), "nft (8)", "conntrack (8)"]),
  ];
  return { file: "tocha.1", text: `${body.join("\n")}\n` };
}

function commandPage(command: Command, names: readonly string[], options: ManOptions): ManPage {
  const name = `tocha-${command.name()}`;
  const places = commandsOf(command, [command.name()]);
  const [own, ...children] = places;
  const { text, examples } = helpTextOf(command);
  const body = [
    head(name, firstWords(command.description()), options),
    ".SH SYNOPSIS",
    ...synopses(children.length > 0 ? children : own === undefined ? [] : [own]),
    ".SH DESCRIPTION",
    prose(sentence(command.description())),
    ...paragraphs(text),
    ...(command.registeredArguments.length > 0 ? [".SH ARGUMENTS", ...argumentsOf(command)] : []),
    ...(children.length > 0 ? [".SH COMMANDS", ...children.flatMap(subcommand)] : []),
    ...(children.length > 0 ? [] : [".SH OPTIONS", ...optionsOf(command)]),
    ...exitStatusSection(),
    ...examplesSection(examples, ".SH"),
    ".SH SEE ALSO",
    seeAlso(["tocha (1)", ...names.filter((one) => one !== name).map((one) => `${one} (1)`)]),
  ];
  return { file: `${name}.1`, text: `${body.join("\n")}\n` };
}

function subcommand({ words, command }: CommandPlace): string[] {
  const { text, examples } = helpTextOf(command);
  return [
    `.SS ${escaped(["tocha", ...words].join(" "))}`,
    prose(sentence(command.description())),
    ...paragraphs(text),
    ...argumentsOf(command),
    ...optionsOf(command),
    ...(examples.length > 0 ? [".PP", ...literal(examples)] : []),
  ];
}

function head(name: string, about: string, { version, date }: ManOptions): string {
  return [
    '.\\" Made by scripts/write-man.ts from the help of the program: do not edit.',
    `.TH ${name.toUpperCase().replaceAll("-", "\\-")} 1 "${date}" "tocha ${version}" "Tocha"`,
    ".SH NAME",
    prose(`${name} - ${about}`),
  ].join("\n");
}

function synopses(places: readonly CommandPlace[]): string[] {
  return places
    .filter(({ command }) => command.commands.length === 0 || command.registeredArguments.length > 0)
    .flatMap(({ words, command }, index) => {
      const own = command.registeredArguments.map((one) => {
        const called = `\\fI${escaped(one.name().toUpperCase())}\\fR${one.variadic ? "..." : ""}`;
        return one.required ? ` ${called}` : ` [${called}]`;
      });
      const line = `\\fB${escaped(["tocha", ...words].join(" "))}\\fR [\\fIOPTIONS\\fR]${own.join("")}`;
      return index === 0 ? [line] : [".br", line];
    });
}

function argumentsOf(command: Command): string[] {
  return command.registeredArguments.flatMap((one) => [
    ".TP",
    `\\fI${escaped(one.name().toUpperCase())}\\fR`,
    prose(withChoices(one.description, one.argChoices, one.defaultValue)),
  ]);
}

function optionsOf(command: Command): string[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap((option) => [".TP", flags(option), prose(optionText(option))]);
}

function flags({ flags: text }: Option): string {
  return text
    .split(/([<[][^>\]]+[>\]])/)
    .map((part) =>
      /^[<[]/.test(part) ? `\\fI${escaped(part)}\\fR` : part === "" ? "" : `\\fB${escaped(part)}\\fR`,
    )
    .join("");
}

function optionText({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  return withChoices(description, argChoices, defaultValueDescription ?? defaultValue);
}

function withChoices(description: string, choices: readonly string[] | undefined, value: unknown): string {
  const notes = [
    ...(choices === undefined ? [] : [`one of ${choices.join(", ")}`]),
    ...(["string", "number"].includes(typeof value) ? [`default: ${String(value)}`] : []),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}

function exitStatusSection(): string[] {
  return [
    ".SH EXIT STATUS",
    ...Object.entries(exitStatusMeanings).flatMap(([status, meaning]) => [
      ".TP",
      `\\fB${status}\\fR`,
      prose(meaning),
    ]),
  ];
}

function examplesSection(examples: readonly string[], macro: string): string[] {
  return examples.length === 0 ? [] : [`${macro} EXAMPLES`, ...literal(examples)];
}

/** Lines that are indented stay as they are; others are paragraphs, cut at empty lines. */
function paragraphs(lines: readonly string[]): string[] {
  const parts: string[] = [];
  let words: string[] = [];
  let list: string[] = [];
  const end = () => {
    if (words.length > 0) parts.push(".PP", prose(words.join(" ")));
    if (list.length > 0) parts.push(".PP", ...literal(list));
    words = [];
    list = [];
  };
  for (const line of lines) {
    const isList = line.startsWith("  ");
    if (line.trim() === "" || isList !== list.length > 0) end();
    if (line.trim() === "") continue;
    if (isList) list.push(line.slice(2));
    else words.push(line);
  }
  end();
  return parts;
}

function literal(lines: readonly string[]): string[] {
  return [".nf", ".RS 2", ...lines.map(escapedLine), ".RE", ".fi"];
}

function definitions(list: readonly (readonly [string, string])[]): string[] {
  return list.flatMap(([term, meaning]) => [".TP", `\\fB${escaped(term)}\\fR`, prose(meaning)]);
}

function seeAlso(pages: readonly string[]): string {
  return pages.map((page, index) => `.BR ${escaped(page)}${index < pages.length - 1 ? "," : ""}`).join("\n");
}

function firstWords(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/[.:].*$/, "");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.)]$/.test(text) ? "" : "."}`;
}

/** Longer lines than this mandoc finds ugly. */
const LINE_LENGTH = 78;

/** Running text. What seems to be a request because of the word that begins a line is none. */
function prose(text: string): string {
  return wrap(escaped(text), LINE_LENGTH)
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join("\n");
}

function escapedLine(line: string): string {
  const text = escaped(line);
  return /^[.']/.test(text) ? `\\&${text}` : text;
}

/** groff_char(7): a bare - would be a hyphen, ' and ` typographic quotes; what is not ASCII has names. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("…", "\\|.\\|.\\|.");
}
