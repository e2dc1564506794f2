import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { formatIp, parseNetwork, validIp } from "../../src/base/ip.ts";
import { parseIpRange } from "../../src/base/ip-range.ts";
import { PortBlocks } from "../../src/contract/port-blocks.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import type { TestLab } from "./daemon-node.ts";
import { icmp, icmpFrames } from "./icmp-frames.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { at, HOST_PORT, NatLab, poolAddresses, pooled, poor, SERVER_PORT, subscribers } from "./nat-lab.ts";

// Every kind of translation under real packets: port forwards, hairpin, one to one, pools, and blocks of ports for subscribers.

const blocks = new PortBlocks({
  subscribers: [parseNetwork("10.77.0.0/24") ?? assert.fail()],
  pool: [parseIpRange("203.0.113.0/28") ?? assert.fail()],
  portsPerSubscriber: 4_032,
  firstPort: 1_024,
});

let nat: NatLab;
let lab: TestLab;
let client: NamespaceAgent;
let host: NamespaceAgent;
let server: NamespaceAgent;

before(async () => {
  await requireNamespaces(["conntrack", "nft"]);
  nat = await NatLab.up("nt");
  lab = nat.lab;
  client = new NamespaceAgent(lab.namespace("lan"));
  host = new NamespaceAgent(nat.host);
  server = new NamespaceAgent(lab.namespace("wan"));
  for (const port of [HOST_PORT, HOST_PORT - 7, HOST_PORT - 5]) await host.request({ do: "serve", port });
  await server.request({ do: "serve", port: SERVER_PORT, ports: true });
  await server.request({ do: "capture", device: "eth0" });
  await client.request({ do: "capture", device: "eth0" });
});

after(async () => {
  await Promise.all([client, host, server].map((agent) => agent?.close()));
  await nat?.down();
});

type Question = {
  readonly host: string;
  readonly port: number;
  readonly protocol?: "tcp" | "udp";
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly keep?: boolean;
};

/** Who the other end thinks that it talks to, or that there was no answer. */
async function ask(agent: NamespaceAgent, { protocol = "tcp", ...question }: Question): Promise<string> {
  const answer = await agent.request({ do: "ask", protocol, ...question });
  return "seen" in answer ? answer.seen : "no answer";
}

describe("port forwards", () => {
  for (const protocol of ["tcp", "udp"] as const) {
    test(`${protocol} from outside reaches the host, which sees who asks`, async () => {
      assert.equal(await ask(server, { protocol, host: at.outside, port: 8_080 }), at.server);
      assert.equal(await ask(server, { protocol, host: at.outside6, port: 8_080 }), at.server6);
    });

    test(`${protocol} from behind the gateway reaches it by the outside address (hairpin)`, async () => {
      assert.equal(await ask(client, { protocol, host: at.outside, port: 8_080 }), at.outside);
      assert.equal(await ask(client, { protocol, host: at.outside6, port: 8_080 }), at.outside6);
    });
  }

  test("hairpin goes on working: nobody is led past the gateway by a redirect", async () => {
    // The kernel sends fewer and fewer of them: everything since the first packet counts.
    for (let i = 0; i < 10; i++)
      assert.equal(await ask(client, { host: at.outside, port: 8_080, protocol: "udp" }), at.outside);
    const { frames } = await client.request({ do: "captured", device: "eth0" });
    assert.notEqual(frames.length, 0);
    assert.deepEqual(icmpFrames(frames, icmp.redirect), [], "redirects (RFC 792)");
    // The node has the kernel's setting: it would send them, but for translated connections the kernel drops them.
    assert.ok((await redirectsMade("gw1")) > 0);
  });

  test("each port of a range goes to its own", async () => {
    // HOST_PORT - 7 and HOST_PORT - 5 answer, and the one between them does not.
    assert.equal(await ask(server, { host: at.outside, port: 9_000 }), at.server);
    assert.equal(await ask(server, { host: at.outside, port: 9_002 }), at.server);
    assert.equal(await ask(server, { host: at.outside, port: 9_001 }), "no answer");
  });

  test("one that is for some networks is for these alone", async () => {
    assert.equal(
      await ask(server, { host: at.outside, port: 8_081, localAddress: at.otherServer }),
      at.otherServer,
    );
    assert.equal(await ask(server, { host: at.outside, port: 8_081 }), "no answer");
    assert.equal(await ask(client, { host: at.outside, port: 8_081 }), "no answer");
  });

  test("one without hairpin is for who comes from outside", async () => {
    assert.equal(await ask(server, { host: at.outside, port: 8_082 }), at.server);
    assert.equal(await ask(client, { host: at.outside, port: 8_082 }), "no answer");
  });

  test("an address of a routed network can be forwarded, too", async () => {
    assert.equal(await ask(server, { host: "203.0.113.41", port: 8_080 }), at.server);
    assert.equal(await ask(client, { host: "203.0.113.41", port: 8_080 }), "203.0.113.41");
  });

  test("what a routed network gets for nobody is dropped, once", async () => {
    const comment = "an outside address that nobody has";
    const before = await nat.counted("gw1", "forwarded", comment);
    await server.request({
      ...{ do: "send-datagrams", localAddress: at.server, host: at.nobody, port: 9, datagrams: ["00"] },
    });
    await waitFor(
      "the datagram to be dropped",
      async () => (await nat.counted("gw1", "forwarded", comment)) > before,
    );
    await letTimePass(200);
    assert.equal(await nat.counted("gw1", "forwarded", comment), before + 1, "and did not come again");
  });
});

describe("one to one", () => {
  for (const protocol of ["tcp", "udp"] as const) {
    test(`${protocol} works in both directions, and between hosts behind the gateway`, async () => {
      assert.equal(await ask(server, { protocol, host: at.hostOutside, port: HOST_PORT }), at.server);
      const [seen] = (await ask(host, { protocol, host: at.server, port: SERVER_PORT })).split(" ");
      assert.equal(seen, at.hostOutside);
      assert.equal(await ask(client, { protocol, host: at.hostOutside, port: HOST_PORT }), at.hostOutside);
    });
  }

  test("the host itself appears with its own outside address, by hairpin too", async () => {
    assert.equal(await ask(host, { host: at.outside, port: 8_080 }), at.hostOutside);
  });

  test("a network is translated address by address", async () => {
    assert.equal(await ask(server, { host: at.labOutside, port: HOST_PORT }), at.server);
    const seen = await ask(host, {
      host: at.server,
      port: SERVER_PORT,
      localAddress: at.lab,
      localPort: 5_555,
    });
    assert.equal(seen, `${at.labOutside} 5555`);
    assert.equal(await ask(client, { host: at.labOutside, port: HOST_PORT }), at.labOutside);
    assert.equal(await ask(server, { host: "203.0.113.54", port: HOST_PORT }), "no answer");
  });

  test("pings go both ways", async () => {
    await ping(lab.namespace("wan"), at.hostOutside);
    await ping(nat.host, at.server);
  });
});

describe("pools", () => {
  test("a source has one address of the pool, whatever it connects to, and all of them are used", async () => {
    const seen = new Map<string, Set<string>>();
    for (const localAddress of pooled) {
      const questions = [
        { protocol: "tcp", host: at.server },
        { protocol: "udp", host: at.server },
        { protocol: "tcp", host: at.otherServer },
      ] as const;
      for (const question of questions) {
        const answer = await ask(client, { ...question, port: SERVER_PORT, localAddress });
        const [address = ""] = answer.split(" ");
        seen.set(localAddress, (seen.get(localAddress) ?? new Set()).add(address));
      }
    }
    for (const [source, addresses] of seen) assert.equal(addresses.size, 1, `${source}: ${[...addresses]}`);
    const used = new Set([...seen.values()].flatMap((addresses) => [...addresses]));
    assert.deepEqual([...used].sort(), poolAddresses, "twelve sources, four addresses");
  });

  test("ports are kept where they are free", async () => {
    const [first = "", ...others] = pooled;
    const question = { host: at.server, port: SERVER_PORT, localPort: 5_600 };
    assert.match(await ask(client, { ...question, localAddress: first }), / 5600$/);
    // Of several with the same port some share an address: each gets another port there, and all get answers.
    const answers = await Promise.all(
      others.map((localAddress) => ask(client, { ...question, localAddress, keep: true })),
    );
    assert.equal(new Set(answers).size, others.length, answers.join(", "));
  });
});

describe("subscribers that share addresses", () => {
  for (const subscriber of subscribers) {
    const block = blocks.blockOf(validIp(subscriber)) ?? assert.fail();
    const isInBlock = (port: number) => block.firstPort <= port && port <= block.lastPort;

    for (const protocol of ["tcp", "udp"] as const) {
      test(`${protocol} of ${subscriber} leaves with its address and ports`, async () => {
        const question = { protocol, host: at.server, port: SERVER_PORT, localAddress: subscriber } as const;
        const answers = [];
        for (const localPort of [undefined, undefined, 80 + 1_000, 40_000, 65_535])
          answers.push(await ask(client, { ...question, ...(localPort === undefined ? {} : { localPort }) }));
        for (const answer of answers) {
          const [address, port] = answer.split(" ");
          assert.equal(address, formatIp(block.address), answer);
          assert.ok(isInBlock(Number(port)), `${answer} is outside of ${block.firstPort}-${block.lastPort}`);
        }
      });
    }

    test(`a ping of ${subscriber} leaves with an identifier of its block`, async () => {
      await server.request({ do: "captured", device: "eth0" });
      await ping(lab.namespace("lan"), at.server, subscriber);
      const { frames } = await server.request({ do: "captured", device: "eth0" });
      const requests = icmpFrames(frames, icmp.echoRequest);
      assert.deepEqual([...new Set(requests.map(({ source }) => source))], [formatIp(block.address)]);
      for (const { identifier } of requests)
        assert.ok(isInBlock(identifier), `${identifier} is outside of ${block.firstPort}-${block.lastPort}`);
    });
  }

  test("a port that is in the block already is kept", async () => {
    const [, subscriber = ""] = subscribers;
    const { firstPort } = blocks.blockOf(validIp(subscriber)) ?? assert.fail();
    const localPort = firstPort + 7;
    const answer = await ask(client, {
      host: at.server,
      port: SERVER_PORT,
      localAddress: subscriber,
      localPort,
    });
    assert.equal(answer, `203.0.113.0 ${localPort}`);
  });

  test("who has used up a block gets no other's ports, and others do not notice", async () => {
    const [full, other] = poor;
    const question = { host: at.server, port: SERVER_PORT, keep: true };
    const ports = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const answer = await ask(client, { ...question, localAddress: full });
      ports.add(Number(answer.split(" ")[1]));
    }
    assert.deepEqual([...ports].sort(), [60_000, 60_001, 60_002, 60_003, 60_004, 60_005, 60_006, 60_007]);
    assert.equal(await ask(client, { ...question, localAddress: full }), "no answer");
    const [address, port] = (await ask(client, { ...question, localAddress: other })).split(" ");
    assert.equal(address, "203.0.113.16");
    assert.ok(Number(port) >= 60_008 && Number(port) <= 60_015, `port ${port}`);
  });

  test("a subscriber reaches a forward by hairpin with its own outside address", async () => {
    const [, subscriber = ""] = subscribers;
    assert.equal(
      await ask(client, { host: at.outside, port: 8_080, localAddress: subscriber }),
      "203.0.113.0",
    );
  });
});

const echo = fileURLToPath(new URL("../golden/send-echo.ts", import.meta.url));

/** Sends an echo request and waits for the answer. */
async function ping(namespace: string, address: string, ...from: string[]): Promise<void> {
  await runCommand("ip", ["netns", "exec", namespace, process.execPath, echo, address, "77", ...from]);
}

/** How many redirects the kernel of a node has made, sent or not (Icmp OutRedirects of RFC 2011). */
async function redirectsMade(node: string): Promise<number> {
  const args = ["netns", "exec", lab.namespace(node), "grep", "^Icmp:", "/proc/net/snmp"];
  const [names = [], values = []] = (await runCommand("ip", args)).split("\n").map((line) => line.split(" "));
  return Number(values[names.indexOf("OutRedirects")]);
}
