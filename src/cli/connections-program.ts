import { Command, Option } from "commander";
import { topKinds } from "../contract/query-words.ts";
import { exits, outputOption, socketOptions } from "./command-options.ts";

/** `tocha connections` and its subcommands: what can be said, and the help. */
export function connectionsCommand(): Command {
  return new Command("connections")
    .description("look at the connections in a node's kernel, and at how they are mirrored")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  tocha connections list --source 10.1.0.7       what does this host do?
  tocha connections count                        how many, of what kinds, how many are mirrored?
  tocha connections top --by destination         where do most of them go?
  tocha connections sync                         could another node take over now?`,
    )
    .addCommand(listCommand())
    .addCommand(countCommand())
    .addCommand(topCommand())
    .addCommand(syncCommand());
}

function several(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser(several);
}

function filterOptions(command: Command): Command {
  return socketOptions(command)
    .addOption(
      repeated("--from, --source <network>", "that come from this address or network, before translation"),
    )
    .addOption(repeated("--destination <network>", "that go to this address or network, before translation"))
    .addOption(repeated("--nat <network>", "that are translated to this address or network; or any, or none"))
    .addOption(
      repeated("--port <port>", "with this port or range (8000-8099) at either end, translated or not"),
    )
    .addOption(
      repeated("--protocol <name>", "of this protocol: tcp, udp, icmp, icmpv6, sctp, gre, …, or a number"),
    )
    .addOption(repeated("--state <state>", "in this TCP state, or unreplied, replied, assured"))
    .addOption(
      repeated("--mirrored <yes|no>", "that are of a kind that is mirrored to the standbys, or are not"),
    )
    .addOption(outputOption())
    .addOption(new Option("--json", "the same as -o json").implies({ output: "json" }));
}

const filterHelp = `
A filter may be given several times: one of its values must fit. Of different filters all must fit.
IPv4 and IPv6 networks are written with their prefix length: 10.1.0.0/24, 2001:db8::/64.`;

function listCommand(): Command {
  return filterOptions(new Command("list"))
    .description("list connections, one a line, while the kernel's table is read")
    .option("-l, --limit <number>", "end after so many")
    .addHelpText(
      "after",
      `${filterHelp}
-o json prints one JSON object a line (NDJSON). However many there are, they are printed as they are
read: neither this command nor the node holds more than some at a time.

Examples:
  tocha connections list --source 10.1.0.7 --state established
  tocha connections list --nat 192.0.2.1 --port 40211     who was it?
  tocha connections list --mirrored no | less
  tocha connections list -o json | jq -r .destination | sort | uniq -c`,
    )
    .action(
      exits(async (options) => {
        const { listConnections } = await import("./commands/connections.ts");
        return listConnections(options);
      }),
    );
}

function countCommand(): Command {
  return filterOptions(new Command("count"))
    .description("count connections by protocol, state and translation, and how many are mirrored")
    .addHelpText(
      "after",
      `${filterHelp}

Examples:
  tocha connections count
  tocha connections count --source 10.1.0.0/24 --protocol udp
  tocha connections count -o json | jq .count.mirrored`,
    )
    .action(
      exits(async (options) => {
        const { countConnections } = await import("./commands/connections.ts");
        return countConnections(options);
      }),
    );
}

function topCommand(): Command {
  return filterOptions(new Command("top"))
    .description("show who has the most connections")
    .addOption(
      new Option("--by <what>", "source or destination address, translated address, or destination port")
        .choices([...topKinds])
        .default("source"),
    )
    .option("-l, --limit <number>", "show so many (default: 10; at most 1000)")
    .addHelpText(
      "after",
      `${filterHelp}
Up to 32,768 different addresses are counted exactly. With more, a figure may be somewhat too low, and
the output says by how much at most; the most frequent ones are found all the same.

Examples:
  tocha connections top
  tocha connections top --by port --protocol tcp
  tocha connections top --by nat --limit 50
  tocha connections top --state syn-sent --by destination    what is being scanned?`,
    )
    .action(
      exits(async (options) => {
        const { topConnections } = await import("./commands/connections.ts");
        return topConnections(options);
      }),
    );
}

function syncCommand(): Command {
  return socketOptions(new Command("sync"))
    .description("show how the connections are mirrored: what is protected, what is not, and why")
    .addOption(outputOption())
    .addOption(new Option("--json", "the same as -o json").implies({ output: "json" }))
    .addHelpText(
      "after",
      `
LAG is the number of records that the other node's kernel does not hold yet, AGE that of the oldest.
COPIES counts why the whole table was copied or compared; REFUSED what the node's kernel did not take.
Exit status 0: every other node could take over with all that is mirrored; 1: not; 69: no node answers.

Examples:
  tocha connections sync
  tocha connections sync -o json | jq '.nodes[].replication'`,
    )
    .action(
      exits(async (options) => {
        const { syncStatus } = await import("./commands/connections.ts");
        return syncStatus(options);
      }),
    );
}

export function metricsCommand(): Command {
  return socketOptions(new Command("metrics"))
    .description("print the node's metrics in the text format of Prometheus")
    .addHelpText(
      "after",
      `
Prometheus itself can ask over TCP when the document has the key "metrics" (docs/guide/metrics.md).

Examples:
  tocha metrics
  tocha metrics | grep lag`,
    )
    .action(
      exits(async (options) => {
        const { showMetrics } = await import("./commands/metrics.ts");
        return showMetrics(options);
      }),
    );
}
