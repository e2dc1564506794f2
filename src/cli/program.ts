import { Command, CommanderError, Option } from "commander";
import { type Problem, ProblemError } from "../base/problem.ts";
import { bootstrapCommands } from "./bootstrap-program.ts";
import { exits, type OutputFormat, outputFormats, outputOption, socketOptions } from "./command-options.ts";
import { completionCommand } from "./completion-program.ts";
import { configCommand } from "./config-program.ts";
import { connectionsCommand, metricsCommand } from "./connections-program.ts";
import { doctorCommand, supportBundleCommand } from "./doctor-commands.ts";
import { DocumentProblems, defaultDocumentPath } from "./document-problems.ts";
import { type ExitStatus, exitStatus, exitStatusOf } from "./exit-status.ts";
import { failoverCommand } from "./failover-program.ts";
import { importCommand } from "./import-program.ts";
import { keysCommand } from "./keys-program.ts";
import { natCommand } from "./nat-program.ts";
import { nodeCommand } from "./node-program.ts";
import { problemText } from "./problem-text.ts";
import { paperOf } from "./terminal.ts";
import { auditCommand, userCommand } from "./user-program.ts";

/**
 * The command line: what can be said, and its help. What the commands do is in commands/, loaded only when one
 * is given, so that `--help` and every command start quickly.
 */
export async function runProgram(args: readonly string[]): Promise<void> {
  // `tocha status | head` closes the pipe early: that is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode ?? 0);
  });
  if (args[0] === "__complete") {
    const words = args.slice(1);
    const { complete } = await import("./commands/complete.ts");
    return complete(buildProgram(await labIfMeant(words)), words);
  }
  const output = wishedOutput(args);
  const finish =
    output === "yaml" ? (await import("./yaml-output.ts")).rewriteAsYaml(process.stdout) : undefined;
  try {
    const [first] = args;
    const meant = first === "-V" || first === "--version" ? ["version"] : args;
    const program = buildProgram(await labIfMeant(meant));
    // YAML is JSON written in another way, on its way out: commands know nothing of it.
    program.hook("preAction", (_program, command) => {
      if (command.opts()["output"] === "yaml") command.setOptionValue("output", "json");
    });
    await program.parseAsync(meant, { from: "user" });
  } catch (error) {
    process.exitCode = report(error, output !== "text");
  } finally {
    finish?.();
  }
}

/** The output format, from the raw arguments: also a wrong command line is answered in the wished format. */
function wishedOutput(args: readonly string[]): OutputFormat {
  for (const [index, arg] of args.entries()) {
    if (arg === "--") break;
    const [, joined] = /^(?:-o|--output=)(json|yaml)$/.exec(arg) ?? [];
    const apart = ["-o", "--output"].includes(args[index - 1] ?? "") ? arg : undefined;
    const format = outputFormats.find((one) => one === (joined ?? apart));
    if (format !== undefined && format !== "text") return format;
    if (arg === "--json" && args[0] === "connections") return "json";
  }
  return "text";
}

/** The lab brings its own command, with much behind it: it is loaded only when it is meant. */
async function labIfMeant(args: readonly string[]): Promise<Command> {
  if (args[0] === "lab" || (args[0] === "help" && args[1] === "lab")) return loadLab();
  return new Command("lab").description("a whole cluster on this machine, to try, test and measure");
}

async function loadLab(): Promise<Command> {
  const { labCommand } = await import("./commands/lab.ts");
  return labCommand();
}

/** All commands with everything that can be said, for completion, the man pages and tests. */
export async function wholeProgram(): Promise<Command> {
  return buildProgram(await loadLab());
}

function buildProgram(lab: Command): Command {
  const program = new Command("tocha")
    .description(
      "Two or more Linux machines act as one NAT gateway. When the active one dies, another takes its\n" +
        "addresses within about three of its pulses, and established connections go on.",
    )
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .option("-V, --version", "show the version")
    .exitOverride()
    .configureHelp({ helpWidth: 100 })
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      "after",
      `
Examples:
  tocha check cluster.yaml                 is the document right?
  tocha config plan cluster.yaml           what would it change?
  tocha init                               begin a cluster on this machine
  tocha import keepalived.conf             what would it be, made of what runs today?
  tocha run --config cluster.yaml          be a gateway
  tocha status                             how is the cluster?
  tocha doctor                             what is wrong or missing, and what helps?
  tocha connections top                    who has the most connections?
  tocha failover why                       who is active, why, and what if it died?
  tocha config apply -m "guests may print" change the running cluster
  tocha switchover --reason "new kernel"   hand over before maintenance
  tocha node standby gw1 --reason "repair" set a node aside
  tocha nat who 203.0.113.7 5200           whose were this address and port?
  tocha user first-code                    let the first admin into the API
  tocha lab up                             try all of it on this machine alone

Exit status: 0 all is well; 1 the cluster is degraded or refused the request; 2 the command line, the
document or a key is wrong; 69 something needed is not there (a running node, root, a tool); 70 a defect.`,
    );
  const commands = [
    ...bootstrapCommands(),
    runCommand(),
    checkCommand(),
    configCommand(),
    importCommand(),
    statusCommand(),
    connectionsCommand(),
    metricsCommand(),
    failoverCommand(),
    switchoverCommand(),
    nodeCommand(),
    doctorCommand(),
    supportBundleCommand(),
    natCommand(),
    userCommand(),
    auditCommand(),
    keysCommand(),
  ];
  for (const command of commands) program.addCommand(inherit(command));
  program.addCommand(lab.name() === "lab" ? inherit(lab) : lab);
  program.addCommand(inherit(completionCommand()));
  program.addCommand(inherit(versionCommand()));
  return program;
}

/** Subcommands report their errors to the same place, in the same way. */
function inherit(command: Command): Command {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ helpWidth: 100 });
  command.helpOption("-h, --help", "show this help");
  for (const child of command.commands) inherit(child as Command);
  return command;
}

function runCommand(): Command {
  return new Command("run")
    .description("be a gateway: check everything, then run the daemon in the foreground")
    .option("-c, --config <file>", "the cluster document", defaultDocumentPath)
    .option("-n, --node <name>", "which node of the document this machine is (default: its host name)")
    .option("--run-dir <dir>", "where sockets go (default: /run/tocha/NODE)")
    .option("--state-dir <dir>", "where lasting state goes (default: /var/lib/tocha/NODE)")
    .addOption(
      new Option("--log-level <level>", "how much to log (default: as the document says)").choices([
        "error",
        "warning",
        "info",
        "debug",
      ]),
    )
    .addHelpText(
      "after",
      `
Checks the document, the keys, root, the tools and the kernel first: nothing is touched before all is right.
Ends orderly on SIGTERM and SIGINT: the addresses go to another node at once.

Examples:
  tocha run --config /etc/tocha/cluster.yaml
  tocha run --config cluster.yaml --node gw1 --log-level debug`,
    )
    .action(
      exits(async (options) => {
        const { run } = await import("./commands/run.ts");
        return run(options);
      }),
    );
}

function checkCommand(): Command {
  return new Command("check")
    .description("check a cluster document, and show every problem in it")
    .argument("[file]", "the cluster document", defaultDocumentPath)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Needs no root and touches nothing. Exit status 0: valid; 2: not.

Examples:
  tocha check cluster.yaml
  tocha check cluster.yaml -o json | jq '.problems[].code'`,
    )
    .action(
      exits(async (file, options) => {
        const { check } = await import("./commands/check.ts");
        return check(file, options);
      }),
    );
}

function statusCommand(): Command {
  return socketOptions(new Command("status"))
    .description("show all nodes of the cluster, as one node sees them")
    .addOption(outputOption())
    .option("-w, --watch [seconds]", "show it again and again, every second or as given, until Ctrl-C")
    .addHelpText(
      "after",
      `
The first line is the verdict. Exit status 0: ok; 1: degraded or down; 69: no node answers.

Examples:
  tocha status
  tocha status --watch
  tocha status --lab demo
  tocha status -o json | jq -r .activeNode`,
    )
    .action(
      exits(async (options) => {
        const { status } = await import("./commands/status.ts");
        return status(options);
      }),
    );
}

function switchoverCommand(): Command {
  return socketOptions(new Command("switchover"))
    .description("hand the addresses over to another node, as planned")
    .option("-g, --group <name>", "the failover group (needed where there are several)")
    .option("-t, --to <node>", "the node that takes over (default: the best standby)")
    .option("-r, --reason <text>", "why, for the log")
    .option("--dry-run", "only say what would happen, and how many connections are protected")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
The standby first confirms that it holds every connection; it is refused when none, or not the named one, can take over.
Exit status 0: done (with --dry-run: it would be); 1: refused, nothing has changed; 69: no node answers.

Examples:
  tocha switchover --dry-run
  tocha switchover --reason "kernel update"
  tocha switchover --to gw2`,
    )
    .action(
      exits(async (options) => {
        const { switchover } = await import("./commands/switchover.ts");
        return switchover(options);
      }),
    );
}

function versionCommand(): Command {
  return new Command("version")
    .description("show the version of tocha and of what it runs on")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  tocha version -o json")
    .action(
      exits(async (options) => {
        const { showVersion } = await import("./commands/version.ts");
        return showVersion(options);
      }),
    );
}

/** Prints what ended a command, and chooses the exit status. */
function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    // Help and version were printed already.
    if (error.exitCode === 0 || error.code === "commander.help")
      return error.exitCode === 0 ? exitStatus.ok : exitStatus.badInput;
    return reportProblems([usageProblem(error)], { json, status: exitStatus.badInput });
  }
  if (error instanceof DocumentProblems) {
    return reportProblems(error.problems, { json, status: exitStatus.badInput, document: error });
  }
  if (error instanceof ProblemError)
    return reportProblems(allOf(error.problem), { json, status: exitStatusOf(error.problem) });
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `tocha: a defect of tocha ended this command: ${message}\n` +
      "  -> Please report it with the command and this line; TOCHA_DEBUG=1 shows where it happened.\n",
  );
  if (process.env["TOCHA_DEBUG"] === "1" && error instanceof Error)
    process.stderr.write(`${error.stack ?? ""}\n`);
  return exitStatus.defect;
}

/** One that stands for several comes first, then each of those with its place and its hint. */
function allOf({ problems = [], ...problem }: Problem): Problem[] {
  if (problems.length < 2) return [problem];
  const { code, message } = problem;
  return [{ code, message }, ...problems.map((one) => ({ file: "document", ...one }))];
}

function usageProblem(error: CommanderError): Problem {
  const [message = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest.join(" ").replace(/^\(|\)$/g, "");
  const help = 'See "tocha --help".';
  return { code: "bad-usage", message, hint: suggestion === "" ? help : `${suggestion} ${help}` };
}

export function reportProblems(
  problems: readonly Problem[],
  {
    json,
    status,
    document,
  }: { json: boolean; status: ExitStatus; document?: { text: string; file: string } },
): ExitStatus {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: false, problems })}\n`);
  } else {
    const paper = paperOf(process.stderr);
    const sourceOf = ({ file }: Problem) => (file === document?.file ? document?.text : undefined);
    const texts = problems.map((problem) => problemText(problem, paper, { source: sourceOf(problem) }));
    process.stderr.write(texts.join("\n"));
  }
  return status;
}
