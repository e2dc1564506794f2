import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { grouped } from "../../src/base/number-text.ts";
import { ProblemError } from "../../src/base/problem.ts";
import { machineFacts } from "../replication/machine-facts.ts";
import { round } from "../replication/statistics.ts";
import type { LargeRuleset } from "./large-ruleset.ts";

/** Medians for 1,000 rules and 10,000 elements. */
export interface ApplyFigures {
  readonly elementKind: LargeRuleset["elementKind"];
  readonly wholeMs: number;
  readonly nftWholeMs: number;
  readonly sameMs: number;
  readonly ruleMs: number;
  readonly elementMs: number;
  readonly checkMs: number;
  readonly lookMs: number;
  readonly listMs: number;
  readonly parseMs: number;
  readonly readFileMs: number;
  readonly compareMs: number;
  readonly fileBytes: number;
}

/** Medians for subscribers that share addresses in blocks of ports. */
export interface SubscriberFigures {
  readonly subscribers: number;
  readonly makeMs: number;
  readonly nftMs: number;
  readonly wholeMs: number;
  readonly forwardMs: number;
  readonly blocksMs: number;
}

interface ApplyReport {
  readonly sets: readonly ApplyFigures[];
  readonly blocks: readonly SubscriberFigures[];
  /** Processor time of one question for the generation of the rules. */
  readonly questionMicroseconds: number;
}

const program = fileURLToPath(new URL("apply-program.ts", import.meta.url));

const help = `npm run bench -- apply [--runs N]

How long it takes to load 1,000 rules and 10,000 elements of a set, and the blocks of 65,536 and 131,072 subscribers, whole
and as a difference, in a network namespace of its own that ends with it. --runs: how often (5); medians are shown.
`;

const rows: readonly (readonly [string, (figures: ApplyFigures) => number])[] = [
  ["everything, the first time", ({ wholeMs }) => wholeMs],
  ["of that, nft's transaction", ({ nftWholeMs }) => nftWholeMs],
  ["one rule changed", ({ ruleMs }) => ruleMs],
  ["one element changed", ({ elementMs }) => elementMs],
  ["nothing changed (a restart)", ({ sameMs }) => sameMs],
  ["check only: everything, and one rule changed", ({ checkMs }) => checkMs],
  ["a look after somebody changed any table", ({ lookMs }) => lookMs],
  ["listing by nft, as JSON", ({ listMs }) => listMs],
  ["reading that list", ({ parseMs }) => parseMs],
  ["reading what was remembered", ({ readFileMs }) => readFileMs],
  ["comparing two rule sets", ({ compareMs }) => compareMs],
];

function seconds(ms: number): string {
  return `${round(ms / 1_000, 1)} s`;
}

/** `npm run bench -- apply`. */
export async function applyBench(args: readonly string[]): Promise<void> {
  const [option, value = "5"] = args;
  if (option === "--help") {
    process.stdout.write(help);
    return;
  }
  const runs = Number(value);
  if ((option !== undefined && option !== "--runs") || !Number.isInteger(runs) || runs < 1)
    throw new ProblemError({
      code: "usage",
      message: "what is to be measured?",
      hint: "npm run bench -- apply --help",
    });
  const { processor, processors, kernel, node, revision, date } = await machineFacts();
  const { status, stdout } = spawnSync("unshare", ["--net", process.execPath, program, String(runs)], {
    ...{ encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  });
  if (status !== 0) throw new Error("the measurement failed; it needs root, unshare and nft");
  const { sets, blocks, questionMicroseconds }: ApplyReport = JSON.parse(stdout);
  process.stdout.write(
    [
      `${processor}, ${processors} processors, Linux ${kernel}, Node.js ${node}, ${date}, ${revision}, ${runs} runs`,
      "",
      `| 1,000 rules and 10,000 elements | ${sets.map(({ elementKind }) => elementKind).join(" | ")} |`,
      `| --- |${sets.map(() => " --- |").join("")}`,
      ...rows.map(
        ([what, figure]) => `| ${what} | ${sets.map((set) => `${round(figure(set), 1)} ms`).join(" | ")} |`,
      ),
      "",
      "| subscribers | rules made | `nft -f` alone | loaded and verified by the daemon | one forward changed | every block changed |",
      "| --- | --- | --- | --- | --- | --- |",
      ...blocks.map(
        ({ subscribers, ...figures }) =>
          `| ${grouped(subscribers)} | ${[figures.makeMs, figures.nftMs, figures.wholeMs, figures.forwardMs, figures.blocksMs].map(seconds).join(" | ")} |`,
      ),
      "",
      `Remembered in a file of ${Math.round((sets[0]?.fileBytes ?? 0) / 1_024)} KiB.`,
      `The look each second, while nobody changes rules: ${round(questionMicroseconds, 1)} µs of processor time.`,
      "",
    ].join("\n"),
  );
}
