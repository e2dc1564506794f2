import { Command, Option } from "commander";
import { exits, outputOption, socketOptions } from "./command-options.ts";

/** The keys by which the nodes trust each other. */
export function keysCommand(): Command {
  const keys = new Command("keys")
    .description("make, renew, exchange and refuse the keys by which the nodes trust each other")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
All of these run where the authority's key (ca.key) is.

Examples:
  tocha keys renew gw2           a new certificate for gw2, while it runs
  tocha keys rotate              a new authority, cluster key and certificates, while all run
  tocha keys revoke gw3          nobody accepts gw3 any more
  tocha keys init --node gw1     without "tocha init": the authority, the shared key, gw1's certificate
  tocha keys issue gw2           without "tocha join": a certificate for gw2, and what to copy there`,
    );
  for (const command of [initCommand(), issueCommand(), renewCommand(), rotateCommand(), revokeCommand()])
    keys.addCommand(command);
  return keys;
}

function directory(): Option {
  return new Option("-d, --directory <dir>", "the keys folder").default("/etc/tocha/keys");
}

function initCommand(): Command {
  return new Command("init")
    .description("make the certificate authority and the shared key of a new cluster")
    .addOption(directory())
    .option("-n, --node <name>", "also issue the certificate of this node")
    .addOption(outputOption())
    .addHelpText("after", "\nNever overwrites keys. Example:\n  tocha keys init --node gw1")
    .action(
      exits(async (options) => {
        const { keysInit } = await import("./commands/keys.ts");
        return keysInit(options);
      }),
    );
}

function issueCommand(): Command {
  return new Command("issue")
    .description("issue the certificates of nodes, where the authority is")
    .argument("<node...>", "the names of the nodes")
    .addOption(directory())
    .addOption(outputOption())
    .addHelpText("after", "\nNever overwrites keys. Example:\n  tocha keys issue gw2 gw3")
    .action(
      exits(async (nodes, options) => {
        const { keysIssue } = await import("./commands/keys.ts");
        return keysIssue(nodes, options);
      }),
    );
}

function renewCommand(): Command {
  return socketOptions(new Command("renew"))
    .description("renew the certificates of nodes, each with a new key that the node makes itself")
    .argument("<node...>", "the names of the nodes")
    .addOption(directory())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nNodes that run take theirs at once, and lose no connection by it. Example:\n  tocha keys renew gw1 gw2",
    )
    .action(
      exits(async (nodes, options) => {
        const { keysRenew } = await import("./commands/keys-exchange.ts");
        return keysRenew(nodes, options);
      }),
    );
}

function rotateCommand(): Command {
  return socketOptions(new Command("rotate"))
    .description("exchange the authority, all certificates and the cluster key, while all nodes run")
    .option("--authority", "only the authority and the certificates")
    .option("--cluster-key", "only the cluster key, which authenticates pulses")
    .addOption(directory())
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Every node first accepts the old and the new, then uses the new, then refuses the old: no connection and no pulse is
lost. Where a node is away it stops between two steps; given again, it goes on.

Examples:
  tocha keys rotate
  tocha keys rotate --cluster-key`,
    )
    .action(
      exits(async (options) => {
        const { keysRotate } = await import("./commands/keys-exchange.ts");
        return keysRotate(options);
      }),
    );
}

function revokeCommand(): Command {
  return socketOptions(new Command("revoke"))
    .description("make every node refuse the certificates of one that is removed")
    .argument("<name>", "the node that is removed")
    .addOption(directory())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nIts connections to the others end at once. Nodes that are away learn of it when they are back. Example:\n  tocha keys revoke gw3",
    )
    .action(
      exits(async (name, options) => {
        const { keysRevoke } = await import("./commands/keys-exchange.ts");
        return keysRevoke(name, options);
      }),
    );
}
