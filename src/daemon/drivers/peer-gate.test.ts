import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { Agent } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { edited, parsed } from "../../core/config/changes.test-data.ts";
import { pairDocument } from "../../core/config/plans.test-data.ts";
import { initKeys, issueKeys } from "../../keys/key-files.ts";
import { type NodeSettings, nodeSettings } from "../node-settings.ts";
import { listenForPeers } from "./control-server.ts";
import { KeyRing } from "./key-ring.ts";
import type { Caller } from "./operation-dispatch.ts";
import { askPeer, type PeerAnswer } from "./peer-client.ts";
import { PeerGate } from "./peer-gate.ts";

// A real listener and real certificates, on the loopback interface; the document that applies is changed meanwhile.

const withThird = edited(
  pairDocument,
  {
    path: ["nodes", "gw3"],
    value: {
      interfaces: {
        lan: { device: "eth0", addresses: ["10.1.0.4/24"] },
        wan: { device: "eth1", addresses: ["192.0.2.4/24"] },
        sync: { device: "eth2", addresses: ["10.255.0.3/24"] },
      },
    },
  },
  { path: ["groups", "main", "priorities", "gw3"], value: 90 },
);

let folder = "";
let server: Server;
let applies: NodeSettings;
const callers: Caller[] = [];
const log: string[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-gate-"));
  await initKeys(folder, "gw1");
  for (const node of ["gw2", "gw3"]) await issueKeys(folder, node);
  applies = settingsOf("gw1", withThird);
  server = listenForPeers({
    ...{ address: "127.0.0.1", port: 0, ring: new KeyRing(applies) },
    gate: new PeerGate(
      () => applies,
      (_level, text) => log.push(text),
    ),
    handle: async ({ caller }) => {
      callers.push(caller);
      return { ok: true };
    },
    onError: assert.fail,
  });
  await once(server, "listening");
});

after(() => {
  agent.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

function settingsOf(node: string, text: string): NodeSettings {
  const document = parsed(text.replace("replication:", `keys: { directory: ${folder} }\nreplication:`));
  const place = { configFile: join(folder, "cluster.yaml"), runDirectory: folder, stateDirectory: folder };
  return nodeSettings({ document, node, ...place }, []);
}

/** Asked by a node, which has the document with all three, over a connection that it keeps. */
async function ask(node: string): Promise<PeerAnswer> {
  const settings = settingsOf(node, withThird);
  const { port } = server.address() as AddressInfo;
  return await askPeer({
    settings: {
      ...settings,
      sync: { ...settings.sync, address: "127.0.0.1" },
      ports: { ...settings.ports, control: port },
    },
    ...{ ring: new KeyRing(settings), method: "GET", path: "/v1/config/state", limitMs: 10_000, agent },
    peer: { name: "gw1", syncAddress: "127.0.0.1", addresses: [] },
  });
}

test("a node may ask as long as the document that applies has it, and not a moment longer, also over a connection that is there", async () => {
  assert.equal((await ask("gw3")).status, 200);
  assert.deepEqual(callers.splice(0), [{ kind: "node", name: "gw3" }]);

  applies = settingsOf("gw1", pairDocument);
  for (let count = 0; count < 2; count++) {
    const { status, body } = await ask("gw3");
    assert.equal(status, 403);
    assert.deepEqual(body, {
      code: "node-not-in-document",
      message: "the document that applies on gw1 has no node gw3",
      hint: "If gw3 was removed: stop tocha there. If it joins: tocha config apply on gw1, with a document that has it.",
    });
  }
  assert.deepEqual(callers, [], "nothing of it was looked at");
  assert.deepEqual(log, [
    "gw3 has a certificate of the cluster, and is refused: the document that applies on gw1 has no node gw3",
  ]);
});

test("a machine that joins may ask once a document with it applies, without a new listener", async () => {
  applies = settingsOf("gw1", pairDocument);
  assert.equal((await ask("gw3")).status, 403);
  applies = settingsOf("gw1", withThird);
  assert.equal((await ask("gw3")).status, 200);
  assert.deepEqual(callers.splice(0), [{ kind: "node", name: "gw3" }]);
});
