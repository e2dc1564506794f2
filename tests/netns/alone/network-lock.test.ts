import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { after, before, test } from "node:test";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { HistoryEntry } from "../../../src/contract/failover-history.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { runCommand } from "../../../src/lab/run-command.ts";
import { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import { TestLab } from "../daemon-node.ts";
import { playAndJudge } from "../judged-round.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";

// Somebody else configures the network, and holds the kernel's lock for that (rtnl_lock) for long: every processor is busy, and the
// program that holds the lock is one that everybody else goes before. All namespaces share the lock. Addresses may go for a moment: they
// live for a second without renewal, and nobody can renew them meanwhile.

const INTERVAL_MS = 10;
/** An active that waited with it would be replaced forty times over. */
const HELD_MS_MIN = 1_200;
const LIMIT_MS = 120_000;
/** Nobody waits for addresses longer than that (0030). */
const WAIT_MS = 10;
/** The next standby, which takes over after one more interval, hears of a takeover before. */
const PULSED_MS_MAX = WAIT_MS / 2;
/** After three intervals of silence an active is replaced, and rightly: it was to speak after one of them, and stood still for two. */
const REPLACED_STALL_MS = 2 * INTERVAL_MS;
/** Of the witness of such standstills: so much of each it may miss. This load by itself keeps nobody of its priority waiting for longer (0030). */
const WITNESS_SLEEP_MS = 2;
/** With 20 it was held for 4.7 s, and a node whose addresses cannot be renewed for 8 s gives up. */
const DEVICES = 10;
/** A node that waited with its question would not answer others for as long: its own work takes some 40 ms here. */
const WAITED_MS_MIN = 1_000;
/** Of questions asked when half of that was over, such a node answers none before it has the lock. */
const ANSWERS_MIN = 2;
const ASK_LIMIT_MS = 30_000;
const GROUP = 7;
const BUSY_PER_PROCESSOR = 4;

let lab: TestLab;
let watch: NamespaceAddresses;
let machine: MachineWatch;
let other: string;
let load: ChildProcess | undefined;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("nl", { intervalMs: INTERVAL_MS });
  await lab.waitUntilWell();
  watch = await NamespaceAddresses.watch(
    [lab.namespace("gw1"), lab.namespace("gw2")],
    virtualAddresses(lab.settings),
  );
  machine = MachineWatch.start(lab.name, { sleepMs: WITNESS_SLEEP_MS });
  other = `nl${process.pid}-other`;
  await runCommand("ip", ["netns", "add", other]);
  await runCommand("ip", ["-n", other, "link", "add", "probe", "type", "bridge"]);
});

after(async () => {
  await endLoad();
  await machine?.close();
  await watch?.close();
  await lab?.down();
  if (other !== undefined) await runCommand("ip", ["netns", "delete", other]);
});

/**
 * Every processor is busy, and with what is left over a program makes devices and removes them, all in one request: for each it sleeps, with
 * the lock, and waits for a processor again. All in one session, because the kernel shares processors out among sessions first
 * (sched(7), autogroup).
 */
const script = `
for i in $(seq "$BUSY"); do while :; do :; done & done
while :; do
  for i in $(seq ${DEVICES}); do echo "link add v$i group ${GROUP} up type veth peer name w$i"; done | chrt --idle 0 ip -batch -
  chrt --idle 0 ip link del group ${GROUP}
done`;

function startLoad(): ChildProcess {
  const env = { ...process.env, BUSY: String(BUSY_PER_PROCESSOR * availableParallelism()) };
  return spawn("nsenter", [`--net=/run/netns/${other}`, "sh", "-c", script], {
    stdio: "ignore",
    detached: true,
    env,
  });
}

async function endLoad(): Promise<void> {
  if (load?.pid === undefined || load.exitCode !== null || load.signalCode !== null) return;
  const ended = once(load, "exit");
  process.kill(-load.pid, "SIGKILL");
  await ended;
}

/** How long one who changes an address has to wait. It gets processors before everybody else. */
async function waitingMs(): Promise<number> {
  const startMs = performance.now();
  await runCommand("chrt", [
    // Not by "ip -n": that mounts, and waits for more than this lock.
    ...["--fifo", "10", "nsenter", `--net=/run/netns/${other}`],
    ...["ip", "address", "replace", "192.0.2.1/32", "dev", "probe"],
  ]);
  return performance.now() - startMs;
}

const ask = (node: string) => new ControlClient(controlSocket(lab.name, node), { timeoutMs: ASK_LIMIT_MS });
const afterMs = ({ stamps }: HistoryEntry, name: string) => {
  const us = stamps.find(({ what }) => what === name)?.atUs;
  return us === undefined ? undefined : us / 1_000;
};

test("the lock of the network configuration is held for long: nobody takes over", async (context) => {
  const play = async () => {
    const { active, standby } = await lab.rolesWhenWell();
    const startMs = NamespaceAddresses.now();
    load = startLoad();
    let heldMs = 0;
    const endMs = performance.now() + LIMIT_MS;
    while (heldMs < HELD_MS_MIN && performance.now() < endMs) heldMs = Math.max(heldMs, await waitingMs());
    await endLoad();
    if (heldMs < HELD_MS_MIN)
      throw new Error(`the lock was held for ${Math.round(heldMs)} ms at most: this tells nothing`);
    const { active: activeAfter } = await lab.rolesWhenWell();
    const comes = ` comes to ${lab.namespace(standby)}`;
    const moves = watch.since(startMs).filter((change) => change.endsWith(comes));
    return { active, activeAfter, moves };
  };
  await playAndJudge(machine, {
    context,
    stallMsMin: REPLACED_STALL_MS,
    play,
    judge: ({ active, activeAfter, moves }) => {
      assert.equal(activeAfter, active);
      assert.deepEqual(moves, [], "the standby has taken none of the addresses");
    },
  });
});

/** A question that waited for the lock. */
interface Wait {
  readonly waitedMs: number;
  /** How many others each node has answered before that one, of those that were asked when half of the wait was over. */
  readonly answers: readonly number[];
}

test("a node answers meanwhile, also while another question to it waits for the lock", async (context) => {
  const nodes = ["gw1", "gw2"];
  const answered: { readonly node: string; readonly askedMs: number }[] = [];
  const waits: Wait[] = [];
  let longestMs = 0;
  const endMs = performance.now() + LIMIT_MS;
  const isOver = () => waits.length > 0 || performance.now() >= endMs;
  const waiting = nodes.map(async (node) => {
    while (!isOver()) {
      const beganMs = performance.now();
      let waitedMs: number | undefined;
      // What is mirrored depends on the node's addresses, and these the kernel tells to nobody while the lock is held. When it has them, the
      // node says at once that its walk begins.
      for await (const _ of ask(node).walk("count", new URLSearchParams())) {
        if (waitedMs !== undefined) continue;
        waitedMs = performance.now() - beganMs;
        longestMs = Math.max(longestMs, waitedMs);
        if (isOver() || waitedMs < WAITED_MS_MIN) continue;
        const halfMs = beganMs + waitedMs / 2;
        const late = answered.filter(({ askedMs }) => askedMs >= halfMs);
        const answers = nodes.map((name) => late.filter((one) => one.node === name).length);
        waits.push({ waitedMs, answers });
      }
    }
  });
  // Each by itself, so that one that does not answer holds up no question to the other one.
  const asking = nodes.map(async (node) => {
    while (!isOver()) {
      const askedMs = performance.now();
      await ask(node).history(new URLSearchParams({ node, limit: "1" }));
      answered.push({ node, askedMs });
    }
  });
  load = startLoad();
  try {
    await Promise.all([...waiting, ...asking]);
  } finally {
    await endLoad();
  }
  const [long] = waits;
  assert.ok(long !== undefined, `nobody waited longer than ${longestMs} ms: this tells nothing`);
  const told = `while a question waited for ${Math.round(long.waitedMs)} ms: ${long.answers.join(" and ")} answers`;
  context.diagnostic(told);
  for (const answers of long.answers) assert.ok(answers >= ANSWERS_MIN, told);
});

/** Lets the standby take over, again and again, until its addresses come late. The machine's window is that of the last takeover. */
async function takeoverThatWaits(endMs: number): Promise<HistoryEntry> {
  while (performance.now() < endMs) {
    const { active, standby } = await lab.rolesWhenWell();
    await machine.mark();
    await ask(active).switchover();
    const taken = await waitFor("an entry with its addresses", async () => {
      const query = new URLSearchParams({ node: standby, limit: "1" });
      const [newest] = (await ask(standby).history(query)).entries;
      return newest?.to === "active" && afterMs(newest, "addresses") !== undefined ? newest : undefined;
    });
    if ((afterMs(taken, "addresses") ?? 0) > 2 * WAIT_MS) return taken;
  }
  throw new Error("no takeover had to wait: this tells nothing");
}

test("a node that takes over meanwhile does not wait for its addresses, and its history says when they came", async (context) => {
  load = startLoad();
  const endMs = performance.now() + LIMIT_MS;
  try {
    await playAndJudge(machine, {
      context,
      // The shortest that makes one of the stamps late by itself.
      stallMsMin: PULSED_MS_MAX,
      play: () => takeoverThatWaits(endMs),
      judge: (late) => {
        const told = JSON.stringify(late.stamps);
        assert.ok((afterMs(late, "pulsed") ?? Number.NaN) < PULSED_MS_MAX, told);
        for (const what of ["announced", "advertised", "told"]) {
          const ms: number = afterMs(late, what) ?? Number.NaN;
          assert.ok(ms >= WAIT_MS && ms < 2 * WAIT_MS, `${what}: ${told}`);
        }
      },
    });
  } finally {
    await endLoad();
  }
});
