import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// The document's routes in a node's kernel, and those of others beside them.

const routes = `routes:
  - { id: branch, to: 10.30.0.0/16, via: 10.1.0.10 }
  - { id: branch6, to: "fd00:30::/32", via: "fd00:1::10" }
  - { id: reserve, to: 10.30.0.0/16, via: 192.0.2.9, metric: 50, nodes: [gw1] }
  - { id: on-link, to: 10.31.0.0/24, interface: lan, nodes: [gw1] }
  - { id: router6, to: "::/0", via: "fe80::ff:fe00:5e01", interface: wan }
`;
const ofGw1 = [
  "10.30.0.0/16 via 10.1.0.10 dev lan",
  "10.30.0.0/16 via 192.0.2.9 dev wan metric 50",
  "10.31.0.0/24 dev lan scope link",
  "default via fe80::ff:fe00:5e01 dev wan metric 1024",
  "fd00:30::/32 via fd00:1::10 dev lan metric 1024",
];
const ofGw2 = [ofGw1[0], ofGw1[3], ofGw1[4]];

let lab: TestLab;
let plain: string;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("sr", {}, { daemons: false });
  plain = readFileSync(documentPath(lab.name), "utf8");
  for (const node of ["gw1", "gw2"])
    await setSysctls(lab.namespace(node), { "net.ipv6.conf.all.keep_addr_on_down": 1 });
  // Of others: with another protocol, and one to a network that the document has a route to later.
  await ip("gw1", ["route", "add", "10.32.0.0/16", "via", "10.1.0.10", "proto", "bird"]);
  await ip("gw1", ["route", "add", "10.33.0.0/16", "via", "10.1.0.10"]);
  write(plain, routes);
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
});

function write(text: string, more: string): void {
  writeFileSync(
    documentPath(lab.name),
    text.replace("replication:", () => `${more}replication:`),
  );
}

async function ip(node: string, words: readonly string[]): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace(node), ...words]);
}

/** Routes with our protocol number, as iproute2 shows them. */
async function ours(node: string): Promise<string[]> {
  const texts = await Promise.all(
    ["-4", "-6"].map((family) => ip(node, [family, "route", "show", "proto", "116"])),
  );
  return texts
    .flatMap((text) => text.split("\n"))
    .map((line) => line.replace(/ (pref medium|onlink|linkdown)/g, "").trim())
    .filter((line) => line !== "")
    .sort();
}

async function untilOurs(node: string, wished: readonly (string | undefined)[]): Promise<void> {
  let last: string[] = [];
  await waitFor(
    `the routes of ${node}`,
    async () => {
      last = await ours(node);
      return JSON.stringify(last) === JSON.stringify(wished);
    },
    { explain: () => `${last.join("\n")}\n${lab.log(node)}` },
  );
}

async function foreign(): Promise<string[]> {
  const text = await ip("gw1", ["-4", "route", "show"]);
  return text.split("\n").filter((line) => /^10\.(32|33|77)\./.test(line));
}

test("each node has the routes that are said for it, and those of others stay", async () => {
  await untilOurs("gw1", ofGw1);
  await untilOurs("gw2", ofGw2);
  assert.equal((await foreign()).length, 3);
});

test("routes come again after their link was down, and after somebody has removed one", async () => {
  await ip("gw2", ["link", "set", "lan", "down"]);
  await waitFor("the kernel to forget the routes", async () => !(await ours("gw2")).includes(ofGw2[0] ?? ""));
  await ip("gw2", ["link", "set", "lan", "up"]);
  await untilOurs("gw2", ofGw2);
  await ip("gw2", ["route", "del", "10.30.0.0/16"]);
  await untilOurs("gw2", ofGw2);
  await lab.waitUntilWell();
});

test("a route that leads elsewhere is put right", async () => {
  await ip("gw2", ["route", "replace", "10.30.0.0/16", "via", "192.0.2.9", "proto", "116"]);
  await untilOurs("gw2", ofGw2);
});

test("another document's routes take the place of the old ones, also where the node did not run meanwhile", async () => {
  await stopNode(lab.name, "gw1");
  await untilOurs("gw1", ofGw1);
  write(
    plain,
    "routes:\n  - { id: branch, to: 10.30.0.0/16, via: 10.1.0.11 }\n  - { id: taken, to: 10.33.0.0/16, via: 192.0.2.9 }\n",
  );
  await startNode(lab.name, "gw1");
  await untilOurs("gw1", ["10.30.0.0/16 via 10.1.0.11 dev lan"]);
  assert.equal((await foreign()).length, 3, "somebody else's route is not replaced");
  const problem = await waitFor("the problem in the status", async () =>
    (await lab.seenBy("gw1"))?.problems.find(({ code }) => code === "route-not-set"),
  );
  assert.match(problem.message, /"taken" is not there: there is another route/);
  await ip("gw1", ["route", "del", "10.33.0.0/16"]);
  await untilOurs("gw1", ["10.30.0.0/16 via 10.1.0.11 dev lan", "10.33.0.0/16 via 192.0.2.9 dev wan"]);
  await waitFor(
    "no problem any more",
    async () => !(await lab.seenBy("gw1"))?.problems.some(({ code }) => code === "route-not-set"),
  );
});

test("a document without routes leaves none of tocha's", async () => {
  await stopNode(lab.name, "gw2");
  write(plain, "");
  await startNode(lab.name, "gw2");
  await untilOurs("gw2", []);
});
