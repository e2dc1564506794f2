import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DecodeError } from "../../../src/base/decode-error.ts";
import { validIp } from "../../../src/base/ip.ts";
import { seededRandom } from "../../../src/base/prng.ts";
import type { NodeStatus } from "../../../src/contract/status.ts";
import { groupNamesHash } from "../../../src/core/replication/hello.ts";
import { labFolder } from "../../../src/lab/lab-folder.ts";
import { nodeNames, virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { encodeSyncFrame, FLOW_SYNC_VERSION } from "../../../src/wire/flow-sync.ts";
import { decodeAdvertisementFrame, encodeAdvertisementFrame } from "../../../src/wire/vrrp.ts";
import { mutate } from "../../fuzz/mutate.ts";
import { countersThatBegin, TestLab } from "../daemon-node.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { NamespaceAgent } from "../namespace-agent.ts";
import { clientMac, gatewayMac } from "../namespace-frames.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { letTimePass, waitFor } from "../namespace-waiting.ts";

// Bytes of attackers on all sockets of a running cluster. They are counted, and nothing else happens. An advertisement
// that is right in everything is no attack that VRRP could tell: it has no secret (RFC 9568 9).

const SEED = 20_260_101;
const FRAMES = 4_000;
const PULSES = 4_000;
const CONNECTIONS = 60;
const UDP_PAYLOAD = 14 + 20 + 8;
const UDP_CHECKSUM = 14 + 20 + 6;
const PULSE_PORT = 7_845;
const SYNC_PORT = 7_844;
const CONTROL_PORT = 7_846;

let lab: TestLab;
let active: string;
let standby: string;
let watch: NamespaceAddresses;
let client: NamespaceAgent;
/** Among the cables: sends and sees frames as the switch does. */
let net: NamespaceAgent;
const syncAddress = (node: string) => `10.255.0.${node.slice(2)}`;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("th");
  ({ active, standby } = await lab.rolesWhenWell());
  client = new NamespaceAgent(lab.namespace("lan"));
  net = new NamespaceAgent(lab.namespace("net"));
  const namespaces = nodeNames(lab.settings).map((node) => lab.namespace(node));
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
});

after(async () => {
  await client?.close();
  await net?.close();
  await watch?.close();
  await lab?.down();
});

const logs = () => `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;

/** Carries out an attack, waits until both nodes have counted it, and sees that nothing else has happened. */
async function attack(
  options: {
    readonly counters: readonly string[];
    readonly atLeast: number;
    readonly nodes: readonly string[];
  },
  send: () => Promise<unknown>,
): Promise<void> {
  const counted = (status: NodeStatus) =>
    options.counters.reduce((sum, prefix) => sum + countersThatBegin(status, prefix), 0);
  const startedMs = NamespaceAddresses.now();
  const before = new Map<string, NodeStatus>();
  for (const node of [active, standby]) before.set(node, await lab.status(node));
  await send();
  for (const node of options.nodes) {
    const had = counted(before.get(node) as NodeStatus);
    await lab.waitForNode(node, `counting what it refuses (${options.counters.join(", ")})`, (status) => {
      return counted(status) - had >= options.atLeast;
    });
  }
  await lab.waitUntilWell();
  for (const node of [active, standby]) {
    const [was, is] = [before.get(node) as NodeStatus, await lab.status(node)];
    assert.equal(is.role, was.role, `role of ${node}\n${logs()}`);
    assert.equal(is.cause, was.cause);
    assert.deepEqual(is.processes, was.processes, `processes of ${node}: none was started again`);
  }
  assert.deepEqual(watch.since(startedMs), [], "no address has moved");
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Advertisements of both families, mutated; those that say something right about our virtual router are left out. */
function hostileAdvertisements(random: () => number): string[] {
  const valid = [
    { source: "10.1.0.66", addresses: ["10.1.0.1"] },
    { source: "fe80::66", addresses: ["fd00:1::1"] },
  ].map(({ source, addresses }) =>
    encodeAdvertisementFrame({
      sourceMac: clientMac,
      source: validIp(source),
      advertisement: {
        virtualRouterId: 51,
        priority: 254,
        intervalCs: 10,
        addresses: addresses.map(validIp),
      },
    }),
  );
  const frames: string[] = [];
  while (frames.length < FRAMES) {
    const base = valid[frames.length % valid.length] ?? new Uint8Array(0);
    const frame = mutate(random, base);
    // Behind the headers that bring it to the daemon's socket.
    frame.set(base.subarray(0, Math.min(24, frame.length)), 0);
    const packet = decodeAdvertisementFrame(frame);
    if (frame.length > 40 && packet instanceof DecodeError) frames.push(hexOf(frame));
  }
  return frames;
}

test("malformed advertisements on the LAN are counted by both nodes", async () => {
  const frames = hostileAdvertisements(seededRandom(SEED));
  // Packets with a wrong IP length or version may be dropped by the kernel on the way: most must arrive.
  await attack({ counters: ["vrrp-", "ipv4-", "ipv6-"], atLeast: FRAMES / 2, nodes: [active, standby] }, () =>
    client.request({ do: "send-frames", device: "eth0", frames }),
  );
});

test("advertisements of another virtual router are counted", async () => {
  const frame = encodeAdvertisementFrame({
    sourceMac: clientMac,
    source: validIp("10.1.0.66"),
    advertisement: {
      virtualRouterId: 52,
      priority: 254,
      intervalCs: 10,
      addresses: [validIp("10.1.0.1")],
    },
  });
  const frames = Array.from({ length: 1_000 }, () => hexOf(frame));
  await attack({ counters: ["advertisementOfOtherRouterId"], atLeast: 900, nodes: [active, standby] }, () =>
    client.request({ do: "send-frames", device: "eth0", frames }),
  );
});

test("the active node's own advertisements, replayed, are known as its own", async () => {
  const recorded = new Map<string, string>();
  await client.request({ do: "capture", device: "eth0" });
  await waitFor("an advertisement of each family", async () => {
    const { frames } = await client.request({ do: "captured", device: "eth0" });
    for (const hex of frames) {
      const packet = decodeAdvertisementFrame(Buffer.from(hex, "hex"));
      if (packet instanceof DecodeError) continue;
      // From another hardware address: the switch must not believe that the node has moved.
      recorded.set(`IPv${packet.source.length}`, hex.slice(0, 12) + hexOf(clientMac) + hex.slice(24));
    }
    return recorded.size === 2;
  });
  const frames = Array.from({ length: 500 }, () => [...recorded.values()]).flat();
  await attack({ counters: ["advertisementOfOwn"], atLeast: 900, nodes: [active] }, () =>
    client.request({ do: "send-frames", device: "eth0", frames }),
  );
});

/** Frames with pulses, as they pass the switch towards a node. */
async function recordPulses(to: string): Promise<Uint8Array[]> {
  const device = `${to}-sync`;
  const mac = hexOf(gatewayMac(to, "sync"));
  await net.request({ do: "capture", device });
  const pulses: Uint8Array[] = [];
  await waitFor(`pulses to ${to}`, async () => {
    const { frames } = await net.request({ do: "captured", device });
    for (const hex of frames) {
      const frame = Buffer.from(hex, "hex");
      const isPulse = frame[23] === 17 && frame.length > 100 && frame.readUInt16BE(36) === PULSE_PORT;
      if (hex.startsWith(mac) && isPulse) pulses.push(new Uint8Array(frame));
    }
    return pulses.length >= 5;
  });
  for (const pulse of pulses) {
    // Between network cards of one machine the checksum is not filled in; 0 means none (RFC 768).
    pulse.set([0, 0], UDP_CHECKSUM);
  }
  return pulses;
}

test("replayed pulses are stale", async () => {
  for (const node of [active, standby]) {
    const recorded = await recordPulses(node);
    const frames = Array.from({ length: PULSES }, (_, index) =>
      hexOf(recorded[index % recorded.length] ?? new Uint8Array(0)),
    );
    await attack({ counters: ["pulse-stale"], atLeast: PULSES / 2, nodes: [node] }, () =>
      net.request({ do: "send-frames", device: `${node}-sync`, frames }),
    );
  }
});

test("pulses with one wrong bit are forged", async () => {
  const random = seededRandom(SEED);
  for (const node of [active, standby]) {
    const recorded = await recordPulses(node);
    const frames = Array.from({ length: PULSES }, (_, index) => {
      const frame = (recorded[index % recorded.length] ?? new Uint8Array(0)).slice();
      const at = UDP_PAYLOAD + Math.floor(random() * (frame.length - UDP_PAYLOAD));
      frame[at] = (frame[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      return hexOf(frame);
    });
    await attack({ counters: ["pulse-forged"], atLeast: PULSES / 2, nodes: [node] }, () =>
      net.request({ do: "send-frames", device: `${node}-sync`, frames }),
    );
  }
});

test("datagrams of all lengths on the pulse port are forged", async () => {
  const random = seededRandom(SEED);
  const datagrams = Array.from({ length: PULSES }, () => randomHex(random, 1_400));
  const attacker = new NamespaceAgent(lab.namespace(standby));
  try {
    await attack({ counters: ["pulse-forged"], atLeast: PULSES / 2, nodes: [active] }, () =>
      attacker.request({
        do: "send-datagrams",
        localAddress: syncAddress(standby),
        host: syncAddress(active),
        port: PULSE_PORT,
        datagrams,
      }),
    );
  } finally {
    await attacker.close();
  }
});

test("garbage in place of a TLS handshake is refused and counted", async () => {
  const random = seededRandom(SEED);
  const contents = Array.from({ length: CONNECTIONS }, () => randomHex(random, 3_000));
  for (const [from, to] of [
    [standby, active],
    [active, standby],
  ] as const) {
    const attacker = new NamespaceAgent(lab.namespace(from));
    try {
      for (const port of [CONTROL_PORT, SYNC_PORT])
        await attack(
          {
            counters: ["streamsRefused"],
            atLeast: port === SYNC_PORT ? CONNECTIONS / 2 : 0,
            nodes: [to],
          },
          () =>
            attacker.request({
              do: "send-tcp",
              localAddress: syncAddress(from),
              host: syncAddress(to),
              port,
              contents,
            }),
        );
    } finally {
      await attacker.close();
    }
  }
});

test("garbage inside a stream of a node that has a right certificate is malformed, and the real one comes back", async () => {
  const random = seededRandom(SEED);
  for (const [from, to] of [
    [standby, active],
    [active, standby],
  ] as const) {
    const hello = encodeSyncFrame({
      ...({ type: "hello", version: FLOW_SYNC_VERSION, cluster: lab.name, node: from } as const),
      ...{ oldestVersion: FLOW_SYNC_VERSION, flows: 0, groupNames: groupNamesHash(["gateway"]) },
    });
    const contents = Array.from({ length: CONNECTIONS / 3 }, (_, index) => {
      // The length of a frame that is too long, or a frame of no known type; every other one behind a right hello.
      const garbage = index % 4 < 2 ? "ffffffff" : "000000021f00";
      return `${index % 2 === 0 ? hexOf(hello) : ""}${garbage}${randomHex(random, 500)}`;
    });
    // The node accepts 20 streams at once, then 10 a second: what went before must not take these places.
    await letTimePass(2_500);
    const attacker = new NamespaceAgent(lab.namespace(from));
    try {
      await attack({ counters: ["recordsMalformed"], atLeast: contents.length / 2, nodes: [to] }, () =>
        attacker.request({
          do: "send-tls",
          localAddress: syncAddress(from),
          host: syncAddress(to),
          port: SYNC_PORT,
          keysDirectory: join(labFolder(lab.name), "keys"),
          node: from,
          peer: to,
          contents,
        }),
      );
    } finally {
      await attacker.close();
    }
  }
});

function randomHex(random: () => number, lengthMax: number): string {
  const bytes = Uint8Array.from({ length: Math.floor(random() * lengthMax) + 1 }, () => random() * 256);
  return hexOf(bytes);
}
