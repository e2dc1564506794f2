/** Paths that fail, one after the other and together, in one direction and in both. Needs root. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ProblemError } from "../../src/base/problem.ts";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { HearingLab, PATHS } from "./hearing-lab.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";

// With real daemons, cables and devices, each test under the line of the table "Paths that fail" (docs/guide/failover.md) that it
// is about. What they decide is shown of each line in tests/sim/election-paths.test.ts; devices that go: path-devices.test.ts.

const SPLIT_CLIENT = "10.1.0.99";
const BEGUN_APART = 20;

let lab: TestLab;
let paths: HearingLab;

before(async () => {
  lab = await TestLab.up("paths");
  paths = new HearingLab(lab);
  await paths.doubtNeighbours();
  await lab.waitUntilWell();
});

afterEach(async () => {
  await paths.mendAll();
});

after(async () => {
  await lab?.down();
});

async function counter(node: string, name: string): Promise<number> {
  return (await lab.status(node)).counters[name] ?? 0;
}

/** Seen as such, or told by the other one, which gave way before it was heard: which of the two is a matter of a moment. */
async function conflictsOf(node: string): Promise<number> {
  return (await counter(node, "conflict")) + (await counter(node, "peerGaveWay"));
}

test("nodes hear each other on every path, and say so", async () => {
  await paths.waitForHearing("gw1", PATHS);
  await paths.waitForHearing("gw2", PATHS);
  const [gw1] = (await lab.status("gw1")).peers;
  assert.deepEqual(
    gw1?.paths.map(({ name, heardByPeer }) => [name, heardByPeer]),
    PATHS.map((path) => [path, true]),
  );
});

test("any one or two paths, in both directions: nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  for (const [index, first] of PATHS.entries()) {
    await paths.cut("gw1", first);
    const rest = PATHS.filter((path) => path !== first);
    await paths.waitForHearing("gw2", rest);
    await paths.waitForHearing("gw1", rest);
    for (const second of PATHS.slice(index + 1)) {
      await paths.cut("gw1", second);
      await paths.waitForHearing(
        "gw2",
        rest.filter((path) => path !== second),
      );
      await paths.assertRoles({ [active]: "active", [standby]: "standby" });
      await paths.mend("gw1", second);
      await paths.waitForHearing("gw2", rest);
    }
    await paths.mend("gw1", first);
    await paths.waitForHearing("gw2", PATHS);
  }
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(transitionsSince(active), ["standby -> active"], "in all this time");
});

test("one path, in one direction: it is told by both, and nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await paths.muffle({ [active]: ["lan"] });
  await paths.waitForHearing(standby, ["sync", "wan"]);
  await paths.waitForHearing(active, PATHS);
  const told = await waitFor(`${active} to know that ${standby} does not hear it on lan`, async () => {
    const path = (await lab.tryStatus(active))?.peers[0]?.paths.find(({ name }) => name === "lan");
    return path?.heardByPeer === false ? path : undefined;
  });
  assert.equal(told.alive, true);
  const problems = await paths.waitForProblems(active, [
    `${standby} hears nothing of ${active} on lan; the other direction works`,
  ]);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["path-silent"],
  );
  await paths.unmuffle();
  await paths.waitForHearing(standby, PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
});

test("any one or two paths, in one direction: nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const [silent, deaf] of [
    [active, standby],
    [standby, active],
  ] as const) {
    for (const left of PATHS) {
      const lost = PATHS.filter((path) => path !== left);
      for (const some of [[left], lost]) {
        await paths.muffle({ [silent]: some });
        await paths.waitForHearing(
          deaf,
          PATHS.filter((path) => !some.includes(path)),
        );
        await paths.waitForHearing(silent, PATHS);
        // Without the sync link the nodes cannot ask each other.
        if (!some.includes("sync"))
          await paths.waitForProblems(
            active,
            some.map((path) => `${deaf} hears nothing of ${silent} on ${path}; the other direction works`),
          );
        await paths.unmuffle();
        await paths.waitForEachHearing(PATHS);
      }
    }
  }
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
});

test("all paths from the standby to the active: nothing moves, and no handover is possible", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  await paths.muffle({ [standby]: PATHS });
  await paths.waitForHearing(active, []);
  await paths.outlastDoubt();
  await paths.waitForHearing(standby, PATHS);
  await assert.rejects(
    new ControlClient(controlSocket(lab.name, active)).switchover({}),
    (error) => error instanceof ProblemError && error.problem.code === "switchover-no-standby",
  );
  await paths.unmuffle();
  await paths.waitForHearing(active, PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
});

test("some paths from gw1 to gw2, and all others from gw2 to gw1: nothing moves, also when the standby starts anew", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const one of PATHS) {
    const others = PATHS.filter((path) => path !== one);
    for (const [toStandby, toActive] of [
      [[one], others],
      [others, [one]],
    ] as const) {
      await paths.muffle({ [active]: toActive, [standby]: toStandby });
      await paths.waitForHearing(standby, toStandby);
      await paths.waitForHearing(active, toActive);
      await paths.assertRoles({ [active]: "active", [standby]: "standby" });
      await paths.unmuffle();
      await paths.waitForEachHearing(PATHS);
    }
  }
  assert.deepEqual(paths.changes, before);

  // By the sync link no advertisements pass: the standby must know of the active by pulses that nobody can answer there.
  await paths.muffle({ [active]: ["lan", "wan"], [standby]: ["sync"] });
  await stopNode(lab.name, standby);
  await paths.waitForHearing(active, []);
  await startNode(lab.name, standby);
  await paths.waitForHearing(standby, ["sync"]);
  await paths.outlastDoubt();
  await paths.waitForHearing(standby, ["sync"]);
  await paths.waitForHearing(active, ["lan", "wan"]);
  await paths.assertRoles({ [active]: "active", [standby]: "standby" });
  await paths.unmuffle();
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(
    paths.changes.filter((change) => change.endsWith("-> active")),
    before.filter((change) => change.endsWith("-> active")),
    "nobody took over",
  );
});

test("a path that flaps: nothing moves", async () => {
  const { active } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const path of PATHS) {
    for (let turn = 0; turn < 5; turn++) {
      await paths.cut(active, path);
      // Sometimes shorter, sometimes longer than what makes a path silent: three and four of the lab's intervals of 100 ms.
      await letTimePass(160 * turn);
      await paths.mend(active, path);
    }
  }
  await paths.waitForEachHearing(PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
});

test("a face of the active without loss of carrier: nothing moves by itself", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const face of ["lan", "wan"] as const) {
    await paths.cut(active, face);
    await paths.waitForEachHearing(PATHS.filter((path) => path !== face));
    await letTimePass(1_000);
    await paths.assertRoles({ [active]: "active", [standby]: "standby" });
    await paths.mend(active, face);
    await paths.waitForEachHearing(PATHS);
  }
  assert.deepEqual(paths.changes, before);
});

test("a face of the active that loses its carrier, or flaps: one handover, and nothing moves back", async () => {
  for (const flaps of [1, 6]) {
    const { active, standby } = await lab.rolesWhenWell();
    const before = paths.changes;
    for (let turn = 0; turn < flaps; turn++) {
      await paths.cut(active, "lan", { carrier: true });
      if (flaps === 1) await paths.assertRoles({ [standby]: "active", [active]: "standby" });
      await paths.mend(active, "lan");
    }
    await paths.assertRoles({ [standby]: "active", [active]: "standby" });
    await paths.waitForEachHearing(PATHS);
    await lab.waitUntilWell();
    await letTimePass(1_000);
    assert.deepEqual(
      paths.changes.slice().sort(),
      [...before, `${active}: active -> standby`, `${standby}: standby -> active`].sort(),
    );
  }
});

test("all paths from the active to the standby: that takes over, and the active, which hears it, gives way", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await paths.muffle({ [active]: PATHS });
  await paths.assertRoles({ [standby]: "active", [active]: "standby" });
  await paths.unmuffle();
  await paths.waitForHearing(standby, PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, standby, "nothing moves back");
});

test("all paths from gw1 to gw2: the higher one, too, gives way to an active that cannot hear it", async () => {
  const { active } = await lab.rolesWhenWell();
  if (active !== "gw1") await new ControlClient(controlSocket(lab.name, active)).switchover({});
  await paths.assertRoles({ gw1: "active", gw2: "standby" });
  await lab.waitUntilWell();
  const conflictsBefore = await counter("gw1", "conflict");
  await paths.muffle({ gw1: PATHS });
  await paths.assertRoles({ gw2: "active", gw1: "standby" });
  const { cause } = await lab.status("gw1");
  assert.equal(cause, "gw2 is active and does not hear this node on any path");
  assert.ok((await counter("gw1", "conflict")) > conflictsBefore);
});

test("all paths, both directions: both serve; together again the higher one stays, and tells of the conflict", async () => {
  await lab.waitUntilWell();
  const conflictsBefore = await conflictsOf("gw1");
  const toldBefore = conflictsTold("gw1");
  for (const path of PATHS) await paths.cut("gw1", path);
  await paths.assertRoles({ gw1: "active", gw2: "active" });
  await beginConnections("gw1", 50_001);
  await beginConnections("gw2", 50_101);
  for (const path of PATHS) await paths.mend("gw1", path);
  await paths.assertRoles({ gw1: "active", gw2: "standby" });
  assert.ok((await conflictsOf("gw1")) > conflictsBefore);
  assert.equal(conflictsTold("gw1"), toldBefore + 1);
  assert.match(
    await new ControlClient(controlSocket(lab.name, "gw1")).metrics(),
    /^tocha_failover_events_total\{event="(conflict|peerGaveWay)"\} [1-9]/m,
  );
  await lab.waitUntilWell();
  await assertTablesEqual(lab, "gw1", "gw2");
  const kept = (await mirrored(lab, "gw1")).filter((line) => line.includes(SPLIT_CLIENT));
  assert.equal(kept.length, 2 * BEGUN_APART, "the connections that began at either of them go on");
});

/** Connections through a node, as its kernel has them when packets have made them. */
async function beginConnections(node: string, firstPort: number): Promise<void> {
  for (let port = firstPort; port < firstPort + BEGUN_APART; port++) {
    const tuple = [
      "-p",
      "tcp",
      "-s",
      SPLIT_CLIENT,
      "-d",
      "198.51.100.7",
      "--sport",
      `${port}`,
      "--dport",
      "443",
    ];
    const state = ["--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED", "-t", "4000"];
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "conntrack", "-I", ...tuple, ...state]);
  }
}

/** What a node has logged of its roles since it began to listen. */
function transitionsSince(node: string): string[] {
  return [...lab.log(node).matchAll(/failover info: ((?:standby|active|fault) -> \w+)/g)].map(
    ([, change]) => change ?? "",
  );
}

function conflictsTold(node: string): number {
  return lab.log(node).split("is active as well and ranks lower: this node stays active").length - 1;
}
