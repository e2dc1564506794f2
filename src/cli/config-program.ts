import { Command, Option } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";
import { defaultDocumentPath } from "./document-file.ts";

/** `tocha config` and its subcommands: what can be said, and the help. */
export function configCommand(): Command {
  return new Command("config")
    .description("change the cluster's document: see first what a change would do")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha config plan                                       what would /etc/tocha/cluster.yaml change?
  tocha config plan new.yaml --against old.yaml           compare two files; no node is needed
  tocha config set groups.main.priorities.gw2 150         change one value in the file
  tocha config edit                                       open the file in an editor, checked`,
    )
    .addCommand(planCommand());
}

function planCommand(): Command {
  return socketOptions(new Command("plan"))
    .description("show what would happen if a file became the cluster's document; nothing is changed")
    .argument("[file]", "the document that is wished for", defaultDocumentPath)
    .option("--against <file>", "compare with this file, instead of what the cluster runs")
    .addOption(outputOption())
    .addOption(
      new Option("--diff", "show the difference of the texts too (default: where it is short, on terminals)"),
    )
    .addOption(new Option("--no-diff", "do not show it"))
    .addHelpText(
      "after",
      `
For every node in sentences: what changes, which open connections that touches (none, unless it is said), who hands
over to whom. Warnings tell what to prepare; an error tells why the change is better not made.
Exit status 0: nothing to do; 1: there are changes; 2: the document is wrong, or the change is refused;
69: no node answers.

Examples:
  tocha config plan
  tocha config plan new.yaml --against /etc/tocha/cluster.yaml --diff
  tocha config plan first.yaml --against /dev/null        all that a first document sets up
  tocha config plan -o json | jq -r '.nodes[].steps[].sentence'`,
    )
    .action(
      exits(async (file, options) => {
        const { configPlan } = await import("./commands/config-plan.ts");
        return configPlan(file, options);
      }),
    );
}
