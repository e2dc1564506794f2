import type { Argument, Command, Option } from "commander";
import { visibleCommands } from "./command-tree.ts";

/** What only a running cluster knows the names of. */
export type LiveNames = "nodes" | "local-nodes" | "groups" | "labs" | "changes" | "revisions" | "lab-links";

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
  "--lab": "labs",
  "--name": "labs",
};

/**
 * What can follow the words of a command line; the last word is the one that is being written, and may be empty. bash takes
 * words apart at `=`: what is completed then is only what follows.
 */
export function completionOf(program: Command, words: readonly string[]): Completion {
  const place = walk(program, words.slice(0, -1));
  const word = words.at(-1) ?? "";
  const given = place.given;
  if (place.waiting !== undefined) {
    return { ...valuesOf(place.waiting, place), prefix: "", given };
  }
  const [, flag, separator] = /^(--[a-z0-9-]+)(=)/.exec(word) ?? [];
  if (flag !== undefined && separator !== undefined) {
    const option = place.command.options.find((one) => one.long === flag);
    const values = option === undefined ? { candidates: [] } : valuesOf(option, place);
    const prefix = `${flag}=`;
    const candidates = values.candidates.map(({ text, about }) => ({ text: prefix + text, about }));
    return { ...values, candidates, prefix, given };
  }
  if (word.startsWith("-")) return { candidates: optionsOf(place.command), prefix: "", given };
  const children = place.position === 0 ? visibleCommands(place.command) : [];
  const commands = children.map((one) => ({
    text: one.name(),
    about: firstLine(one.description()),
  }));
  const argument = argumentAt(place.command, place.position);
  if (argument === undefined) return { candidates: commands, prefix: "", given };
  const values = argumentValues(argument, place);
  return { ...values, candidates: [...commands, ...values.candidates], prefix: "", given };
}

interface Place {
  readonly command: Command;
  readonly words: readonly string[];
  /** Which argument comes next. */
  readonly position: number;
  /** The option whose value comes next. */
  readonly waiting: Option | undefined;
  readonly given: ReadonlyMap<string, string>;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let position = 0;
  let waiting: Option | undefined;
  const names: string[] = [];
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
      const child = position === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (child === undefined) position++;
      else {
        command = child;
        names.push(word);
      }
    }
  }
  return { command, words: names, position, waiting, given };
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
    case "name":
      return { candidates: [], live: "nodes" };
    case "id":
      return { candidates: [], live: "changes" };
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
