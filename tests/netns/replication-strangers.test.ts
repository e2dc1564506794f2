/** Peers that this node must not replicate to, or from: of another release, with a wrong certificate, or too many. Needs root. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeNodeCertificate } from "../../src/keys/certificates.ts";
import { initKeys, issueKeys } from "../../src/keys/key-files.ts";
import { nodeKeyFileNames } from "../../src/keys/read-keys.ts";
import { labFolder } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { FLOW_SYNC_VERSION, type SyncFrame } from "../../src/wire/flow-sync.ts";
import type { TestLab } from "./daemon-node.ts";
import { LabUnderTraffic } from "./lab-under-traffic.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";

const SYNC_PORT = 7_844;
const DAY_MS = 86_400_000;
const program = fileURLToPath(new URL("sync-peer-program.ts", import.meta.url));

const traffic = new LabUnderTraffic("strangers", { connections: 24, prepare: makeKeys });
let lab: TestLab;
let active: string;
let standby: string;
/** Folders with keys: of the lab, of another authority, and of the lab's authority, but out of date. */
let keys: string;
let foreignKeys: string;
let expiredKeys: string;

beforeEach(() => {
  ({ lab, active, standby } = traffic);
});

async function makeKeys({ name }: TestLab): Promise<void> {
  keys = join(labFolder(name), "keys");
  await issueKeys(keys, "gw9");
  foreignKeys = join(labFolder(name), "foreign-keys");
  await initKeys(foreignKeys, "gw1");
  await issueKeys(foreignKeys, "gw2");
  expiredKeys = join(labFolder(name), "expired-keys");
  await makeExpiredKeys(expiredKeys);
}

async function makeExpiredKeys(directory: string): Promise<void> {
  mkdirSync(directory);
  copyFileSync(join(keys, "ca.crt"), join(directory, "ca.crt"));
  const authority = {
    certificate: readFileSync(join(keys, "ca.crt"), "utf8"),
    privateKey: readFileSync(join(keys, "ca.key"), "utf8"),
  };
  const now = Date.now();
  for (const node of ["gw1", "gw2"]) {
    const valid = { notBefore: new Date(now - 9 * DAY_MS), notAfter: new Date(now - 8 * DAY_MS) };
    const pair = await makeNodeCertificate(node, authority, valid);
    const names = nodeKeyFileNames(node);
    writeFileSync(join(directory, names.certificate), pair.certificate);
    writeFileSync(join(directory, names.privateKey), pair.privateKey);
  }
}

const syncAddress = (node: string) => `10.255.0.${node.slice(2)}`;

/** Says hello to the active node from the standby's address. @returns what it was answered */
async function greet(options: { keys: string; node: string; version?: number }): Promise<SyncFrame[]> {
  const text = await runCommand("ip", [
    ...["netns", "exec", lab.namespace(standby), process.execPath, program, "greet"],
    ...[syncAddress(standby), syncAddress(active), options.keys, options.node],
    ...[String(options.version ?? FLOW_SYNC_VERSION), lab.name],
  ]);
  return JSON.parse(text) as SyncFrame[];
}

/** A sink in the standby's place, while its daemon is stopped. */
async function serve(options: { keys: string; node: string; version?: number }): Promise<ChildProcess> {
  const child = spawn(
    "ip",
    [
      ...["netns", "exec", lab.namespace(standby), process.execPath, program, "serve", syncAddress(standby)],
      ...[options.keys, options.node, String(options.version ?? FLOW_SYNC_VERSION), lab.name],
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, [outsiderMark]: "1" } },
  );
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return child;
}

for (const version of [1, 99]) {
  test(`a source that speaks version ${version} only is refused with a reason, and the log has it`, async () => {
    const answers = await greet({ keys, node: standby, version });
    const reason = `${standby} speaks flow-sync version ${version}, this node version ${FLOW_SYNC_VERSION}: install the same release on both`;
    assert.deepEqual(answers, [{ type: "refuse", reason }]);
    // It goes through the supervisor, and may get there after the answer.
    await waitFor("the log to have it", () => lab.log(active).includes(reason), {
      explain: () => lab.log(active),
    });
    await lab.waitUntilWell();
  });
}

test("sinks of another release or with a wrong certificate: status of the source says why there is no stream", async () => {
  const strangers = [
    { keys, node: standby, version: 1, says: /speaks flow-sync version 1, this node version 2/ },
    { keys, node: standby, version: 99, says: /speaks flow-sync version 99, this node version 2/ },
    { keys: foreignKeys, node: standby, says: /certificate/ },
    { keys: expiredKeys, node: standby, says: /certificate has expired/ },
    { keys, node: "gw9", says: new RegExp(`${standby}.tocha.*does not match|altnames`) },
  ];
  await stopNode(lab.name, standby);
  try {
    for (const { says, ...stranger } of strangers) {
      const server = await serve(stranger);
      try {
        await lab.waitForNode(active, `saying ${says}`, ({ replication }) =>
          replication.streams.some(({ direction, state, complete }) => {
            assert.notEqual(complete, true);
            return direction === "to" && says.test(state);
          }),
        );
      } finally {
        server.kill("SIGKILL");
        await once(server, "close");
      }
    }
  } finally {
    await startNode(lab.name, standby);
  }
  await lab.waitUntilWell();
});

test("sources with a wrong certificate are refused, counted and logged", async () => {
  const strangers = [
    { keys: foreignKeys, node: standby, says: /its certificate: \S*(SELF_SIGNED|UNABLE|SIGNATURE)/ },
    { keys: expiredKeys, node: standby, says: /its certificate: CERT_HAS_EXPIRED/ },
    { keys, node: "gw9", says: /is not that of a node of this cluster/ },
    { keys, node: active, says: /is not that of a node of this cluster/ },
  ];
  for (const { says, ...stranger } of strangers) {
    const { streamsRefused: before = 0 } = (await lab.status(active)).counters;
    const logged = lab.log(active).length;
    // Refusals are logged every five seconds at most.
    await waitFor(`the log to say ${says}`, async () => {
      assert.deepEqual(await greet(stranger), [], "it is answered nothing");
      return says.test(lab.log(active).slice(logged));
    });
    const { streamsRefused: now = 0 } = (await lab.status(active)).counters;
    assert.ok(now > before, "it is counted");
    assert.equal((await lab.waitUntilWell()).activeNode, active, "the real stream stands");
  }
});

test("too many connections in a short time are refused and counted; the stream of the real node stands", async () => {
  const attacker = new NamespaceAgent(lab.namespace(standby));
  const logged = lab.log(active).length;
  const { streamsRefused: before = 0 } = (await lab.status(active)).counters;
  const { records: streamBefore } = (await lab.status(active)).replication.streams[0] ?? { records: 0 };
  try {
    await waitFor("the log to say so", async () => {
      await attacker.request({
        do: "send-tcp",
        ...{ localAddress: syncAddress(standby), host: syncAddress(active), port: SYNC_PORT },
        contents: Array.from({ length: 100 }, () => "00"),
      });
      return /too many connections in a short time/.test(lab.log(active).slice(logged));
    });
  } finally {
    await attacker.close();
  }
  const status = await lab.status(active);
  assert.ok((status.counters["streamsRefused"] ?? 0) >= before + 50);
  assert.ok((status.replication.streams[0]?.records ?? 0) >= streamBefore);
  await lab.waitUntilWell();
});
