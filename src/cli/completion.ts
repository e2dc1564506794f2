import type { Argument, Command, Option } from "commander";
import { visibleCommands } from "./command-tree.ts";

/** What only a running cluster knows the names of. */
export type LiveNames =
  | "nodes"
  | "local-nodes"
  | "groups"
  | "users"
  | "user-tokens"
  | "labs"
  | "changes"
  | "revisions"
  | "lab-links"
  /** Not of a cluster: of the file that the command edits. */
  | "document-paths";

export interface Candidate {
  readonly text: string;
  readonly about: string;
}

/** What could stand at the end of a command line. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Paths, which the shell knows best. */
  readonly paths?: "file" | "directory";
  readonly live?: LiveNames;
  /** Stands before every name: `--to=`. */
  readonly prefix: string;
  /** What all candidates begin with: the word that is being written. */
  readonly written: string;
  /** How many characters of it the shell takes for words of their own, and does not replace. */
  readonly apart: number;
  readonly place: CompletionPlace;
}

/** What stands before the word that is being written. */
export interface CompletionPlace {
  /** The command. */
  readonly words: readonly string[];
  /** Its arguments so far. */
  readonly args: readonly string[];
  /** The values of options that were given, by their long flags: they choose whom to ask for names. */
  readonly given: ReadonlyMap<string, string>;
}

/** By option, then by what its value is called in the help; and by what arguments are called. */
const pathsOf: Readonly<Record<string, "file" | "directory">> = {
  file: "file",
  path: "file",
  "name=file": "file",
  dir: "directory",
};
const liveOfOption: Readonly<Record<string, LiveNames>> = {
  "--group": "groups",
  "--to": "nodes",
  "--other": "nodes",
  "--for": "nodes",
  "--lab": "labs",
  "--name": "labs",
};

/** These choose whom or what a command means also where they are not given. */
const choosing: readonly (string | undefined)[] = ["--name", "--file"];

/**
 * What can follow the words of a command line; the last word is the one that is being written, and may be empty. bash takes
 * words apart at `=` and `:`: what is completed then is only what follows.
 */
export function completionOf(program: Command, apartWords: readonly string[]): Completion {
  const words = joinedAtColons(apartWords);
  const place = walk(program, words.slice(0, -1));
  const word = words.at(-1) ?? "";
  const isApart = words.length < apartWords.length && apartWords.slice(-2).some(isColons);
  return {
    ...whatFollows(place, word),
    written: word === "=" ? "" : word,
    apart: isApart ? word.lastIndexOf(":") + 1 : 0,
    place,
  };
}

const isColons = (word: string) => /^:+$/.test(word);

/** Puts together what bash took apart: `https`, `:`, `//gw1`. */
function joinedAtColons(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [index, word] of words.entries()) {
    const before = words[index - 1];
    const last = joined.pop();
    if (last === undefined) joined.push(word);
    else if (isColons(word) || (before !== undefined && isColons(before))) joined.push(last + word);
    else joined.push(last, word);
  }
  return joined;
}

function whatFollows(place: Place, word: string): Values & Pick<Completion, "prefix"> {
  if (place.waiting !== undefined) return { ...valuesOf(place.waiting, place), prefix: "" };
  const [, flag, separator] = /^(--[a-z0-9-]+)(=)/.exec(word) ?? [];
  if (flag !== undefined && separator !== undefined) {
    const option = place.command.options.find((one) => one.long === flag);
    const values = option === undefined ? { candidates: [] } : valuesOf(option, place);
    const prefix = `${flag}=`;
    const candidates = values.candidates.map(({ text, about }) => ({ text: prefix + text, about }));
    return { ...values, candidates, prefix };
  }
  if (word.startsWith("-")) return { candidates: optionsOf(place.command), prefix: "" };
  const children = place.args.length === 0 ? visibleCommands(place.command) : [];
  const commands = children.map((one) => ({
    text: one.name(),
    about: firstLine(one.description()),
  }));
  const argument = argumentAt(place.command, place.args.length);
  if (argument === undefined) return { candidates: commands, prefix: "" };
  const values = argumentValues(argument, place);
  return { ...values, candidates: [...commands, ...values.candidates], prefix: "" };
}

interface Place extends CompletionPlace {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly waiting: Option | undefined;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let waiting: Option | undefined;
  const names: string[] = [];
  const args: string[] = [];
  const given = new Map<string, string>();
  for (const word of words) {
    if (waiting !== undefined) {
      // bash gives the sign of --option=value as a word of its own.
      if (word === "=") continue;
      given.set(waiting.long ?? "", word);
      waiting = undefined;
    } else if (word.startsWith("-")) {
      const [flag = "", value] = word.split("=", 2);
      const option = command.options.find((one) => one.long === flag || one.short === flag);
      if (option !== undefined && value !== undefined) given.set(option.long ?? "", value);
      else if (option !== undefined && (option.required || option.optional)) waiting = option;
    } else {
      const child = args.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (child === undefined) args.push(word);
      else {
        command = child;
        names.push(word);
      }
    }
  }
  for (const { long, defaultValue } of command.options) {
    if (choosing.includes(long) && typeof defaultValue === "string" && !given.has(long ?? ""))
      given.set(long ?? "", defaultValue);
  }
  return { command, words: names, args, waiting, given };
}

type Values = Pick<Completion, "candidates" | "paths" | "live">;

function valuesOf(option: Option, { words }: Place): Values {
  if (option.argChoices !== undefined)
    return { candidates: option.argChoices.map((text) => ({ text, about: "" })) };
  const [, called = ""] = /[<[]([^>\]]+)/.exec(option.flags) ?? [];
  const paths = Object.hasOwn(pathsOf, called) ? pathsOf[called] : undefined;
  if (paths !== undefined) return { candidates: [], paths };
  const flag = option.long ?? "";
  // `failover history --node` names whose history is meant; elsewhere it chooses a node of this machine.
  if (flag === "--node" && called === "name")
    return { candidates: [], live: words.includes("history") ? "nodes" : "local-nodes" };
  const live = Object.hasOwn(liveOfOption, flag) ? liveOfOption[flag] : undefined;
  return live === undefined ? { candidates: [] } : { candidates: [], live };
}

function argumentValues(argument: Argument, { words }: Place): Values {
  if (argument.argChoices !== undefined)
    return { candidates: argument.argChoices.map((text) => ({ text, about: "" })) };
  switch (argument.name()) {
    case "file":
      return { candidates: [], paths: "file" };
    case "node":
      return { candidates: [], live: "nodes" };
    case "name":
      if (words[0] !== "user") return { candidates: [], live: "nodes" };
      // A new user has a new name.
      return words.at(-2) === "user" && words.at(-1) === "add"
        ? { candidates: [] }
        : { candidates: [], live: "users" };
    case "id":
      return { candidates: [], live: words[0] === "user" ? "user-tokens" : "changes" };
    case "path":
      return { candidates: [], live: "document-paths" };
    case "revision":
      return { candidates: [], live: "revisions" };
    case "link":
      return { candidates: [], live: "lab-links" };
    case "scenario": {
      const names = argument.description
        .split(", ")
        .filter((one) => words.includes("run") && /^[a-z-]+$/.test(one));
      return { candidates: names.map((text) => ({ text, about: "" })) };
    }
    default:
      return { candidates: [] };
  }
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap((option) => {
      const text = option.long ?? option.short;
      return text === undefined ? [] : [{ text, about: firstLine(option.description) }];
    });
}

function argumentAt({ registeredArguments }: Command, position: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic === true ? last : undefined);
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
