import { Command, Option } from "commander";
import { exits, outputOption } from "./command-options.ts";
import { defaultDocumentPath } from "./document-problems.ts";

/** `tocha nat` and its subcommands: what can be said, and the help. They need the document, and no running node. */
export function natCommand(): Command {
  return new Command("nat")
    .description("whose an outside address and port are, as the document has it")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha nat who 203.0.113.7 5200      who had this address and port?
  tocha nat block 100.64.0.9          which address and ports does this subscriber have?
  tocha nat show                      how many subscribers share an address, and what is left`,
    )
    .addCommand(whoCommand())
    .addCommand(blockCommand())
    .addCommand(showCommand());
}

function configOption(): Option {
  return new Option("-c, --config <file>", "the cluster document").default(defaultDocumentPath);
}

function whoCommand(): Command {
  return new Command("who")
    .description("say whose an outside address and port are")
    .argument("<address>", "the outside address")
    .argument("<port>", "the port there, or the identifier of an ICMP echo")
    .addOption(configOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
For subscribers that share addresses (nat.cgnat) the document alone gives the answer. It must be the document of the time
that is asked about. Where hosts share an address without blocks, only the connection table of that moment knew.
Exit status 0: somebody has it; 1: nobody.

Examples:
  tocha nat who 203.0.113.7 5200
  tocha nat who 203.0.113.7 5200 --config /etc/tocha/cluster.yaml -o json`,
    )
    .action(
      exits(async (address, port, options) => {
        const { natWho } = await import("./commands/nat.ts");
        return natWho(address, port, options);
      }),
    );
}

function blockCommand(): Command {
  return new Command("block")
    .description("say which outside address and ports a subscriber has")
    .argument("<subscriber>", "the subscriber's address")
    .addOption(configOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Exit status 0: it has a block; 1: it is no subscriber.

Example:
  tocha nat block 100.64.0.9`,
    )
    .action(
      exits(async (subscriber, options) => {
        const { natBlock } = await import("./commands/nat.ts");
        return natBlock(subscriber, options);
      }),
    );
}

function showCommand(): Command {
  return new Command("show")
    .description("show how subscribers share addresses: the arithmetic of nat.cgnat")
    .addOption(configOption())
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  tocha nat show --config cluster.yaml")
    .action(
      exits(async (options) => {
        const { natShow } = await import("./commands/nat.ts");
        return natShow(options);
      }),
    );
}
