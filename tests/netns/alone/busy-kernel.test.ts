import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { runCommand, tryCommand } from "../../../src/lab/run-command.ts";
import { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import { TestLab } from "../daemon-node.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";

// The kernel removes thousands of devices at once, for a second and more, and does not give the processor back before: not even to
// programs of real-time priority, unless it is one with full preemption. The other processors are idle.

const INTERVAL_MS = 10;
const PAIRS = 8_000;
const ROUNDS = 3;
/** Whoever is late by that much at this interval is replaced. */
const STALL_MS_MIN = 100;

let lab: TestLab;
let watch: NamespaceAddresses;
let machine: MachineWatch;
const other = `bk${process.pid}-other`;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("bk", { intervalMs: INTERVAL_MS });
  await lab.waitUntilWell();
  watch = await NamespaceAddresses.watch(
    [lab.namespace("gw1"), lab.namespace("gw2")],
    virtualAddresses(lab.settings),
  );
  machine = MachineWatch.start(lab.name);
});

after(async () => {
  await machine?.close();
  await watch?.close();
  await lab?.down();
  // It is there only when a round did not come to its end.
  await tryCommand("ip", ["netns", "delete", other]);
});

async function makeDevices(): Promise<void> {
  await runCommand("ip", ["netns", "add", other]);
  const input = Array.from({ length: PAIRS }, (_, i) => `link add v${i} type veth peer name w${i}\n`).join(
    "",
  );
  await runCommand("ip", ["-n", other, "-batch", "-"], { input });
}

/** The longest time that a processor was not given back. The namespace's devices go after its name. */
async function removeDevices(): Promise<number> {
  await machine.mark();
  await runCommand("ip", ["netns", "delete", other]);
  // Waits for the same lock.
  await runCommand("ip", ["-n", lab.namespace("lan"), "link", "add", "late", "type", "bridge"]);
  await runCommand("ip", ["-n", lab.namespace("lan"), "link", "delete", "late"]);
  return await machine.stallMs();
}

test("the kernel keeps a processor for long: nobody takes over", async (t: TestContext) => {
  const { active, standby } = await lab.rolesWhenWell();
  let longestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await makeDevices();
    await lab.waitUntilWell();
    const startMs = NamespaceAddresses.now();
    const stallMs = await removeDevices();
    await lab.waitUntilWell();
    t.diagnostic(`a processor was not given back for ${Math.round(stallMs)} ms`);
    longestMs = Math.max(longestMs, stallMs);
    const moves = watch.since(startMs).filter((change) => change.includes(`to ${lab.namespace(standby)}`));
    assert.deepEqual(moves, [], "the standby has taken none of the addresses");
    assert.equal((await lab.rolesWhenWell()).active, active);
  }
  assert.ok(longestMs > STALL_MS_MIN, "on this kernel this tells nothing: it gives processors back");
});
