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
import { TestLab } from "../daemon-node.ts";
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
/** With 20 it was held for 4.7 s, and a node whose addresses cannot be renewed for 8 s gives up. */
const DEVICES = 10;
/** A node that waited with its question would not answer others for as long: its own work takes some 40 ms here. */
const WAITED_MS_MIN = 1_000;
const ASK_LIMIT_MS = 30_000;
const GROUP = 7;
const BUSY_PER_PROCESSOR = 4;

let lab: TestLab;
let watch: NamespaceAddresses;
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
  other = `nl${process.pid}-other`;
  await runCommand("ip", ["netns", "add", other]);
  await runCommand("ip", ["-n", other, "link", "add", "probe", "type", "bridge"]);
});

after(async () => {
  await endLoad();
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

test("the lock of the network configuration is held for long: nobody takes over", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const startMs = NamespaceAddresses.now();
  load = startLoad();
  let heldMs = 0;
  const endMs = performance.now() + LIMIT_MS;
  while (heldMs < HELD_MS_MIN && performance.now() < endMs) heldMs = Math.max(heldMs, await waitingMs());
  await endLoad();
  assert.ok(
    heldMs >= HELD_MS_MIN,
    `the lock was held for ${Math.round(heldMs)} ms at most: this tells nothing`,
  );
  assert.equal((await lab.rolesWhenWell()).active, active);
  const moves = watch
    .since(startMs)
    .filter((change) => change.endsWith(` comes to ${lab.namespace(standby)}`));
  assert.deepEqual(moves, [], "the standby has taken none of the addresses");
});

test("a node answers meanwhile, also while another question to it waits for the lock", async () => {
  load = startLoad();
  const nodes = ["gw1", "gw2"];
  let isOver = false;
  let waitedMs = 0;
  // What is mirrored depends on the node's addresses, and these the kernel tells to nobody while the lock is held.
  const waiting = nodes.map(async (node) => {
    while (!isOver) {
      const beginMs = performance.now();
      for await (const _ of ask(node).walk("count", new URLSearchParams()));
      waitedMs = Math.max(waitedMs, performance.now() - beginMs);
    }
  });
  let longestMs = 0;
  const endMs = performance.now() + LIMIT_MS;
  while (waitedMs < WAITED_MS_MIN && performance.now() < endMs)
    for (const node of nodes) {
      const beginMs = performance.now();
      await ask(node).history(new URLSearchParams({ node, limit: "1" }));
      longestMs = Math.max(longestMs, performance.now() - beginMs);
    }
  await endLoad();
  isOver = true;
  await Promise.all(waiting);
  assert.ok(waitedMs >= WAITED_MS_MIN, `nobody waited longer than ${waitedMs} ms: this tells nothing`);
  assert.ok(longestMs < waitedMs / 2, `${longestMs} ms until a node answered`);
});

test("a node that takes over meanwhile does not wait for its addresses, and its history says when they came", async () => {
  load = startLoad();
  let late: HistoryEntry | undefined;
  const endMs = performance.now() + LIMIT_MS;
  while (late === undefined && performance.now() < endMs) {
    const { active, standby } = await lab.rolesWhenWell();
    await ask(active).switchover();
    const taken = await waitFor("an entry with its addresses", async () => {
      const query = new URLSearchParams({ node: standby, limit: "1" });
      const [newest] = (await ask(standby).history(query)).entries;
      return newest?.to === "active" && afterMs(newest, "addresses") !== undefined ? newest : undefined;
    });
    if ((afterMs(taken, "addresses") ?? 0) > 2 * WAIT_MS) late = taken;
  }
  await endLoad();
  assert.ok(late !== undefined, "no takeover had to wait: this tells nothing");
  const told = JSON.stringify(late.stamps);
  // The next standby, which takes over after one more interval, hears of it before.
  assert.ok((afterMs(late, "pulsed") ?? Number.NaN) < WAIT_MS / 2, told);
  for (const what of ["announced", "advertised", "told"]) {
    const ms: number = afterMs(late, what) ?? Number.NaN;
    assert.ok(ms >= WAIT_MS && ms < 2 * WAIT_MS, `${what}: ${told}`);
  }
});
