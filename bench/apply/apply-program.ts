/** What loading rules takes, in the network namespace of this process. Started by apply-bench.ts; writes its figures as JSON. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayRuleset } from "../../src/core/ruleset/gateway-rules.ts";
import { readKernelTables } from "../../src/core/ruleset/kernel-tables.ts";
import type { Ruleset } from "../../src/core/ruleset/ruleset.ts";
import { rulesetDifference } from "../../src/core/ruleset/ruleset-difference.ts";
import { rulesetText } from "../../src/core/ruleset/ruleset-text.ts";
import { LoadedRulesFile } from "../../src/daemon/drivers/loaded-rules-file.ts";
import { RulesLoader } from "../../src/daemon/drivers/rules-loader.ts";
import { RulesGeneration } from "../../src/linux/rules-generation.ts";
import { median } from "../replication/statistics.ts";
import type { ApplyFigures, SubscriberFigures } from "./apply-bench.ts";
import { type LargeRuleset, largeRuleset } from "./large-ruleset.ts";
import { subscriberCounts, subscriberDocument } from "./subscribers.ts";

const QUESTIONS = 10_000;
const RULES = 1_000;
const ELEMENTS = 10_000;

const folder = mkdtempSync(join(tmpdir(), "tocha-apply-"));
const file = join(folder, "loaded-rules.json");

function nft(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("nft", args, { input, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`nft ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function milliseconds(work: () => unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function load(wanted: Ruleset): Promise<void> {
  const problems: string[] = [];
  const loader = new RulesLoader(file, (level, text) => {
    if (level === "warning") problems.push(text);
  });
  const failure = await loader.load(wanted);
  if (failure !== undefined || problems.length > 0) throw new Error([failure, ...problems].join("\n"));
}

async function measure(runs: number, elementKind: LargeRuleset["elementKind"]): Promise<ApplyFigures> {
  const size = { rules: RULES, elements: ELEMENTS, elementKind };
  const first = largeRuleset(size);
  const rows: Omit<ApplyFigures, "elementKind">[] = [];
  // The first run warms the compiler up.
  for (let run = 0; run <= runs; run++) {
    nft(["flush", "ruleset"]);
    rmSync(file, { force: true });
    const rendered = rulesetText(first);
    const wholeMs = await milliseconds(() => load(first));
    const sameMs = await milliseconds(() => load(first));
    const ruleMs = await milliseconds(() => load(largeRuleset({ ...size, variant: { rule: 1 } })));
    await load(first);
    const elementMs = await milliseconds(() => load(largeRuleset({ ...size, variant: { element: 1 } })));
    await load(first);
    const loader = new RulesLoader(file, () => {});
    const checkMs = await milliseconds(() => loader.check(largeRuleset({ ...size, variant: { rule: 1 } })));
    const lookMs = await milliseconds(() => loader.look());
    const listMs = await milliseconds(() => nft(["--json", "--handle", "list", "table", "inet", "tocha"]));
    const listing = nft(["--json", "--handle", "list", "table", "inet", "tocha"]);
    const parseMs = await milliseconds(() => readKernelTables(listing));
    const readFileMs = await milliseconds(() => new LoadedRulesFile(file).read());
    const loaded = new LoadedRulesFile(file).read();
    if (loaded === undefined) throw new Error("nothing is remembered");
    const other = largeRuleset({ ...size, variant: { rule: 1, element: 1 } });
    const compareMs = await milliseconds(() => rulesetDifference(loaded.ruleset, other, loaded.kernel));
    const fileBytes = statSync(file).size;
    nft(["flush", "ruleset"]);
    const nftWholeMs = await milliseconds(() => nft(["-f", "-"], rendered));
    const figures = { wholeMs, nftWholeMs, sameMs, ruleMs, elementMs, checkMs, lookMs };
    if (run > 0) rows.push({ ...figures, listMs, parseMs, readFileMs, compareMs, fileBytes });
  }
  const middle = (key: keyof (typeof rows)[number]) => median(rows.map((row) => row[key]));
  return {
    elementKind,
    wholeMs: middle("wholeMs"),
    nftWholeMs: middle("nftWholeMs"),
    sameMs: middle("sameMs"),
    ruleMs: middle("ruleMs"),
    elementMs: middle("elementMs"),
    checkMs: middle("checkMs"),
    lookMs: middle("lookMs"),
    listMs: middle("listMs"),
    parseMs: middle("parseMs"),
    readFileMs: middle("readFileMs"),
    compareMs: middle("compareMs"),
    fileBytes: middle("fileBytes"),
  };
}

async function measureBlocks(runs: number, subscribers: number): Promise<SubscriberFigures> {
  const wanted = (change = {}) => gatewayRuleset(subscriberDocument(subscribers, change), "gw1");
  const [first, forward, blocks] = [
    wanted(),
    wanted({ target: "10.1.0.21" }),
    wanted({ portsPerSubscriber: 4_031 }),
  ];
  const document = subscriberDocument(subscribers);
  const rendered = rulesetText(first);
  const rows: Omit<SubscriberFigures, "subscribers">[] = [];
  for (let run = 0; run <= runs; run++) {
    nft(["flush", "ruleset"]);
    rmSync(file, { force: true });
    const makeMs = await milliseconds(() => rulesetText(gatewayRuleset(document, "gw1")));
    const wholeMs = await milliseconds(() => load(first));
    const forwardMs = await milliseconds(() => load(forward));
    await load(first);
    const blocksMs = await milliseconds(() => load(blocks));
    nft(["flush", "ruleset"]);
    const nftMs = await milliseconds(() => nft(["-f", "-"], rendered));
    if (run > 0) rows.push({ makeMs, nftMs, wholeMs, forwardMs, blocksMs });
  }
  const middle = (key: keyof (typeof rows)[number]) => median(rows.map((row) => row[key]));
  return {
    subscribers,
    ...{ makeMs: middle("makeMs"), nftMs: middle("nftMs"), wholeMs: middle("wholeMs") },
    ...{ forwardMs: middle("forwardMs"), blocksMs: middle("blocksMs") },
  };
}

function questionMicroseconds(): number {
  const generation = new RulesGeneration();
  for (let asked = 0; asked < QUESTIONS; asked++) generation.read();
  const before = process.cpuUsage();
  for (let asked = 0; asked < QUESTIONS; asked++) generation.read();
  const { user, system } = process.cpuUsage(before);
  generation.close();
  return (user + system) / QUESTIONS;
}

try {
  const runs = Number(process.argv[2] ?? 5);
  const sets = [await measure(runs, "addresses"), await measure(runs, "networks")];
  const blocks: SubscriberFigures[] = [];
  for (const count of subscriberCounts) blocks.push(await measureBlocks(runs, count));
  process.stdout.write(JSON.stringify({ sets, blocks, questionMicroseconds: questionMicroseconds() }));
} finally {
  rmSync(folder, { recursive: true });
}
