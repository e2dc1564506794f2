/** Random faults, one after the other, under traffic: nothing is lost, and every bound is kept. Needs root. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runChaos } from "../../../src/lab/chaos/run-chaos.ts";
import { labDown } from "../../../src/lab/lab.ts";

const CONNECTIONS = 300;
/** More in a longer run: README.md. */
const SECONDS = Number(process.env["TOCHA_CHAOS_SECONDS"] ?? 60);
// Another one in each run finds more; the one that failed is told, and can be given.
const SEED = Number(process.env["TOCHA_CHAOS_SEED"] ?? Math.floor(Math.random() * 1_000_000));
const name = `chaos-${process.pid}`;

after(async () => {
  await labDown(name);
});

test(`chaos with seed ${SEED} for ${SECONDS} s: no connection is lost`, async (context) => {
  const report = await runChaos({
    seed: SEED,
    minutes: SECONDS / 60,
    name,
    connections: CONNECTIONS,
    log: (line) => context.diagnostic(line),
  });
  assert.deepEqual(report.failures, [], `again: tocha lab chaos --seed ${SEED} --minutes ${SECONDS / 60}`);
  assert.equal(report.survived, CONNECTIONS);
  assert.equal(report.corrupted, 0);
  assert.ok(report.faults > 0, "something has happened");
  assert.deepEqual(report.leftOut, [], "this kernel can make every fault");
});
