import { Command } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";

/** `tocha node` and its subcommands: what can be said, and the help. */
export function nodeCommand(): Command {
  return new Command("node")
    .description("set a node aside for maintenance, and take it back")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha node standby gw1 --reason "new power supply"     gw1 hands over, and stays out of it
  tocha node resume gw1                                  it takes part again`,
    )
    .addCommand(standbyCommand())
    .addCommand(resumeCommand());
}

function standbyCommand(): Command {
  return socketOptions(new Command("standby"))
    .description("set a node aside: it hands over all groups, and becomes active only in need")
    .argument("<name>", "the node, as in the document; it may be any node of the cluster")
    .requiredOption("-r, --reason <text>", "why: everybody who asks for the status sees it")
    .option("-f, --force", "also where no other node is well and holds every connection: some may be lost")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
It is so until "tocha node resume", also after a restart of the daemon or the machine. If no other node
with every connection is left meanwhile, the one that was set aside serves all the same, and hands over again when it
can: to take the addresses from a node for good, stop its daemon.
Exit status 0: done; 1: refused; 69: no node answers.

Examples:
  tocha node standby gw1 --reason "new power supply"
  tocha node standby gw2 --reason "disk is failing" --force`,
    )
    .action(
      exits(async (name, options) => {
        const { nodeStandby } = await import("./commands/node.ts");
        return nodeStandby(name, options);
      }),
    );
}

function resumeCommand(): Command {
  return socketOptions(new Command("resume"))
    .description("take a node back that was set aside; it becomes active when the rules say so, as any other")
    .argument("<name>", "the node, as in the document")
    .addOption(outputOption())
    .addHelpText("after", "\nExit status 0: done; 1: it was not set aside. Example:\n  tocha node resume gw1")
    .action(
      exits(async (name, options) => {
        const { nodeResume } = await import("./commands/node.ts");
        return nodeResume(name, options);
      }),
    );
}
