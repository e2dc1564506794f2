import { Command } from "commander";
import { HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX } from "../contract/query-words.ts";
import { apiOptions, exits, outputOption, socketOptions } from "./command-options.ts";

/** `tocha failover` and its subcommands: what can be said, and the help. */
export function failoverCommand(): Command {
  return new Command("failover")
    .description("explain who is active and why, and what has happened before")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha failover why                       who is active, why, and what if it died now?
  tocha failover history                   every change of role, of all nodes
  tocha failover history show gw2-17       one of them, microsecond by microsecond`,
    )
    .addCommand(whyCommand())
    .addCommand(historyCommand());
}

function whyCommand(): Command {
  return socketOptions(new Command("why"))
    .description("explain the present state of each group in sentences")
    .option("-g, --group <name>", "this failover group only")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Who is active, since when and why; why each other node is not; what would happen if the active died now.
Exit status 0: explained, whatever the state is (tocha status judges it); 69: no node answers.

Examples:
  tocha failover why
  tocha failover why --group guests
  tocha failover why -o json | jq '.groups[].ifActiveDied'`,
    )
    .action(
      exits(async (options) => {
        const { why } = await import("./commands/failover.ts");
        return why(options);
      }),
    );
}

function historyCommand(): Command {
  return apiOptions(new Command("history"))
    .description("list the changes of role that the nodes remember, the newest first")
    .option("--node <name>", "what this node remembers only")
    .option("-g, --group <name>", "this failover group only")
    .option(
      "-l, --limit <number>",
      `at most so many (default: ${HISTORY_LIMIT_DEFAULT}; at most ${HISTORY_LIMIT_MAX})`,
    )
    .option("--socket <path>", "the control socket of the node to ask")
    .option("--lab <name>", "ask a node of this lab")
    .addOption(outputOption())
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Any node is asked, and asks all others. GAP is the time from the last sign of the node that was active before to
the first packet that went through the new one: no outage was longer.

Examples:
  tocha failover history
  tocha failover history --node gw2 --limit 100
  tocha failover history -o json | jq '.entries[] | select(.to == "active")'
  tocha failover history show gw2-17`,
    )
    .action(
      exits(async (options) => {
        const { history } = await import("./commands/failover.ts");
        return history(options);
      }),
    )
    .addCommand(showCommand());
}

function showCommand(): Command {
  return apiOptions(new Command("show"))
    .description("show one change of role: its evidence, and its timeline as a picture")
    .argument("<id>", "as listed by tocha failover history")
    .option("--socket <path>", "the control socket of the node to ask")
    .option("--lab <name>", "ask a node of this lab")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Times are microseconds of one clock, that of the node whose entry it is.

Examples:
  tocha failover history show gw2-17
  tocha failover history show gw2-17 -o json | jq '.entry.stamps'`,
    )
    .action(
      exits(async (id, _options, command: Command) => {
        const { showHistory } = await import("./commands/failover.ts");
        // Options that both commands know are taken by the first.
        return showHistory(id, command.optsWithGlobals());
      }),
    );
}
