import { Command, Option } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";
import { configApplyCommands } from "./config-apply-program.ts";
import { defaultDocumentPath } from "./document-problems.ts";

/** `tocha config` and its subcommands: what can be said, and the help. */
export function configCommand(): Command {
  const command = new Command("config")
    .description("change the cluster's document: on all nodes or on none, with a history and a way back")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha config set groups.main.priorities.gw2 150   change one value in /etc/tocha/cluster.yaml
  tocha config edit                                 or open it in an editor, checked
  tocha config plan                                 what would it change on which node?
  tocha config apply -m "guests may print"          it is to apply
  tocha config history                              who changed what, and when
  tocha config rollback 11                          back to revision 11`,
    );
  const own = [planCommand(), setCommand(), unsetCommand(), editCommand()];
  for (const one of [...own, ...configApplyCommands()]) command.addCommand(one);
  return command;
}

function fileOption(): Option {
  return new Option("-f, --file <file>", "the document").default(defaultDocumentPath);
}

function setCommand(): Command {
  return new Command("set")
    .description("set one value in the file: checked, and shown as a plan, before it is written")
    .argument(
      "<path>",
      "where: keys with dots between them; items of lists by their ids, or [0], or [+] for a new one",
    )
    .argument("<value>", "what: as it would stand in the file")
    .addOption(fileOption())
    .option("--dry-run", "only show what would change")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Comments stay, and so does everything else in the file. What is not valid is not written.
Only the file is changed: what the cluster runs stays as it is.
Exit status: 0: written, or nothing to do; 2: the result would not be valid, or the path leads nowhere.

Examples:
  tocha config set groups.main.priorities.gw2 150
  tocha config set 'groups.main.addresses.wan[+]' 192.0.2.9/24
  tocha config set nat.source.office.to 192.0.2.9
  tocha config set 'nat.source[+]' '{ id: lab, from: 10.3.0.0/24, out: wan, to: 192.0.2.1 }'`,
    )
    .action(
      exits(async (path, value, options) => {
        const { configSet } = await import("./commands/config-set.ts");
        return configSet(path, value, options);
      }),
    );
}

function unsetCommand(): Command {
  return new Command("unset")
    .description("take one value, or all below a key, out of the file")
    .argument("<path>", "where, as in set; an item of a list of addresses by itself in brackets")
    .addOption(fileOption())
    .option("--dry-run", "only show what would change")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
As "tocha config set". What is taken away has its default again, where it has one.

Examples:
  tocha config unset nat.source.lab
  tocha config unset 'groups.main.addresses.wan[192.0.2.9/24]'
  tocha config unset metrics`,
    )
    .action(
      exits(async (path, options) => {
        const { configUnset } = await import("./commands/config-set.ts");
        return configUnset(path, options);
      }),
    );
}

function editCommand(): Command {
  return new Command("edit")
    .description("open the file in an editor: checked, and shown as a plan, before it is written")
    .addOption(fileOption())
    .addHelpText(
      "after",
      `
The editor is $VISUAL, or $EDITOR, or vi, and gets a copy. What is not valid can be edited again, and is never written.
Exit status: 0: written, or nothing was changed; 1: left; 2: left, and not valid.

Example:
  EDITOR=nano tocha config edit`,
    )
    .action(
      exits(async (options) => {
        const { configEdit } = await import("./commands/config-edit.ts");
        return configEdit(options);
      }),
    );
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
