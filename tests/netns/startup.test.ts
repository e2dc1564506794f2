import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { initKeys, issueKeys } from "../../src/keys/key-files.ts";
import { documentPath, labFolder, nodeFolder } from "../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { countersThatBegin, TestDaemon, TestLab } from "./daemon-node.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// Daemons that must not start, and nodes that must not trust each other.

const SERVICE_PORT = 7_007;
/** The exit status for wrong input, and for a node that runs already. */
const EXIT_REFUSED = 2;

let lab: TestLab;
let watch: NamespaceAddresses;
let server: NamespaceAgent;
let client: NamespaceAgent;
let daemons: TestDaemon[] = [];
/** Of the next connection: tables keep those of earlier tests. */
let clientPort = 33_000;

before(async () => {
  await requireNamespaces(["conntrack"]);
  lab = await TestLab.up("ts", {}, { daemons: false });
  const namespaces = ["gw1", "gw2"].map((node) => lab.namespace(node));
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
  server = new NamespaceAgent(lab.namespace("wan"));
  client = new NamespaceAgent(lab.namespace("lan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
});

after(async () => {
  await client?.close();
  await server?.close();
  await watch?.close();
  await lab?.down();
});

function start(node: string, config = documentPath(lab.name), runDirectory = nodeFolder(lab.name, node)) {
  return new TestDaemon({ namespace: lab.namespace(node), config, node, runDirectory });
}

/** Another document in the lab's folder: the lab's own one, changed. */
function writeDocument(name: string, change: (text: string) => string): string {
  const file = join(labFolder(lab.name), name);
  const text = readFileSync(documentPath(lab.name), "utf8");
  const changed = change(text);
  assert.notEqual(changed, text);
  writeFileSync(file, changed);
  return file;
}

const said = () => daemons.map((daemon) => daemon.said).join("\n----\n");

/** Two nodes that do not trust each other still keep the addresses apart, for VRRP has no secret. */
async function assertNothingIsReplicated(): Promise<void> {
  const [active, other] = await waitFor(
    "one of the nodes to become active",
    async () => {
      const first = await lab.tryStatus("gw1");
      const second = await lab.tryStatus("gw2");
      if (first?.role === "active" && second?.role === "standby") return ["gw1", "gw2"] as const;
      if (first?.role === "standby" && second?.role === "active") return ["gw2", "gw1"] as const;
      return undefined;
    },
    { explain: said },
  );
  await watch.waitForSoleHolder(lab.namespace(active), said);
  const localPort = clientPort++;
  const answer = await client.request({
    do: "ask",
    protocol: "tcp",
    host: "192.0.2.9",
    port: SERVICE_PORT,
    localPort,
    keep: true,
  });
  assert.deepEqual(answer, { seen: "192.0.2.1" });
  await lab.waitForNode(
    active,
    "refusing the pulses of the other",
    (status) => countersThatBegin(status, "pulse-forged") > 5,
  );
  const standby = await lab.status(other);
  assert.ok(countersThatBegin(standby, "pulse-forged") > 0, "the other refuses too");
  assert.equal(standby.replication.complete, false);
  assert.equal(standby.counters["flowsCreated"], 0);
  for (const node of [active, other]) {
    const { replication } = await lab.status(node);
    const live = replication.streams.filter((stream) => /^(copying|live|purging|idle)$/.test(stream.state));
    assert.deepEqual(live, [], `${node} has no stream that works`);
  }
  const copied = (await lab.flows(other)).filter((line) => line.includes(`sport=${localPort} `));
  assert.deepEqual(copied, [], `the table of ${other}`);
  const own = (await lab.flows(active)).filter((line) => line.includes(`sport=${localPort} `));
  assert.notEqual(own.length, 0, `the table of ${active} has the connection`);
}

test("a second daemon with the same run folder is refused with exit status 2", async () => {
  const first = start("gw1");
  daemons.push(first);
  await lab.waitForNode("gw1", "in the election", ({ role }) => role === "standby" || role === "active");
  const before = await lab.processOf("gw1", "supervisor");
  const second = start("gw1");
  assert.equal(await second.exitStatus(), EXIT_REFUSED);
  assert.match(second.said, /already/);
  assert.deepEqual(await lab.processOf("gw1", "supervisor"), before, "the first goes on");
});

test("a node whose certificate is of another authority does not start", async () => {
  const keys = join(labFolder(lab.name), "keys");
  const mixed = join(labFolder(lab.name), "mixed-keys");
  await initKeys(mixed);
  for (const name of ["gw1.crt", "gw1.key", "cluster.key"]) copyFileSync(join(keys, name), join(mixed, name));
  const config = writeDocument("mixed.yaml", (text) =>
    text.replace("directory: keys", "directory: mixed-keys"),
  );
  const daemon = start("gw1", config);
  assert.equal(await daemon.exitStatus(), EXIT_REFUSED);
  assert.match(daemon.said, /gw1\.crt.*not signed by/s);
});

test("nodes with keys of different clusters refuse each other's pulses and streams", async () => {
  const foreign = join(labFolder(lab.name), "foreign-keys");
  mkdirSync(foreign, { recursive: true });
  await initKeys(foreign);
  await issueKeys(foreign, "gw2");
  const config = writeDocument("foreign.yaml", (text) =>
    text.replace("directory: keys", "directory: foreign-keys"),
  );
  daemons = [start("gw1"), start("gw2", config)];
  await assertNothingIsReplicated();
  await waitFor("both to write down whom they refused", () =>
    daemons.every((daemon) => /refused a stream|no stream to/.test(daemon.said)),
  );
  const refused = await Promise.all(["gw1", "gw2"].map((node) => lab.status(node)));
  assert.ok(
    refused.every((status) => (status.counters["streamsRefused"] ?? 0) > 0),
    "refused streams are counted",
  );
});

test("nodes of different clusters with the same keys refuse each other", async () => {
  const config = writeDocument("other-name.yaml", (text) =>
    text.replace(/^cluster: .*$/m, "cluster: another"),
  );
  daemons = [start("gw1"), start("gw2", config)];
  await assertNothingIsReplicated();
  await waitFor("a reason that names the cluster", () => daemons.some(({ said }) => /another/.test(said)), {
    explain: said,
  });
});

test("streams that are older than the rules are not tracked by conntrack for long", async () => {
  // Rules of somebody else make the kernel track connections before the daemon's own are there.
  const others =
    "add table inet others; add chain inet others c { type filter hook input priority 0; }; add rule inet others c ct state new";
  const inNode = (node: string, ...args: string[]) =>
    runCommand("ip", ["netns", "exec", lab.namespace(node), ...args]);
  for (const node of ["gw1", "gw2"]) {
    await inNode(node, "nft", "flush", "ruleset");
    await inNode(node, "nft", others);
  }
  daemons = ["gw1", "gw2"].map((node) => start(node));
  for (const node of ["gw1", "gw2"]) {
    await lab.waitForNode(
      node,
      "complete, with its streams",
      ({ role, replication }) =>
        (role === "active" || role === "standby") &&
        replication.complete &&
        replication.streams.every(({ connected }) => connected),
    );
    const control = (await lab.flows(node)).filter((line) => /tcp.*dport=784[46]/.test(line));
    assert.deepEqual(control, [], node);
  }
});
