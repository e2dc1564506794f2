import { Command } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";

/** `tocha doctor` and `tocha support-bundle`: what can be said, and the help. */
export function doctorCommand(): Command {
  return withoutDaemon(socketOptions(new Command("doctor")))
    .description("find out what is wrong or missing on each node, with the command that helps")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
One node is asked, and asks all others. Nothing is changed. With --config, no daemon needs to run: this machine is
examined for what it lacks to be a node of the document.
Exit status 0: nothing is wrong (notes do not count); 1: warnings or errors; 69: no node answers.

Examples:
  tocha doctor
  tocha doctor --config cluster.yaml --node gw1
  tocha doctor -o json | jq '.findings[] | select(.severity == "error")'`,
    )
    .action(
      exits(async (options) => {
        const { doctor } = await import("./commands/doctor.ts");
        return doctor(options);
      }),
    );
}

export function supportBundleCommand(): Command {
  return withoutDaemon(socketOptions(new Command("support-bundle")))
    .description("collect what a maintainer needs, without secrets, from every node that answers")
    .argument("[file]", "where to write it (default: tocha-support-TIME.tar.gz in this folder)")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
No keys, no list of connections, no arguments of scripts. MANIFEST.txt in the archive says what is inside and what
was left out: look through it before you give it away.
Exit status 0: written, from all nodes; 1: written, but a node did not answer; 69: no node answers.

Examples:
  tocha support-bundle
  tocha support-bundle /tmp/gw.tar.gz && tar -tzf /tmp/gw.tar.gz
  tocha support-bundle --config cluster.yaml --node gw1    where no daemon runs`,
    )
    .action(
      exits(async (file, options) => {
        const { supportBundle } = await import("./commands/support-bundle.ts");
        return supportBundle(file, options);
      }),
    );
}

function withoutDaemon(command: Command): Command {
  return command
    .option("-c, --config <file>", "examine this machine by this document, without a daemon")
    .option("--run-dir <dir>", "with --config: where sockets go (default: /run/tocha/NODE)")
    .option("--state-dir <dir>", "with --config: where lasting state goes (default: /var/lib/tocha/NODE)");
}
