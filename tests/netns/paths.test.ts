/** Paths that fail, one after the other and together, in one direction and in both. Needs root. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { cut, mend } from "../../src/lab/node-power.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";

const PATHS = ["sync", "lan", "wan"] as const;
type Path = (typeof PATHS)[number];
const SPLIT_CLIENT = "10.1.0.99";
const BEGUN_APART = 20;

let lab: TestLab;

before(async () => {
  lab = await TestLab.up("paths", { intervalMs: 50 });
  await lab.waitUntilWell();
});

afterEach(async () => {
  await unmuffle();
  for (const path of PATHS) await mend(lab.name, `gw1-${path}`);
});

after(async () => {
  await lab?.down();
});

/** Which paths `node` hears its peer on, in words that can be compared: `lan sync wan`. */
async function heard(node: string): Promise<string> {
  const status = await lab.tryStatus(node);
  const paths = status?.peers[0]?.paths.filter(({ alive }) => alive === true) ?? [];
  return paths
    .map(({ name }) => name)
    .sort()
    .join(" ");
}

async function waitForHearing(node: string, wanted: readonly Path[]): Promise<void> {
  const words = [...wanted].sort().join(" ");
  let last = "";
  await waitFor(
    `${node} to hear its peer on [${words}]`,
    async () => {
      last = await heard(node);
      return last === words;
    },
    { explain: () => `it hears it on [${last}]\n${lab.log(node)}` },
  );
}

/** Frames that come from a node vanish at the switch of this path; its own hearing stays. */
async function muffle(node: string, paths: readonly Path[]): Promise<void> {
  const ports = paths.map((path) => `"${node}-${path}"`).join(", ");
  const rules = `table bridge muffle {
  chain forwarded {
    type filter hook forward priority 0; policy accept;
    iifname { ${ports} } drop
  }
}
`;
  await runCommand("ip", ["netns", "exec", lab.namespace("net"), "nft", "-f", "-"], { input: rules });
}

async function unmuffle(): Promise<void> {
  await tryCommand("ip", [
    "netns",
    "exec",
    lab.namespace("net"),
    "nft",
    "delete",
    "table",
    "bridge",
    "muffle",
  ]);
}

async function assertRoles(roles: Readonly<Record<string, string>>): Promise<void> {
  for (const [node, role] of Object.entries(roles))
    await lab.waitForNode(node, role, (status) => status.role === role);
}

async function counter(node: string, name: string): Promise<number> {
  return (await lab.status(node)).counters[name] ?? 0;
}

/** Seen as such, or told by the other one, which gave way before it was heard: which of the two is a matter of a moment. */
async function conflictsOf(node: string): Promise<number> {
  return (await counter(node, "conflict")) + (await counter(node, "peerGaveWay"));
}

test("nodes hear each other on every path, and say so", async () => {
  await waitForHearing("gw1", PATHS);
  await waitForHearing("gw2", PATHS);
  const [gw1] = (await lab.status("gw1")).peers;
  assert.deepEqual(
    gw1?.paths.map(({ name, heardByPeer }) => [name, heardByPeer]),
    PATHS.map((path) => [path, true]),
  );
});

test("cuts of any one and any two paths move nothing", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  for (const [index, first] of PATHS.entries()) {
    await cut(lab.name, `gw1-${first}`, { silent: true });
    const rest = PATHS.filter((path) => path !== first);
    await waitForHearing("gw2", rest);
    await waitForHearing("gw1", rest);
    for (const second of PATHS.slice(index + 1)) {
      await cut(lab.name, `gw1-${second}`, { silent: true });
      await waitForHearing(
        "gw2",
        rest.filter((path) => path !== second),
      );
      await assertRoles({ [active]: "active", [standby]: "standby" });
      await mend(lab.name, `gw1-${second}`);
      await waitForHearing("gw2", rest);
    }
    await mend(lab.name, `gw1-${first}`);
    await waitForHearing("gw2", PATHS);
  }
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(transitionsSince(active), ["standby -> active"], "in all this time");
});

test("loss in one direction of one path is told by both, and moves nothing", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await muffle(active, ["lan"]);
  await waitForHearing(standby, ["sync", "wan"]);
  await waitForHearing(active, PATHS);
  const told = await waitFor(`${active} to know that ${standby} does not hear it on lan`, async () => {
    const path = (await lab.tryStatus(active))?.peers[0]?.paths.find(({ name }) => name === "lan");
    return path?.heardByPeer === false ? path : undefined;
  });
  assert.equal(told.alive, true);
  const problems = (await lab.seenBy(active))?.problems ?? [];
  assert.deepEqual(
    problems.map(({ code, message }) => [code, message]),
    [["path-silent", `${standby} hears nothing of ${active} on lan; the other direction works`]],
  );
  await unmuffle();
  await waitForHearing(standby, PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
});

test("a standby that hears nothing of the active takes over, and the active, which hears it, gives way", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await muffle(active, PATHS);
  await assertRoles({ [standby]: "active", [active]: "standby" });
  await unmuffle();
  await waitForHearing(standby, PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, standby, "nothing moves back");
});

test("the higher one, too, gives way to an active that cannot hear it", async () => {
  const { active } = await lab.rolesWhenWell();
  if (active !== "gw1") await new ControlClient(controlSocket(lab.name, active)).switchover({});
  await assertRoles({ gw1: "active", gw2: "standby" });
  await lab.waitUntilWell();
  const conflictsBefore = await counter("gw1", "conflict");
  await muffle("gw1", PATHS);
  await assertRoles({ gw2: "active", gw1: "standby" });
  const { cause } = await lab.status("gw1");
  assert.equal(cause, "gw2 is active and does not hear this node on any path");
  assert.ok((await counter("gw1", "conflict")) > conflictsBefore);
});

test("both serve while they are apart; together again the higher one stays, and tells of the conflict", async () => {
  await lab.waitUntilWell();
  const conflictsBefore = await conflictsOf("gw1");
  const toldBefore = conflictsTold("gw1");
  for (const path of PATHS) await cut(lab.name, `gw1-${path}`, { silent: true });
  await assertRoles({ gw1: "active", gw2: "active" });
  await beginConnections("gw1", 50_001);
  await beginConnections("gw2", 50_101);
  for (const path of PATHS) await mend(lab.name, `gw1-${path}`);
  await assertRoles({ gw1: "active", gw2: "standby" });
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
