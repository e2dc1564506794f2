import { Command, InvalidArgumentError } from "commander";
import { allChaosKinds } from "../../lab/chaos/chaos-plan.ts";
import type { ChaosLongest, ChaosReport } from "../../lab/chaos/chaos-report.ts";
import { runChaos } from "../../lab/chaos/run-chaos.ts";
import { Interruption } from "../../lab/interruption.ts";
import { outputOption } from "../command-options.ts";
import { exitStatus } from "../exit-status.ts";
import { type Paper, paperOf } from "../terminal.ts";
import { intervalOption, pulseIntervalOption, storyTeller, wholeNumber } from "./lab-options.ts";

/** `tocha lab chaos`: random faults under traffic. */
export function labChaosCommand(): Command {
  return new Command("chaos")
    .description(
      "random faults against a lab with real traffic, until the time is over or a promise is broken",
    )
    .option(
      "--seed <number>",
      "which faults: the same seed gives the same ones (default: any)",
      wholeNumber(0),
    )
    .option("--minutes <number>", "for how long; parts are possible: 0.5", minutes, 1)
    .option(
      "--connections <number>",
      "TCP streams with verified bytes, a fifth over IPv6",
      wholeNumber(1),
      300,
    )
    .addOption(intervalOption())
    .addOption(pulseIntervalOption())
    .option("--nodes <number>", "how many gateways", wholeNumber(2), 2)
    .option("--no-ipv6", "IPv4 only")
    .option("--faults <list>", "only these kinds, separated by commas", list)
    .option("--name <lab>", "a lab that is up already (default: one is made and removed again)")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Kinds of faults:
${allChaosKinds.map((kind) => `  ${kind.name.padEnd(14)}${kind.title}`).join("\n")}

Between two faults all nodes get well, and every kernel holds every connection: no fault may lose any. What happens
is told on standard error. Exit status 0: nothing was lost or corrupted, and every bound was kept; 1: a promise was
broken, and the report says which, after which fault.

Examples:
  tocha lab chaos --seed 1 --minutes 5                 five minutes, 300 TCP streams
  tocha lab chaos --interval 10ms --minutes 60 -o json an hour at the shortest interval, for a program
  tocha lab chaos --seed 7 --faults power-off,crash    only some kinds
  tocha lab up --name c1; tocha lab chaos --name c1    in a lab that stays, to look around afterwards`,
    )
    .action(async ({ seed, interval, pulseInterval, output, ...options }) => {
      const interruption = new Interruption();
      const report = await interruption.during(() =>
        runChaos({
          ...options,
          seed: seed ?? Math.floor(Math.random() * 1_000_000),
          ...{ intervalMs: interval, pulseIntervalMs: pulseInterval },
          signal: interruption.signal,
          log: storyTeller(),
        }),
      );
      if (report === undefined) return;
      process.stdout.write(
        output === "json" ? `${JSON.stringify(report)}\n` : chaosText(report, paperOf(process.stdout)),
      );
      process.exitCode = report.ok ? exitStatus.ok : exitStatus.notOk;
    });
}

function chaosText(report: ChaosReport, paper: Paper): string {
  const { seed, faults, whileServing, untilMended } = report;
  const verdict = report.ok
    ? paper.paint("green", `chaos, seed ${seed}: ${faults} faults, and every promise was kept`)
    : `${paper.paint("red", `chaos, seed ${seed}: failed`)}\n${report.failures.map((one) => `  - ${one}\n`).join("")}`;
  const kinds = Object.entries(report.faultsByKind).map(([kind, count]) => `${kind} ${count}`);
  const rows: readonly (readonly [string, string])[] = [
    ["faults", `${faults}: ${kinds.join(", ")}`],
    ...(report.leftOut.length === 0
      ? []
      : ([["left out", `${report.leftOut.join(", ")}: this kernel cannot`]] as const)),
    ["takeovers", String(report.takeovers)],
    ["TCP connections", `${report.survived} of ${report.connections} live, ${report.corrupted} corrupted`],
    [
      "the machine itself",
      `stood still for ${report.longestMachineStallMs} ms at most; ${report.movesNotJudged} faults not judged by who took over`,
    ],
    ["bytes verified", report.verifiedBytes.toLocaleString("en")],
    ["longest", "where somebody could serve; where nobody could, until it was mended"],
    ...longestRows(whileServing, untilMended),
  ];
  return `${verdict.trimEnd()}\n${rows.map(([label, value]) => `  ${label.padEnd(22)} ${value}\n`).join("")}`;
}

function longestRows(serving: ChaosLongest, mended: ChaosLongest): (readonly [string, string])[] {
  const labels: readonly (readonly [keyof ChaosLongest, string])[] = [
    ["udpGapMs", "UDP gap"],
    ["longestTcpStallMs", "TCP stall"],
    ["vacantMs", "nobody active"],
    ["sharedMs", "two hold an address"],
    ["answeredByTwoMs", "two answer for one"],
    ["settledMs", "until all was well"],
  ];
  return labels.map(([field, label]) => [`  ${label}`, `${serving[field]} ms; ${mended[field]} ms`] as const);
}

function list(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

function minutes(text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError("It is a number above 0.");
}
