// The point of it all: a flow that another gateway translated goes on through this one, because its entry was written
// here before. Real hosts, real connections; only the entry, no rule, tells the second gateway how to translate.
//
//                  lan (bridge)                      wan (bridge)
//   client 10.1.0.10 ----+---- gateway A ----+---- server 192.0.2.80
//       fd00:1::10       +---- gateway B ----+       2001:db8::80
//
// The virtual addresses 10.1.0.1, 192.0.2.1, fd00:1::1 and 2001:db8::1 move from A to B.
import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Conversation, serve } from "../../tests/network/conversation.ts";
import { runIp, TestHost } from "../../tests/network/test-host.ts";

/**
 * Only gateway A has rules that translate. B has what every kernel needs: a rule that looks at `ct`, or it tracks nothing,
 * and NAT chains, or it translates nothing. They are empty: its entries alone say how.
 */
const RULES_A = `
table inet nat {
  chain before {
    type nat hook prerouting priority dstnat
    ip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.1.0.10:80
  }
  chain after {
    type nat hook postrouting priority srcnat
    ip saddr 10.1.0.0/24 oifname "wan" snat ip to 192.0.2.1
    ip6 saddr fd00:1::/64 oifname "wan" snat ip6 to 2001:db8::1
  }
}`;
const RULES_B = `
table inet nat {
  chain forwarded { type filter hook forward priority filter; ct state invalid drop; }
  chain before { type nat hook prerouting priority dstnat; }
  chain after { type nat hook postrouting priority srcnat; }
}`;
const virtual = {
  lan: ["10.1.0.1/24", "fd00:1::1/64 nodad"],
  wan: ["192.0.2.1/24", "2001:db8::1/64 nodad"],
} as const;

const talks = {
  "TCP over IPv4, source translated": { protocol: "tcp", address: "192.0.2.80", port: 443, from: "client" },
  "TCP over IPv6, source translated": { protocol: "tcp", address: "2001:db8::80", port: 443, from: "client" },
  "TCP over IPv4, destination translated": {
    protocol: "tcp",
    address: "192.0.2.1",
    port: 8080,
    from: "server",
  },
  "UDP over IPv4, source translated": { protocol: "udp", address: "192.0.2.80", port: 53, from: "client" },
} as const;

describe("a connection whose gateway is replaced", () => {
  const hosts: TestHost[] = [];
  const conversations = new Map<string, Conversation>();

  before(async () => {
    const [client, server, a, b] = await buildNetwork(hosts);
    await serve(server, { protocol: "tcp", address: "192.0.2.80", port: 443 });
    await serve(server, { protocol: "tcp", address: "2001:db8::80", port: 443 });
    await serve(server, { protocol: "udp", address: "192.0.2.80", port: 53 });
    await serve(client, { protocol: "tcp", address: "10.1.0.10", port: 80 });
    for (const [index, [name, talk]] of Object.entries(talks).entries()) {
      const conversation = new Conversation(talk.from === "client" ? client : server, talk, 41_000 + index);
      conversations.set(name, conversation);
      assert.equal(await conversation.hear(), "connected", name);
      assert.equal(await conversation.exchange("through A"), "through A", name);
    }
    const path = new URL("../../tests/network/move-flows.ts", import.meta.url).pathname;
    const records = a.run(process.execPath, [path, "read"]);
    const injected = JSON.parse(b.run(process.execPath, [path, "write"], records));
    assert.deepEqual([injected.created, injected.refused], [4, {}]);
    // Power off: gateway A is silent on both sides, and says nothing about it.
    a.runIp(["link set lan down", "link set wan down"]);
    takeAddresses(b);
    for (const host of [client, server]) host.run("ip", ["neigh", "flush", "all"]);
  });
  after(() => {
    for (const host of hosts) host.close();
  });

  for (const name of Object.keys(talks)) {
    it(`goes on: ${name}`, async () => {
      const conversation = conversations.get(name);
      assert.ok(conversation);
      for (const line of ["through B", "and on", "and on"])
        assert.equal(await conversation.exchange(line), line);
    });
  }

  it("and nothing else comes through: B translates by its entries alone", async () => {
    const [client, , , b] = hosts;
    assert.ok(client && b);
    const stranger = new Conversation(client, { protocol: "udp", address: "192.0.2.80", port: 53 }, 42_000);
    assert.equal(await stranger.hear(), "connected");
    stranger.say("hello");
    assert.equal(await stranger.hear(300), "silence");
    // The entries that were written are the ones that translated: each has the address of A's rule.
    const listed = b.run("conntrack", ["-L", "-p", "tcp", "--dport", "443"]);
    assert.match(listed, /dst=192\.0\.2\.1 sport=443 dport=41000 \[ASSURED\]/);
  });
});

async function buildNetwork(hosts: TestHost[]): Promise<[TestHost, TestHost, TestHost, TestHost]> {
  for (let i = 0; i < 4; i++) hosts.push(await TestHost.start());
  const [client, server, a, b] = hosts as [TestHost, TestHost, TestHost, TestHost];
  runIp(["link set lo up"]);
  for (const side of ["lan", "wan"] as const) {
    const ends = { client, server, a, b };
    const attached = side === "lan" ? (["client", "a", "b"] as const) : (["server", "a", "b"] as const);
    runIp([`link add ${side} type bridge`, `link set ${side} up`]);
    for (const name of attached) {
      // The name at the host is the side's own; here it says whose cable this is.
      runIp([
        `link add ${side}-${name} type veth peer name inner`,
        `link set ${side}-${name} master ${side} up`,
      ]);
      ends[name].take("inner");
      ends[name].runIp([`link set inner name ${side}`, `link set ${side} up`]);
    }
  }
  client.runIp([
    ...["addr add 10.1.0.10/24 dev lan", "addr add fd00:1::10/64 dev lan nodad"],
    ...["route add default via 10.1.0.1", "route add default via fd00:1::1"],
  ]);
  // No way back to the LAN: what is not translated gets no answer.
  server.runIp(["addr add 192.0.2.80/24 dev wan", "addr add 2001:db8::80/64 dev wan nodad"]);
  for (const [gateway, rules, last] of [
    [a, RULES_A, 2],
    [b, RULES_B, 3],
  ] as const) {
    const settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    gateway.run("sysctl", ["-qw", ...settings, "net.netfilter.nf_conntrack_events=1"]);
    gateway.run("nft", ["-f", "-"], rules);
    gateway.runIp([
      ...[`addr add 10.1.0.${last}/24 dev lan`, `addr add fd00:1::${last}/64 dev lan nodad`],
      ...[`addr add 192.0.2.${last}/24 dev wan`, `addr add 2001:db8::${last}/64 dev wan nodad`],
    ]);
  }
  takeAddresses(a);
  return [client, server, a, b];
}

function takeAddresses(gateway: TestHost): void {
  const lines = Object.entries(virtual).flatMap(([device, addresses]) =>
    addresses.map((address) => `addr add dev ${device} ${address}`),
  );
  gateway.runIp(lines);
}
