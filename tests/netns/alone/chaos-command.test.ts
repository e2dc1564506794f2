/** `tocha lab chaos` as people start it: what it tells, its reports, its exit status. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chaosPlan, findChaosKinds } from "../../../src/lab/chaos/chaos-plan.ts";
import type { ChaosReport } from "../../../src/lab/chaos/chaos-report.ts";
import { labDown, labNamespaces } from "../../../src/lab/lab.ts";
import { labFolder } from "../../../src/lab/lab-folder.ts";
import { TestLab } from "../daemon-node.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";

const launcher = fileURLToPath(new URL("../../../bin/tocha", import.meta.url));
const name = `cc${process.pid}`;
const SEED = 7;
/** Over before the first fault is: a fault and the pause after it take longer. */
const MINUTES = 0.01;
const CONNECTIONS = 20;
/** Those that are over soonest. */
const KINDS = ["switchover", "stutter"];
/** One that hangs is ended in order, so that its lab does not stay. */
const LIMIT_MS = 180_000;

before(() => requireNamespaces());

after(async () => {
  await labDown(name);
});

// Under a terminal the test runner asks for colours, which are not what is tested.
const { FORCE_COLOR: _, ...env } = process.env;

function chaos(...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(launcher, ["lab", "chaos", ...args], {
    encoding: "utf8",
    timeout: LIMIT_MS,
    env,
  });
  return { status, out: stdout, err: stderr };
}

/** As short as it can be: one fault. */
function shortRun(...args: readonly string[]): { out: string; err: string } {
  const { status, out, err } = chaos(
    ...["--seed", String(SEED), "--minutes", String(MINUTES), "--connections", String(CONNECTIONS)],
    ...["--faults", KINDS.join(), ...args],
  );
  assert.equal(status, 0, `${out}\n${err}`);
  return { out, err };
}

/** The kind of the fault that this seed means. */
const kind = chaosPlan(SEED, findChaosKinds(KINDS)).next().value.kind;

/** What the fault is, then what came of it, with the seconds since the start. */
function assertStoryIsTold(err: string): void {
  const [, begun, ended] =
    /^ *([0-9.]+) s {2}1\. .*\n(?:.*\n)*? *([0-9.]+) s {5}.*; UDP gap [0-9.]+ ms; well again after [0-9.]+ ms/m.exec(
      err,
    ) ?? [];
  assert.ok(Number(begun) < Number(ended), err);
  assert.match(err, new RegExp(`^ *[0-9.]+ s {2}1\\. ${kind}: .*gw[12]`, "m"));
  assert.doesNotMatch(err, / s {2}2\. /, "the time is over");
}

test("it tells what happens on standard error, reports in text, and ends with 0; nothing is left of its own lab", () => {
  const { out, err } = shortRun("--name", name);
  assertStoryIsTold(err);
  assert.match(out, new RegExp(`^chaos, seed ${SEED}: 1 faults?, and every promise was kept\n`));
  assert.match(out, new RegExp(`^ {2}faults +1: ${kind} 1$`, "m"));
  const all = `${CONNECTIONS} of ${CONNECTIONS} live, 0 corrupted`;
  assert.match(out, new RegExp(`^ {2}TCP connections +${all}$`, "m"));
  assert.match(out, /^ {2}takeovers +[0-9]+$/m);
  assert.match(out, /^ {2}bytes verified +[1-9][0-9,]*$/m);
  assert.match(out, /^ {2}the machine itself +stood still for [0-9.]+ ms at most; [01] faults not judged/m);
  assert.match(out, /^ {4}UDP gap +[0-9.]+ ms; [0-9.]+ ms$/m);
  assert.deepEqual([labNamespaces(name), existsSync(labFolder(name))], [[], false]);
});

test("for programs it reports in one JSON object; a lab that was up is used, and stays", async () => {
  const lab = await TestLab.up("cu");
  try {
    await lab.waitUntilWell();
    const { out, err } = shortRun("--name", lab.name, "-o", "json");
    assertStoryIsTold(err);
    assert.equal(out.trimEnd().split("\n").length, 1);
    const report = JSON.parse(out) as ChaosReport;
    const { seed, minutes, intervalMs, nodes, connections, ok, failures, leftOut } = report;
    assert.deepEqual(
      { seed, minutes, intervalMs, nodes, connections, ok, failures, leftOut },
      {
        ...{ seed: SEED, minutes: MINUTES, intervalMs: 100, nodes: 2, connections: CONNECTIONS },
        ...{ ok: true, failures: [], leftOut: [] },
      },
    );
    const { survived, lost, corrupted, faults, faultsByKind, episodes } = report;
    assert.deepEqual([survived, lost, corrupted], [CONNECTIONS, 0, 0]);
    assert.ok(report.verifiedBytes > 0);
    assert.deepEqual([faults, faultsByKind, episodes.length], [1, { [kind]: 1 }, 1]);
    assert.deepEqual([episodes[0]?.number, episodes[0]?.kind], [1, kind]);
    await lab.waitUntilWell();
  } finally {
    await lab.down();
  }
});

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
  [["--seed", "x"], /'--seed <number>' argument 'x' is invalid\. It is a whole number, 0 or more\./],
  [["--seed", "-1"], /'--seed <number>' argument '-1' is invalid\. It is a whole number, 0 or more\./],
  [["--seed", "1.5"], /'--seed <number>' argument '1\.5' is invalid\. It is a whole number, 0 or more\./],
  // An unset variable of a script; the second one is there so that nothing begins where this is not refused.
  [
    ["--seed", "", "--connections", "0"],
    /'--seed <number>' argument '' is invalid\. It is a whole number, 0 or more\./,
  ],
  [["--seed"], /'--seed <number>' argument missing/],
  [["--minutes", "soon"], /'--minutes <number>' argument 'soon' is invalid\. It is a number above 0\./],
  [["--minutes", "0"], /'--minutes <number>' argument '0' is invalid\. It is a number above 0\./],
  [["--minutes", "-1"], /'--minutes <number>' argument '-1' is invalid\. It is a number above 0\./],
  [["--minutes", ""], /'--minutes <number>' argument '' is invalid\. It is a number above 0\./],
  [["--minutes", "Infinity"], /'--minutes <number>' argument 'Infinity' is invalid\./],
  [["--connections", "0"], /'--connections <number>' argument '0' is invalid\./],
  [["--faults", "earthquake"], /there is no fault "earthquake" \[lab-scenario-unknown\][\s\S]*power-off/],
];

for (const [args, words] of wrong) {
  test(`what is wrong with "${args.join(" ")}" is said, and it ends with 2`, () => {
    const { status, out, err } = chaos("--name", name, ...args);
    assert.deepEqual({ status, out }, { status: 2, out: "" }, err);
    assert.match(err, words);
  });
}

test("programs are told in JSON what is wrong with the command line", () => {
  const { status, out, err } = chaos("--name", name, "--seed", "x", "-o", "json");
  assert.deepEqual({ status, err }, { status: 2, err: "" });
  const { ok, problems } = JSON.parse(out) as { ok: boolean; problems: { code: string }[] };
  assert.deepEqual([ok, problems.map(({ code }) => code)], [false, ["bad-usage"]]);
});
