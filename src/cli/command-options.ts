import { type Command, Option } from "commander";
import type { ExitStatus } from "./exit-status.ts";

/** An action's result becomes the exit status. */
export function exits<A extends unknown[]>(
  action: (...args: A) => Promise<ExitStatus>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    process.exitCode = await action(...args);
  };
}

export function outputOption(): Option {
  return new Option("-o, --output <format>", "text for people, json for programs")
    .choices(["text", "json"])
    .default("text");
}

export function socketOptions(command: Command): Command {
  return command
    .option("--socket <path>", "the control socket of the node to ask")
    .option("--node <name>", "the node of this machine to ask, where several run")
    .option("--lab <name>", "ask a node of this lab");
}
