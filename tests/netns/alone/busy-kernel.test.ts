import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { runCommand, tryCommand } from "../../../src/lab/run-command.ts";
import { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import { TestLab } from "../daemon-node.ts";
import { playAndJudge } from "../judged-round.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";

// The kernel removes thousands of devices at once, for a second and more, and does not give the processor back before: not even to
// programs of real-time priority, unless it is one with full preemption. The other processors are idle.

const INTERVAL_MS = 10;
const PAIRS = 8_000;
const ROUNDS = 3;
/** Whoever is late by that much at this interval is replaced. */
const STALL_MS_MIN = 100;
/** Where all processors stand still for nearly as long as a takeover waits, nobody is heard, whatever a node does. */
const MACHINE_STALL_MS = 15;
/** What is seen of a standstill is shorter by so much at most. */
const LOOK_MS = 2;

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
  machine = MachineWatch.start(lab.name, { sleepMs: LOOK_MS });
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

/** The namespace's devices go after its name. */
async function removeDevices(): Promise<void> {
  await runCommand("ip", ["netns", "delete", other]);
  // Waits for the same lock.
  await runCommand("ip", ["-n", lab.namespace("lan"), "link", "add", "late", "type", "bridge"]);
  await runCommand("ip", ["-n", lab.namespace("lan"), "link", "delete", "late"]);
}

test("the kernel keeps a processor for long: nobody takes over", async (context: TestContext) => {
  let longestMs = 0;
  for (let round = 0; round < ROUNDS; round++)
    await playAndJudge(machine, {
      ...{ context, stallMsMin: MACHINE_STALL_MS, stallOf: "all" },
      play: async () => {
        await makeDevices();
        const before = await lab.rolesWhenWell();
        const startMs = NamespaceAddresses.now();
        await machine.mark();
        await removeDevices();
        const stallMs = await machine.stallMs();
        const after = await lab.rolesWhenWell();
        context.diagnostic(`a processor was not given back for ${Math.round(stallMs)} ms`);
        longestMs = Math.max(longestMs, stallMs);
        const isMove = (change: string) => change.includes(`to ${lab.namespace(before.standby)}`);
        return { moves: watch.since(startMs).filter(isMove), before, after };
      },
      judge: ({ moves, before, after }) => {
        assert.deepEqual(moves, [], "the standby has taken none of the addresses");
        assert.deepEqual(after, before);
      },
    });
  assert.ok(longestMs > STALL_MS_MIN, "on this kernel this tells nothing: it gives processors back");
});
