import { Command } from "commander";
import { formatDurationMs } from "../../base/duration.ts";
import { waitForCluster } from "../../lab/cluster-view.ts";
import { Interruption } from "../../lab/interruption.ts";
import { labDown, labUp } from "../../lab/lab.ts";
import type { LabSettings } from "../../lab/lab-plan.ts";
import { type LabStatus, labStatus, listLabs } from "../../lab/lab-status.ts";
import { crash, cut, mend, powerOff, powerOn } from "../../lab/node-power.ts";
import { scenarios } from "../../lab/scenarios/all-scenarios.ts";
import { runScenario } from "../../lab/scenarios/run-scenario.ts";
import type { ScenarioReport } from "../../lab/scenarios/scenario-report.ts";
import { outputOption } from "../command-options.ts";
import { exitStatus } from "../exit-status.ts";
import { type Paper, paperOf } from "../terminal.ts";
import { whileWaiting } from "../waiting.ts";
import { labChaosCommand } from "./lab-chaos.ts";
import { intervalOption, pulseIntervalOption, storyTeller, wholeNumber } from "./lab-options.ts";

// Seconds are normal: every process starts, and a node that may not take over at once waits for the others.
const FIRST_ACTIVE_LIMIT_MS = 60_000;

/** `tocha lab`: a whole cluster with a client and a server, in network namespaces of this machine. */
export function labCommand(): Command {
  const lab = new Command("lab")
    .description("a whole cluster on this machine, to try, test and measure (needs root)")
    .addHelpText(
      "after",
      `
A lab is two gateways, a client in a LAN, a server in a WAN and the switches between them, each in a network
namespace called NAME-gw1, NAME-gw2, NAME-lan, NAME-wan and NAME-net. Nothing outside of them is changed.

Examples:
  tocha lab up                              build it and start both gateways
  tocha status                              ask the cluster how it is
  tocha lab power-off gw1                   cut the power of gw1; gw2 takes over
  tocha lab power-on gw1                    boot it again, with an empty kernel
  tocha lab down                            remove everything
  tocha lab run power-off --connections 500 --background-flows 100000 --interval 10ms --json
  tocha lab chaos --seed 1 --minutes 5      random faults under traffic`,
    );
  for (const command of [upCommand(), downCommand(), statusCommand(), listCommand()]) lab.addCommand(command);
  for (const command of faultCommands()) lab.addCommand(command);
  lab.addCommand(runCommand());
  lab.addCommand(labChaosCommand());
  return lab;
}

function upCommand(): Command {
  return named(new Command("up"))
    .description("build a lab and start its gateways")
    .addOption(intervalOption())
    .addOption(pulseIntervalOption())
    .option("--preempt", "a returning node of higher priority takes over again", false)
    .option("--nodes <number>", "how many gateways", wholeNumber(1), 2)
    .option("--no-ipv6", "IPv4 only")
    .option("--no-daemons", "the network only: no gateway daemon is started")
    .addHelpText("after", example("lab up", "lab up --name fast --interval 10ms --nodes 3"))
    .action(async ({ name, interval, pulseInterval, preempt, nodes, ipv6, daemons }) => {
      const interruption = new Interruption();
      const asked = { name, intervalMs: interval, pulseIntervalMs: pulseInterval, preempt, nodes, ipv6 };
      const { signal } = interruption;
      const up = await interruption.during(async () => {
        const { settings } = await whileWaiting("building the lab", labUp(asked, { daemons, signal }));
        if (!daemons) return { state: "no daemon runs", victim: "gw1" };
        const active = await whileWaiting("waiting for an active gateway", firstActive(settings, signal));
        const state = `${active} is active, advertisements every ${formatDurationMs(interval)}`;
        return { state, victim: active };
      });
      if (up === undefined) return;
      print(
        `The lab "${name}" is up: ${nodes} gateways, ${up.state}.\n` +
          `Next: tocha status --lab ${name}   |   tocha lab power-off ${up.victim}${nameOption(name)}   |   tocha lab down${nameOption(name)}\n`,
      );
    });
}

/**
 * Waits until the lab serves, so that the next command finds what it expects. An interruption takes the lab down, as it does while it
 * is being built; a lab in which nobody becomes active stays, to be looked at.
 */
async function firstActive(settings: LabSettings, signal: AbortSignal): Promise<string> {
  const until = "a gateway is active";
  try {
    const { activeNode } = await waitForCluster(settings, (now) => now.activeNode !== null, {
      ...{ limitMs: FIRST_ACTIVE_LIMIT_MS, until, signal },
    });
    return activeNode ?? "";
  } catch (error) {
    if (signal.aborted) await labDown(settings.name);
    throw error;
  }
}

function downCommand(): Command {
  return named(new Command("down"))
    .description("remove a lab with everything in it, also after a crash")
    .option("--all", "remove every lab on this machine", false)
    .addHelpText("after", example("lab down", "lab down --all"))
    .action(async ({ name, all }) => {
      for (const one of all ? listLabs().map((listed) => listed.name) : [name]) {
        const { namespaces, processes } = await whileWaiting("removing the lab", labDown(one));
        print(
          namespaces + processes === 0
            ? `There was nothing left of a lab "${one}".\n`
            : `The lab "${one}" is gone: ${namespaces} namespaces and ${processes} processes removed.\n`,
        );
      }
    });
}

function statusCommand(): Command {
  return named(new Command("status"))
    .description("show power, links, addresses and roles of a lab's nodes, as its kernels have them")
    .addOption(outputOption())
    .addHelpText("after", example("lab status", "lab status -o json"))
    .action(async ({ name, output }) => {
      const status = await labStatus(name);
      print(
        output === "json" ? `${JSON.stringify(status)}\n` : labStatusText(status, paperOf(process.stdout)),
      );
    });
}

function labStatusText(status: LabStatus, paper: Paper): string {
  const head = `lab ${status.name}: ${status.cluster?.summary ?? "no node answers"}`;
  const nodes = status.nodes.map((node) => {
    const power = node.power === "on" ? paper.paint("green", "power on ") : paper.paint("red", "power off");
    const daemon = node.pid === null ? "no daemon" : `process ${node.pid}`;
    const holds = node.holds.length === 0 ? "holds no virtual address" : `holds ${node.holds.join(" ")}`;
    const cables = node.cut.length === 0 ? "" : `; ${paper.paint("red", `cut: ${node.cut.join(" ")}`)}`;
    return `  ${node.name}  ${power}  ${(node.role ?? "silent").padEnd(8)}  ${daemon}; ${holds}${cables}\n`;
  });
  return `${paper.paint("bold", head)}\n${nodes.join("")}`;
}

function listCommand(): Command {
  return new Command("list")
    .description("show the labs of this machine")
    .addOption(outputOption())
    .addHelpText("after", example("lab list"))
    .action(({ output }) => {
      const labs = listLabs();
      if (output === "json") return print(`${JSON.stringify(labs)}\n`);
      if (labs.length === 0) return print("There is no lab on this machine. Make one: tocha lab up\n");
      for (const { name, state, nodes, intervalMs, since } of labs) {
        const size =
          nodes === null ? "" : `${nodes} nodes, ${formatDurationMs(intervalMs ?? 0)}, since ${since}`;
        print(`${name.padEnd(16)} ${state.padEnd(10)} ${size}\n`);
      }
    });
}

/** The commands that make something happen to one node or one cable. */
function faultCommands(): Command[] {
  const node = (
    command: string,
    description: string,
    act: (lab: string, node: string) => Promise<unknown>,
    done: string,
  ) =>
    named(new Command(command))
      .description(description)
      .argument("<node>", "gw1, gw2, …")
      .addHelpText("after", example(`lab ${command} gw1`))
      .action(async (which, { name }) => {
        await whileWaiting(`${which}: ${command}`, act(name, which));
        print(`${which} ${done}\n`);
      });
  return [
    node(
      "power-off",
      "cut a node's power: all links down at one instant, all processes dead",
      powerOff,
      "has no power.",
    ),
    node(
      "power-on",
      "boot a node: empty kernel, links and addresses anew, daemon started",
      powerOn,
      "boots; it takes some seconds until it is ready: tocha status",
    ),
    node(
      "crash",
      "kill -9 of all processes of a node at once; its links stay up",
      crash,
      "crashed: all its processes are dead.",
    ),
    named(new Command("cut"))
      .description("cut a cable")
      .argument("<link>", "its switch side: gw1-lan, gw1-wan, gw1-sync, client, server, …")
      .option("--silent", "packets vanish, but the network card sees no loss of carrier", false)
      .addHelpText("after", example("lab cut gw1-lan", "lab cut gw1-sync --silent"))
      .action(async (link, { name, silent }) => {
        await cut(name, link, { silent });
        print(`${link} is cut.\n`);
      }),
    named(new Command("mend"))
      .description("repair a cable")
      .argument("<link>", "as for cut")
      .addHelpText("after", example("lab mend gw1-lan"))
      .action(async (link, { name }) => {
        await mend(name, link);
        print(`${link} is whole again.\n`);
      }),
  ];
}

function runCommand(): Command {
  return new Command("run")
    .description("play a scenario with real traffic, and judge it")
    .argument("<scenario>", scenarios.map((one) => one.name).join(", "))
    .option("--name <lab>", "a lab that is up already (default: one is made and removed again)")
    .option(
      "--connections <number>",
      "TCP streams with verified bytes, a fifth over IPv6",
      wholeNumber(1),
      500,
    )
    .option("--background-flows <number>", "established flows that just have to be known", wholeNumber(0), 0)
    .addOption(intervalOption())
    .addOption(pulseIntervalOption())
    .option("--nodes <number>", "how many gateways", wholeNumber(2), 2)
    .option("--no-ipv6", "IPv4 only")
    .option("--silent", "cables are cut without loss of carrier", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      `
Scenarios:
${scenarios.map((one) => `  ${one.name.padEnd(12)}${one.title}`).join("\n")}

What happens is told on standard error. Exit status 0: no connection lost or corrupted, and the expected node
is active; 1: a promise was not kept, and the report says which.
${example("lab run power-off", "lab run switchover --connections 1000 --interval 10ms --json")}`,
    )
    .action(async (scenario, { name, interval, pulseInterval, json, ...options }) => {
      const interruption = new Interruption();
      const report = await interruption.during(() =>
        runScenario(scenario, {
          ...options,
          ...{ intervalMs: interval, pulseIntervalMs: pulseInterval },
          ...(name === undefined ? {} : { name }),
          signal: interruption.signal,
          log: storyTeller(),
        }),
      );
      if (report === undefined) return;
      print(json ? `${JSON.stringify(report)}\n` : scenarioText(report, paperOf(process.stdout)));
      process.exitCode = report.ok ? exitStatus.ok : exitStatus.notOk;
    });
}

function scenarioText(report: ScenarioReport, paper: Paper): string {
  const verdict = report.ok
    ? paper.paint("green", `${report.scenario}: nothing was lost`)
    : `${paper.paint("red", `${report.scenario}: failed`)}\n${report.failures.map((one) => `  - ${one}\n`).join("")}`;
  const rows: readonly (readonly [string, string])[] = [
    ["TCP connections", `${report.survived} of ${report.connections} live, ${report.corrupted} corrupted`],
    ["bytes verified", report.verifiedBytes.toLocaleString("en")],
    ["background flows", `${report.backgroundSurvived} of ${report.backgroundFlows} live`],
    ["takeover", report.takeoverMs === null ? "none" : `${report.takeoverMs} ms`],
    ["longest UDP gap", `${report.udpGapMs} ms`],
    ["longest TCP stall", `${report.longestTcpStallMs} ms (a chunk is sent every 200 ms)`],
    ["active", `${report.activeBefore} before, ${report.activeAfter ?? "nobody"} after`],
  ];
  const table = rows.map(([label, value]) => `  ${label.padEnd(18)} ${value}\n`).join("");
  return `${verdict.trimEnd()}\n${table}`;
}

function example(...commands: readonly string[]): string {
  return `\n${commands.length > 1 ? "Examples" : "Example"}:\n${commands.map((one) => `  tocha ${one}`).join("\n")}`;
}

function named(command: Command): Command {
  return command.option("--name <lab>", "which lab", "tocha");
}

function nameOption(name: string): string {
  return name === "tocha" ? "" : ` --name ${name}`;
}

function print(text: string): void {
  process.stdout.write(text);
}
