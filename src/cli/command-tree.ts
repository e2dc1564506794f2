import type { Command } from "commander";

/** A command with the words that lead to it, without `tocha`. */
export interface CommandPlace {
  readonly words: readonly string[];
  readonly command: Command;
}

/** A program with all its commands, each before its own ones; `help` and what is hidden are left out. */
export function commandsOf(program: Command, words: readonly string[] = []): CommandPlace[] {
  const children = visibleCommands(program).flatMap((child) => commandsOf(child, [...words, child.name()]));
  return [{ words, command: program }, ...children];
}

export function visibleCommands(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== "help");
}

/** What a command's help says below its options. */
export function textAfterHelp(command: Command): string {
  let whole = "";
  const { writeOut } = command.configureOutput();
  command.configureOutput({
    writeOut: (text) => {
      whole += text;
    },
  });
  command.outputHelp();
  command.configureOutput(writeOut === undefined ? {} : { writeOut });
  return whole.slice(command.helpInformation().length);
}

/** What stands below the options, in parts. */
export interface HelpText {
  /** Paragraphs, and lists whose lines are indented. */
  readonly text: readonly string[];
  readonly examples: readonly string[];
}

/** Takes the examples out of a command's help: the indented lines below `Example:` or `Examples:`. */
export function helpTextOf(command: Command): HelpText {
  const text: string[] = [];
  const examples: string[] = [];
  let isExample = false;
  for (const line of textAfterHelp(command).split("\n")) {
    if (/Examples?:$/.test(line)) {
      isExample = true;
      const before = line.replace(/\s*Examples?:$/, "");
      if (before !== "") text.push(before);
    } else if (isExample && line.startsWith("  ")) {
      examples.push(line.slice(2));
    } else {
      if (line !== "") isExample = false;
      text.push(line);
    }
  }
  return { text, examples };
}
