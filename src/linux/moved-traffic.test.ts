// The point of it all: a flow that another gateway translated goes on through this one, because its entry was written
// here before. Real hosts, real connections; only the entry, no rule, tells the second gateway how to translate.
import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Conversation, serve } from "../../tests/network/conversation.ts";
import { TwoGateways } from "../../tests/network/two-gateways.ts";

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
  let hosts: TwoGateways | undefined;
  const conversations = new Map<string, Conversation>();

  before(async () => {
    hosts = await TwoGateways.build({ a: RULES_A, b: RULES_B });
    const { client, server } = hosts;
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
    const injected = hosts.replace();
    assert.deepEqual([injected.created, injected.refused], [4, {}]);
  });
  after(() => {
    hosts?.close();
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
    assert.ok(hosts);
    const { client, b } = hosts;
    const stranger = new Conversation(client, { protocol: "udp", address: "192.0.2.80", port: 53 }, 42_000);
    assert.equal(await stranger.hear(), "connected");
    stranger.say("hello");
    assert.equal(await stranger.hear(300), "silence");
    // The entries that were written are the ones that translated: each has the address of A's rule.
    const listed = b.run("conntrack", ["-L", "-p", "tcp", "--dport", "443"]);
    assert.match(listed, /dst=192\.0\.2\.1 sport=443 dport=41000 \[ASSURED\]/);
  });
});
