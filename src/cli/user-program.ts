import { Command, Option } from "commander";
import { userRoles } from "../contract/operation.ts";
import { AUDIT_LIMIT_DEFAULT, AUDIT_LIMIT_MAX } from "../contract/query-words.ts";
import { exits, outputOption, socketOptions } from "./command-options.ts";

/** `tocha user` and its subcommands, and `tocha audit`: what can be said, and the help. */
export function userCommand(): Command {
  return new Command("user")
    .description("say who may use the API of the cluster, and what they may do there")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
A viewer sees everything, an operator hands over and sets nodes aside, an admin manages users.

Examples:
  tocha user first-code                    a one-time code, for the first admin
  tocha user add ana --role operator       asks for a password
  tocha user token add ana --days 90       a token for programs`,
    )
    .addCommand(firstCodeCommand())
    .addCommand(listCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(passwordCommand())
    .addCommand(tokenCommand());
}

export function auditCommand(): Command {
  return socketOptions(new Command("audit"))
    .description("show what was changed on a node, by whom and from where, the newest first")
    .option(
      "-l, --limit <number>",
      `at most so many (default: ${AUDIT_LIMIT_DEFAULT}; at most ${AUDIT_LIMIT_MAX})`,
    )
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Each node has its own: what it was asked, on its console, over its API, or by another node.

Examples:
  tocha audit
  tocha audit --limit 500 -o json | jq '.entries[] | select(.result != "ok")'`,
    )
    .action(
      exits(async (options) => {
        const { audit } = await import("./commands/user.ts");
        return audit(options);
      }),
    );
}

function firstCodeCommand(): Command {
  return socketOptions(new Command("first-code"))
    .description("print a one-time code by which the first admin chooses a name and a password")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Only root on the node itself can have it. It is good for 15 minutes and for one admin, while there is none; nobody
knows a password that was not chosen.

Example:
  tocha user first-code`,
    )
    .action(
      exits(async (options) => {
        const { firstCode } = await import("./commands/user.ts");
        return firstCode(options);
      }),
    );
}

function listCommand(): Command {
  return socketOptions(new Command("list"))
    .description("list the users and their tokens")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  tocha user list -o json | jq -r '.users[].name'")
    .action(
      exits(async (options) => {
        const { listUsers } = await import("./commands/user.ts");
        return listUsers(options);
      }),
    );
}

function roleOption(): Option {
  return new Option("-r, --role <role>", "what the user may do").choices(userRoles);
}

function passwordOption(command: Command): Command {
  return command.option("--password-file <file>", "read the password from a file instead of the terminal");
}

function addCommand(): Command {
  return passwordOption(socketOptions(new Command("add")))
    .description("add a user; the password is asked for, or read from standard input")
    .argument("<name>", "small letters, digits, and . _ -")
    .addOption(roleOption().makeOptionMandatory())
    .option("--no-password", "only tokens will be used")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  tocha user add ana --role operator
  tocha user add prometheus --role viewer --no-password`,
    )
    .action(
      exits(async (name, options) => {
        const { addUser } = await import("./commands/user.ts");
        return addUser(name, options);
      }),
    );
}

function removeCommand(): Command {
  return socketOptions(new Command("remove"))
    .description("remove a user with all tokens and sessions")
    .argument("<name>", "the user")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  tocha user remove ana")
    .action(
      exits(async (name, options) => {
        const { removeUser } = await import("./commands/user.ts");
        return removeUser(name, options);
      }),
    );
}

function passwordCommand(): Command {
  return passwordOption(socketOptions(new Command("passwd")))
    .description("set the password of a user, and end the user's sessions")
    .argument("<name>", "the user")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  tocha user passwd ana")
    .action(
      exits(async (name, options) => {
        const { setPassword } = await import("./commands/user.ts");
        return setPassword(name, options);
      }),
    );
}

function tokenCommand(): Command {
  const token = new Command("token")
    .description("make tokens for programs, and make them invalid")
    .helpCommand(false)
    .addHelpText("after", "\nExample:\n  tocha user token add prometheus --label metrics > token");
  token.addCommand(
    socketOptions(new Command("add"))
      .description("print a new token; it is shown this once")
      .argument("<name>", "the user")
      .option("--label <text>", "what it is for")
      .addOption(roleOption())
      .option("--days <number>", "how long it is valid (default: until it is removed)")
      .addOption(outputOption())
      .addHelpText("after", "\nExample:\n  tocha user token add ana --role viewer --days 90")
      .action(
        exits(async (name, options) => {
          const { addToken } = await import("./commands/user.ts");
          return addToken(name, options);
        }),
      ),
  );
  token.addCommand(
    socketOptions(new Command("remove"))
      .description("make a token invalid")
      .argument("<name>", "the user")
      .argument("<id>", "as listed by tocha user list")
      .addOption(outputOption())
      .addHelpText("after", "\nExample:\n  tocha user token remove ana 3f9a12bc77de")
      .action(
        exits(async (name, id, options) => {
          const { removeToken } = await import("./commands/user.ts");
          return removeToken(name, id, options);
        }),
      ),
  );
  return token;
}
