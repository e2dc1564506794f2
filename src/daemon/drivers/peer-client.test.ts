import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parsed } from "../../core/config/changes.test-data.ts";
import { pairDocument } from "../../core/config/plans.test-data.ts";
import { initKeys, issueKeys } from "../../keys/key-files.ts";
import { type NodeSettings, nodeSettings } from "../node-settings.ts";
import { KeyRing } from "./key-ring.ts";
import { askPeer } from "./peer-client.ts";

let folder = "";
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-peer-"));
  await initKeys(folder, "gw1");
  await issueKeys(folder, "gw2");
});
after(() => rmSync(folder, { recursive: true }));

function settingsOf(node: string): NodeSettings {
  const document = parsed(
    pairDocument.replace("replication:", `keys: { directory: ${folder} }\nreplication:`),
  );
  const place = { configFile: join(folder, "cluster.yaml"), runDirectory: folder, stateDirectory: folder };
  return nodeSettings({ document, node, ...place }, []);
}

async function ask(port: number, connectLimitMs: number) {
  const settings = settingsOf("gw1");
  return await askPeer({
    settings: {
      ...settings,
      sync: { ...settings.sync, address: "127.0.0.1" },
      ports: { ...settings.ports, control: port },
    },
    ...{
      ring: new KeyRing(settings),
      method: "GET",
      path: "/v1/config/state",
      limitMs: 60_000,
      connectLimitMs,
    },
    peer: { name: "gw2", syncAddress: "127.0.0.1", addresses: [] },
  });
}

test("whoever takes the connection is waited for, longer than one who does not", async () => {
  const limitMs = 200;
  const { tls } = new KeyRing(settingsOf("gw2"));
  const server = createServer(tls, async (_request, response) => {
    await sleep(2 * limitMs);
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    assert.equal((await ask((server.address() as AddressInfo).port, limitMs)).status, 200);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("whoever does not take the connection is away", async () => {
  // A stopped process with a full queue: its kernel drops what asks for a connection, as a machine without power would.
  const program =
    "const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))";
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const waiting = [];
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(line.toString());
    child.kill("SIGSTOP");
    for (let count = 0; count < 8; count++) waiting.push(connect(port, "127.0.0.1").on("error", () => {}));
    await once(waiting[0] ?? child, "connect");
    await assert.rejects(ask(port, 300), /gw2 does not take a connection/);
  } finally {
    for (const socket of waiting) socket.destroy();
    child.kill("SIGKILL");
  }
});
