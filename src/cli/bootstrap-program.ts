import { Command, Option } from "commander";
import { exits, outputOption } from "./command-options.ts";
import { defaultDocumentPath } from "./document-problems.ts";

const several = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

/** How a cluster comes to be, and a machine into it. */
export function bootstrapCommands(): Command[] {
  return [initCommand(), tokenCommand(), joinCommand()];
}

function initCommand(): Command {
  return new Command("init")
    .description("begin a cluster on this machine: look at its network, write the document, make the keys")
    .option(
      "-c, --config <file>",
      "the document to write; the keys go into the folder keys beside it",
      defaultDocumentPath,
    )
    .option("-n, --node <name>", "the name of this node (default: the host name)")
    .option("--cluster <name>", "the name of the cluster (default: gateway)")
    .option("--lan <device>", "the device to the hosts")
    .option("--wan <device>", "the device to the provider")
    .option("--sync <device>", "the device to the other gateway")
    .option("--virtual-lan <address/prefix>", "a virtual address to the hosts; may be given again", several)
    .option(
      "--virtual-wan <address/prefix>",
      "a virtual address to the provider; may be given again",
      several,
    )
    .addOption(new Option("--router-id <number>", "the VRRP router number").default("51"))
    .option("-y, --yes", "take what is proposed, and ask nothing")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Asks at a terminal; without one it needs --yes. Never overwrites a document or keys. What it proposes is what it
finds: the device of the default route leads to the provider, and a virtual address is a free one beside an own one.

Examples:
  tocha init
  tocha init --yes --sync eth2 --virtual-lan 10.1.0.1/24`,
    )
    .action(
      exits(async (options) => {
        const { init } = await import("./commands/init.ts");
        return init(options);
      }),
    );
}

function tokenCommand(): Command {
  return new Command("token")
    .description("let one more machine join: make a token, and wait for who comes with it")
    .option("-c, --config <file>", "the cluster document", defaultDocumentPath)
    .option("-n, --node <name>", "which node of the document this machine is (default: its host name)")
    .option("--for <name>", "the node that may join; needed where the document has it already")
    .addOption(new Option("--port <port>", "the TCP port to wait on").default("7847"))
    .option("--address <address>", "the own address to wait on (default: the first to the other nodes)")
    .addOption(new Option("--expires <duration>", "how long the token is good").default("1h"))
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Runs where the authority's key (ca.key) is, whether the node runs or not. The token is good for one machine; it names
the authority, so that the other machine knows whom it speaks to. It is kept in this process alone, and ends with it.

Examples:
  tocha token
  tocha token --for gw2 --expires 15m`,
    )
    .action(
      exits(async (options) => {
        const { token } = await import("./commands/token.ts");
        return token(options);
      }),
    );
}

function joinCommand(): Command {
  return new Command("join")
    .description("make this machine a node of a cluster, with a token from its first machine")
    .argument("<address>", "where the first machine waits, as it printed it")
    .argument("<token>", "the token")
    .option("-n, --node <name>", "the name of this node (default: the host name)")
    .option("-c, --config <file>", "where the document goes", defaultDocumentPath)
    .option(
      "--interface <role=device>",
      "the device for a role, where the networks do not tell; may be given again",
      several,
    )
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
The private key is made here and never leaves this machine. Nothing is sent before the other side has shown the
certificate that the token names. The document comes with the answer, this machine already in it.

Examples:
  tocha join 10.255.0.1 AR6n…
  tocha join gw1.example AR6n… --node gw2 --interface lan=eth3`,
    )
    .action(
      exits(async (address, token, options) => {
        const { join } = await import("./commands/join.ts");
        return join(address, token, options);
      }),
    );
}
