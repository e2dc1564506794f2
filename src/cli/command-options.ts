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

/** What every command with -o can answer in. Commands know text and json; yaml is made of that (yaml-output.ts). */
export const outputFormats = ["text", "json", "yaml"] as const;
export type OutputFormat = (typeof outputFormats)[number];

export function outputOption(): Option {
  return new Option("-o, --output <format>", "text for people, json or yaml for programs")
    .choices([...outputFormats])
    .default("text");
}

export function socketOptions(command: Command): Command {
  return apiOptions(
    command
      .option("--socket <path>", "the control socket of the node to ask")
      .option("--node <name>", "the node of this machine to ask, where several run")
      .option("--lab <name>", "ask a node of this lab"),
  );
}

/** Another machine, in place of a control socket of this one. */
export function apiOptions(command: Command): Command {
  return command
    .option("--url <url>", "ask the API of a node, as in https://gw1:7847 (or TOCHA_URL)")
    .option("--token-file <file>", "the token for the API (or TOCHA_TOKEN_FILE)")
    .option("--ca <file>", "the authority of the API's certificate: the cluster's ca.crt (or TOCHA_CA)");
}
