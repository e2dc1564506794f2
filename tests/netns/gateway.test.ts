import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import {
  ACK,
  clientMac,
  FIN,
  gatewayMac,
  PSH,
  RST,
  readSegment,
  type Segment,
  SYN,
  segmentFrame,
  serverMac,
} from "./namespace-frames.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

// The rules of a gateway under real packets.

const SERVICE_PORT = 7_007;
/** A port that nothing listens on, anywhere. */
const CLOSED_PORT = 40_404;
/** Ten pulses and advertisements, two heartbeats of the streams. */
const QUIET_MS = 1_000;

const families = [
  { name: "IPv4", server: "192.0.2.9", client: "10.1.0.10", virtual: "192.0.2.1", own: "192.0.2.%" },
  { name: "IPv6", server: "2001:db8::9", client: "fd00:1::10", virtual: "2001:db8::1", own: "2001:db8::%" },
] as const;

let lab: TestLab;
let active: string;
let standby: string;
let client: NamespaceAgent;
let server: NamespaceAgent;
let gateway: NamespaceAgent;

before(async () => {
  await requireNamespaces(["conntrack", "nft"]);
  lab = await TestLab.up("tg");
  ({ active, standby } = await lab.rolesWhenWell());
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  gateway = new NamespaceAgent(lab.namespace(active));
  await server.request({ do: "serve", port: SERVICE_PORT });
  await server.request({ do: "capture", device: "eth0" });
});

after(async () => {
  await client?.close();
  await server?.close();
  await gateway?.close();
  await lab?.down();
});

/** A node's own address beside the virtual one: gw1 has .2, gw2 has .3. */
function ownAddress(pattern: string, node: string): string {
  return pattern.replace("%", String(Number(node.slice(2)) + 1));
}

/** The TCP segments that have reached or left the server since the last call. */
async function segmentsAtServer(): Promise<Segment[]> {
  const { frames } = await server.request({ do: "captured", device: "eth0" });
  return frames.flatMap((frame) => readSegment(frame) ?? []);
}

/** Packets that the drop rules of a chain have counted. */
async function dropped(node: string, chain: string): Promise<number> {
  const text = await runCommand("ip", [
    ...["netns", "exec", lab.namespace(node), "nft", "list", "chain", "inet", "tocha", chain],
  ]);
  return [...text.matchAll(/counter packets (\d+) bytes \d+ drop/g)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}

for (const { name, server: host, virtual } of families) {
  for (const protocol of ["tcp", "udp"] as const) {
    test(`${protocol} over ${name} from the LAN is translated to the virtual address`, async () => {
      const answer = await client.request({ do: "ask", protocol, host, port: SERVICE_PORT });
      assert.deepEqual(answer, { seen: virtual });
    });
  }
}

const stray = [ACK, PSH | ACK, FIN | ACK, SYN | ACK, FIN, 0];

for (const { name, server: source, virtual, own } of families) {
  for (const which of ["active", "standby"] as const) {
    test(`${name} segments to the virtual address without a connection: the ${which} node never answers`, async () => {
      const node = which === "active" ? active : standby;
      const mac = gatewayMac(node, "wan");
      const segment = (destination: string, sourcePort: number, flags: number) =>
        segmentFrame(mac, serverMac, {
          source,
          sourcePort,
          destination,
          destinationPort: CLOSED_PORT,
          flags,
        });
      const ports = stray.map((_, index) => 30_000 + index);
      const before = await dropped(node, "own-in");
      await segmentsAtServer();
      await server.request({
        do: "send-frames",
        device: "eth0",
        frames: stray.map((flags, index) => segment(virtual, 30_000 + index, flags)),
      });
      // The same to the node's own address is answered with RST, and that comes after any answer to the others.
      await server.request({
        do: "send-frames",
        device: "eth0",
        frames: [segment(ownAddress(own, node), 30_100, ACK)],
      });
      const seen: Segment[] = [];
      await waitFor("the RST to a segment to the node's own address", async () => {
        seen.push(...(await segmentsAtServer()));
        return seen.some((one) => one.destinationPort === 30_100 && (one.flags & RST) !== 0);
      });
      assert.deepEqual(
        seen.filter((one) => ports.includes(one.destinationPort)),
        [],
        "answers to segments without a connection",
      );
      if (which === "active") assert.equal((await dropped(node, "own-in")) - before, stray.length);
    });
  }
}

for (const { name, server: destination, client: source } of families) {
  test(`${name} segments from the LAN without a connection are not forwarded`, async () => {
    const before = await dropped(active, "forwarded");
    await segmentsAtServer();
    const strays = stray.filter((flags) => flags !== 0);
    await client.request({
      do: "send-frames",
      device: "eth0",
      frames: strays.map((flags, index) =>
        segmentFrame(gatewayMac(active, "lan"), clientMac, {
          source,
          sourcePort: 31_000 + index,
          destination,
          destinationPort: CLOSED_PORT,
          flags,
        }),
      ),
    });
    // What begins a connection goes the same way, behind them.
    const answer = await client.request({
      do: "ask",
      protocol: "tcp",
      host: destination,
      port: SERVICE_PORT,
    });
    assert.ok("seen" in answer, JSON.stringify(answer));
    const seen = await segmentsAtServer();
    assert.notEqual(seen.length, 0);
    assert.deepEqual(
      seen.filter((one) => one.destinationPort === CLOSED_PORT),
      [],
    );
    assert.equal((await dropped(active, "forwarded")) - before, strays.length);
  });
}

test("what the nodes say to each other has no entries in the connection tables", async () => {
  // The kernel begins to track while the rules are being loaded, a moment before the first of them counts: a pulse may
  // have been tracked then.
  for (const node of [active, standby])
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "conntrack", "-F"]);
  await letTimePass(QUIET_MS);
  await lab.waitUntilWell();
  for (const node of [active, standby]) {
    const flows = [...(await lab.flows(node, "ipv4")), ...(await lab.flows(node, "ipv6"))];
    const control = flows.filter((line) =>
      /10\.255\.0\.|port=784[456]\b|^unknown +112|^vrrp|224\.0\.0\.18|ff02::12/.test(line),
    );
    assert.deepEqual(control, [], node);
  }
});

test("a connection of the node itself is not copied to the standby, a forwarded one is", async () => {
  for (const { server: host, own, virtual } of families) {
    const ask = { do: "ask", protocol: "tcp", host, port: SERVICE_PORT, keep: true } as const;
    const itself = await gateway.request({ ...ask, localPort: 32_001 });
    assert.deepEqual(itself, { seen: ownAddress(own, active) });
    const forwarded = await client.request({ ...ask, localPort: 32_002 });
    assert.deepEqual(forwarded, { seen: virtual });
  }
  for (const family of ["ipv4", "ipv6"] as const) {
    // The order of changes is kept: when the later one is there, the earlier one would be.
    const flows = await waitFor("the forwarded connection on the standby", async () => {
      const copied = await lab.flows(standby, family);
      return copied.some((line) => line.includes("sport=32002 ")) ? copied : undefined;
    });
    assert.deepEqual(
      flows.filter((line) => line.includes("sport=32001 ")),
      [],
    );
  }
});
