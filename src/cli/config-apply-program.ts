import { Command } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";
import { defaultDocumentPath } from "./document-problems.ts";

/** The subcommands of `tocha config` that change a running cluster, or show its history. */
export function configApplyCommands(): readonly Command[] {
  return [
    applyCommand(),
    confirmCommand(),
    revertCommand(),
    stateCommand(),
    historyCommand(),
    showCommand(),
    diffCommand(),
    rollbackCommand(),
    chooseCommand(),
  ];
}

function confirmOptions(command: Command): Command {
  return command
    .option("-m, --message <text>", "why, for the history", "")
    .option("--confirm-within <seconds>", "how long the change waits to be confirmed, 5 to 3600", "60")
    .option("--no-confirm", "leave it unconfirmed: `tocha config confirm` keeps it, else it is taken back")
    .option("--force", "also where the plan says that it is better not done")
    .option("-y, --yes", "confirm at once, also at a terminal");
}

function applyCommand(): Command {
  return confirmOptions(socketOptions(new Command("apply")))
    .description("make a document apply on all nodes that answer, or on none")
    .argument("[file]", "the cluster document", defaultDocumentPath)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Every node checks the document first; only then it is made, on one after the other where roles must start again. At a
terminal you are asked to press Enter: who cannot, because the change has cut the way, does nothing, and the change is
taken back. Without a terminal it is confirmed when the cluster answers again.
Exit status 0: it applies; 1: refused or taken back; 2: the document is wrong; 69: no node answers.

Examples:
  tocha config apply -m "guests may print"
  tocha config apply cluster.yaml --yes
  tocha config apply --no-confirm --confirm-within 600 && sleep 300 && tocha config confirm`,
    )
    .action(
      exits(async (file, options) => {
        const { configApply } = await import("./commands/config-apply.ts");
        return configApply(file, options);
      }),
    );
}

function confirmCommand(): Command {
  return socketOptions(new Command("confirm"))
    .description("keep the change that was made and waits to be confirmed")
    .addOption(outputOption())
    .addHelpText("after", "\nExit status 0: it stays; 1: none waits. Example:\n  tocha config confirm")
    .action(
      exits(async (options) => {
        const { configConfirm } = await import("./commands/config-apply.ts");
        return configConfirm(options);
      }),
    );
}

function revertCommand(): Command {
  return socketOptions(new Command("revert"))
    .description("take the change back that was made and waits to be confirmed")
    .addOption(outputOption())
    .addHelpText("after", "\nExit status 0: it is taken back; 1: none waits. Example:\n  tocha config revert")
    .action(
      exits(async (options) => {
        const { configRevert } = await import("./commands/config-apply.ts");
        return configRevert(options);
      }),
    );
}

function stateCommand(): Command {
  return socketOptions(new Command("state"))
    .description("show the revision of the node, and a change that is under way")
    .addOption(outputOption())
    .addHelpText("after", "\nExit status 0: all is settled; 1: it is not. Example:\n  tocha config state")
    .action(
      exits(async (options) => {
        const { configState } = await import("./commands/config-history.ts");
        return configState(options);
      }),
    );
}

function historyCommand(): Command {
  return socketOptions(new Command("history"))
    .description("list the revisions of the document, the newest first")
    .option("-n, --limit <number>", "so many at most", "20")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Every node has the whole history, as a git repository in its state folder (config.git).

Examples:
  tocha config history
  tocha config history -o json | jq '.revisions[0]'`,
    )
    .action(
      exits(async (options) => {
        const { configHistory } = await import("./commands/config-history.ts");
        return configHistory(options);
      }),
    );
}

function showCommand(): Command {
  return socketOptions(new Command("show"))
    .description("show the document as it applies, or a revision of it")
    .argument("[revision]", "its number, or its id")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  tocha config show > cluster.yaml       the document as it applies
  tocha config show 12                   that of revision 12
  tocha config show 12 -o json | jq -r .author`,
    )
    .action(
      exits(async (revision, options) => {
        const { configShow } = await import("./commands/config-history.ts");
        return configShow(revision, options);
      }),
    );
}

function diffCommand(): Command {
  return socketOptions(new Command("diff"))
    .description("show what is different between two revisions, or between one and what applies")
    .argument("[from]", "a revision, by its number or its id (with --other: default what applies)")
    .argument("[to]", "another one (default: what applies)")
    .option("--other <node>", "in place of the second one: what this node has, whose history went apart")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Exit status 0: the same; 1: they differ.

Examples:
  tocha config diff 11
  tocha config diff 11 12
  tocha config diff --other gw2      what would change here if the history of gw2 counted`,
    )
    .action(
      exits(async (from, to, options) => {
        const { configDiff } = await import("./commands/config-history.ts");
        return configDiff(from, to, options);
      }),
    );
}

function rollbackCommand(): Command {
  return confirmOptions(socketOptions(new Command("rollback")))
    .description("make the document of an older revision apply again, as a new revision")
    .argument("<revision>", "its number, or its id")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Nothing is taken out of the history. Confirmed, and taken back, as with apply.

Example:
  tocha config rollback 11 -m "printing was a mistake"`,
    )
    .action(
      exits(async (revision, options) => {
        const { configRollback } = await import("./commands/config-apply.ts");
        return configRollback(revision, options);
      }),
    );
}

function chooseCommand(): Command {
  return socketOptions(new Command("choose"))
    .description("of histories that went apart, let that of one node count on all nodes")
    .argument("<name>", "the node whose document is to apply everywhere")
    .option("-y, --yes", "do not ask, also at a terminal")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
When nodes that did not hear each other were changed on both sides, nothing is merged by guess: each keeps its own, and
the other's beside. First it is shown what goes away on which nodes, as a plan and as a difference; at a terminal you are
asked then. What is not chosen stays in the repositories (git log --all).
Exit status 0: it applies; 1: it was not wanted, or refused.

Examples:
  tocha config diff --other gw2      only shows it
  tocha config choose gw1`,
    )
    .action(
      exits(async (name, options) => {
        const { configChoose } = await import("./commands/config-choose.ts");
        return configChoose(name, options);
      }),
    );
}
