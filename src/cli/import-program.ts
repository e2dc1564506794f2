import { Command, Option } from "commander";
import { exits, outputOption } from "./command-options.ts";

function several(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser(several);
}

/** `tocha import`: what can be said, and the help. */
export function importCommand(): Command {
  return new Command("import")
    .description("make a cluster document of what keepalived, conntrackd and nftables are told today")
    .argument(
      "[file...]",
      "keepalived.conf, conntrackd.conf, nftables.conf, output of iptables-save or ip route",
    )
    .addOption(repeated("-n, --node <name=file>", "a file of this node; others are of all nodes"))
    .addOption(repeated("--config-id <name=id>", "what this node's keepalived is started with (-i)"))
    .addOption(repeated("--device <role=device>", "what a device is called; NODE/ROLE=DEVICE: on one node"))
    .addOption(
      repeated(
        "--address <node/interface=address>",
        "an own address with its prefix length, by role or device",
      ),
    )
    .addOption(repeated("--without <address>", "leave this virtual address out"))
    .option("--cluster <name>", "the name of the cluster", "imported")
    .option(
      "-f, --file <file>",
      "write the document there, if there is no such file (default: standard output)",
    )
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Nothing is changed on this machine. Whose a file is, its content tells. Every line that is not carried over, or not
as it was, is listed on standard error with its file and line, why, and what to do. Facts that no file tells, such
as a node's own addresses, are asked for, each with the option that says it; no document is written before.
What the document would let through and the rules of today do not is marked LETS MORE THROUGH: look at these lines first.
Lines of keepalived.conf that begin with @NAME are for the node of this name (or its --config-id).
Exit status 0: the document is valid; 2: facts are missing, or a file cannot be read.

Examples:
  tocha import keepalived.conf conntrackd.conf nftables.conf
  tocha import --node gw1=gw1/keepalived.conf --node gw2=gw2/keepalived.conf nftables.conf \\
    --address gw1/lan=10.1.0.2/24 --address gw2/lan=10.1.0.3/24 \\
    --device sync=eth2 --address gw1/sync=10.255.0.1/24 --address gw2/sync=10.255.0.2/24 \\
    --file cluster.yaml
  iptables-save | tocha import keepalived.conf /dev/stdin
  tocha import keepalived.conf -o json | jq -r '.remarks[] | select(.kind == "opened") | .text'`,
    )
    .action(
      exits(async (files, options) => {
        const { importConfigurations } = await import("./commands/import.ts");
        return importConfigurations(files, options);
      }),
    );
}
