/**
 * An etcd that nodes must not believe, or that does not believe them: for two nodes that do not hear each other it is none at all. Needs
 * root, etcd-server, openssl and curl.
 */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { arbiterKey } from "../../src/core/arbiter/arbiter-messages.ts";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { ArbiterLab } from "./arbiter-lab.ts";
import { TestLab } from "./daemon-node.ts";
import { EtcdServer, type EtcdTls } from "./etcd-server.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

/** The server of the lab, beyond the WAN switch. */
const ETCD_ADDRESS = "192.0.2.9";
const ENDPOINT = `https://${ETCD_ADDRESS}:2379`;
const NODES = ["gw1", "gw2"] as const;
const LEASE_SECONDS = 2;
/** In a third of the lease and a second the one that lost would have stepped down. */
const OUTLAST_MS = 1_000 * (LEASE_SECONDS + 1);

interface Refusal {
  readonly what: string;
  readonly tls: EtcdTls;
  readonly says: RegExp;
}

const stranger: Refusal = {
  what: "a certificate that another authority of the same name has signed",
  tls: { certificate: "stranger", asksClients: false },
  says: /: (unable to verify the first certificate|certificate signature failure)/,
};
const asking: Refusal = {
  what: "an etcd that wants a certificate of its clients",
  tls: { certificate: "server", asksClients: true },
  says: /bad certificate|certificate required/,
};
/** The nodes show no certificate of their own. */
const refusals: readonly Refusal[] = [
  stranger,
  {
    what: "a certificate for another address, which names this one as if it were a name",
    tls: { certificate: "elsewhere", asksClients: false },
    says: /does not match certificate's altnames: IP: 192\.0\.2\.9 is not in the cert's list: 192\.0\.2\.250/,
  },
  asking,
];

let lab: TestLab;
let nodes: ArbiterLab;
let etcd: EtcdServer;
/** What both have logged of their roles since they were parted. */
let changes: readonly string[];

before(async () => {
  await requireNamespaces(["etcd", "openssl", "curl"]);
  lab = await TestLab.up("arbtls", { intervalMs: 100 }, { daemons: false });
  nodes = new ArbiterLab(lab);
  etcd = await EtcdServer.prepare(lab.namespace("wan"), ETCD_ADDRESS);
  appendFileSync(
    documentPath(lab.name),
    etcd.document({ withCertificate: false, leaseSeconds: LEASE_SECONDS }),
  );
  await etcd.restartWith({ certificate: "server", asksClients: false });
  for (const node of NODES) await startNode(lab.name, node);
  await nodes.settledRoles();
  await etcd.restartWith(stranger.tls);
  await nodes.part();
  await Promise.all(NODES.map((node) => lab.waitForNode(node, "active", ({ role }) => role === "active")));
  changes = allChanges();
});

after(async () => {
  await lab?.down();
  await etcd?.remove();
});

function allChanges(): string[] {
  return NODES.flatMap((node) => nodes.changesOf(node));
}

/**
 * Waits until each node cannot use its arbiter, and says why to whoever asks it. Nodes that are parted wait for each other before they
 * answer, so they are asked together, and for everything at once.
 *
 * @returns their roles by then
 */
async function refusedBy(states: Readonly<Record<string, string>>, says: RegExp): Promise<object> {
  const roles = Object.entries(states).map(async ([node, state]) => {
    let last: ClusterStatus | undefined;
    return await waitFor(
      `${node} to be ${state}, and to say ${says}`,
      async () => {
        last = await lab.seenBy(node);
        const own = last?.nodes.find(({ name }) => name === node);
        const group = own?.arbiter?.[0];
        if (group?.reachable !== false || group.state !== state) return undefined;
        const told = toldOf(node, last);
        const isTold =
          told.startsWith(`${node} gets no answer from the arbiter: ${ENDPOINT}: `) && says.test(told);
        return isTold && ([node, own?.role] as const);
      },
      { explain: () => `${JSON.stringify(last)}\n${lab.log(node)}` },
    );
  });
  return Object.fromEntries(await Promise.all(roles));
}

/** What a node tells people of its arbiter: the problem and the hint. */
function toldOf(node: string, status: ClusterStatus | undefined): string {
  const found = status?.problems.find((one) => one.code === "arbiter-unreachable" && one.node === node);
  return found === undefined ? "" : `${found.message}\n${found.hint}`;
}

for (const { what, tls, says } of refusals)
  test(`${what}: the arbiter is unreachable, no key is taken, and no role changes`, async () => {
    const states = { gw1: "unreachable", gw2: "unreachable" };
    await etcd.restartWith(tls);
    await refusedBy(states, says);
    await letTimePass(OUTLAST_MS);
    assert.deepEqual(await refusedBy(states, says), { gw1: "active", gw2: "active" });
    assert.deepEqual(allChanges(), changes);
    const key = await waitFor("etcd to answer the test", () => etcd.key(arbiterKey(lab.name, "gateway")), {
      explain: () => etcd.said,
    });
    assert.equal(key, "none");
  });

test("an etcd that wants a certificate of its clients: people are told which keys of the document name one", async () => {
  await etcd.restartWith(asking.tls);
  const told = await waitFor("gw1 to tell that it was refused", async () => {
    const said = toldOf("gw1", await lab.seenBy("gw1"));
    return asking.says.test(said) && said;
  });
  for (const key of ["certificateFile", "keyFile"]) assert.ok(told.includes(key), `${key}: ${told}`);
});

test("it is the certificates and nothing else: with the right one it breaks the tie, and the stranger then changes nothing", async () => {
  await etcd.restartWith({ certificate: "server", asksClients: false });
  const holder = await waitFor("one of the nodes to hold the key", async () => {
    const said = await Promise.all(NODES.map((node) => lab.tryStatus(node)));
    return NODES.find((_, index) => said[index]?.arbiter?.[0]?.state === "held");
  });
  const other = holder === "gw1" ? "gw2" : "gw1";
  await lab.waitForNode(other, "down", ({ role, arbiter }) => {
    return role === "fault" && arbiter?.[0]?.state === "lost";
  });
  changes = allChanges();

  await etcd.restartWith(stranger.tls);
  const states = { [holder]: "unreachable", [other]: "lost" };
  await refusedBy(states, stranger.says);
  await letTimePass(OUTLAST_MS);
  assert.deepEqual(await refusedBy(states, stranger.says), { [holder]: "active", [other]: "fault" });
  assert.deepEqual(allChanges(), changes);
});
