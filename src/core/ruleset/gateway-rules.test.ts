import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import { gatewaySysctls, sysctlPath } from "../gateway-sysctls.ts";
import { renderGatewayRules } from "./gateway-rules.ts";

function documentOf(text: string): ClusterDocument {
  const { document, problems } = readDocument(text, "cluster.yaml");
  assert.ok(document, JSON.stringify(problems));
  return document;
}

function example(name: string): ClusterDocument {
  return documentOf(readFileSync(new URL(`../../../examples/${name}`, import.meta.url), "utf8"));
}

/** The lines of one chain, without its frame. */
function chain(rules: string, name: string): string[] {
  const lines = rules.split("\n");
  const from = lines.indexOf(`  chain ${name} {`);
  assert.ok(from >= 0, `a chain ${name}`);
  return lines.slice(from + 2, lines.indexOf("  }", from)).map((line) => line.trim());
}

function withHelpers(helpers: string): string {
  return goodDocument.replace("nat:", `nat:\n  helpers: [${helpers}]`);
}

function withoutComment(line: string): string {
  return line.replace(/ comment ".*"$/, "");
}

describe("renderGatewayRules", () => {
  it("renders the example of two gateways as in gateway-rules.golden.nft", () => {
    // Written by this renderer, read by people, and loaded into a kernel by tests/netns and the next test file.
    const golden = readFileSync(new URL("gateway-rules.golden.nft", import.meta.url), "utf8");
    assert.equal(renderGatewayRules(example("two-gateways.yaml"), "gw1"), golden);
  });

  it("with accept mode off drops what is sent to the virtual addresses, but for the discovery of neighbours", () => {
    const rules = renderGatewayRules(example("router.yaml"), "north");
    assert.deepEqual(chain(rules, "own-in").slice(1, 4).map(withoutComment), [
      "ip daddr { 10.1.0.1, 192.0.2.1 } counter drop",
      "ip6 daddr { fe80::51:1, 2001:db8:1::1, 2001:db8::1 } icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
      "ip6 daddr { fe80::51:1, 2001:db8:1::1, 2001:db8::1 } counter drop",
    ]);
    assert.ok(!renderGatewayRules(documentOf(goodDocument), "gw1").includes("accept mode"));
  });

  it("does not track VRRP between single routers either", () => {
    const rules = renderGatewayRules(example("router.yaml"), "north");
    assert.deepEqual(
      chain(rules, "control-out")
        .map(withoutComment)
        .filter((line) => line.includes("112")),
      [
        'oifname "enp1s0" ip daddr 224.0.0.18 meta l4proto 112 notrack',
        'oifname "enp1s0" ip6 daddr ff02::12 meta l4proto 112 notrack',
        'oifname "enp2s0" meta l4proto 112 notrack',
      ],
    );
  });

  it("exchanges control traffic untracked with every other node, and with no one else", () => {
    const three = goodDocument
      .replace(
        "groups:",
        '  gw3:\n    interfaces:\n      lan: { device: eth0, addresses: [10.1.0.4/24, "fd00:1::4/64"] }\n      wan: { device: eth1, addresses: [192.0.2.4/24, "2001:db8::4/64"] }\n      sync: { device: br-sync, addresses: [10.255.0.3/24] }\ngroups:',
      )
      .replace("gw2: 100 }", "gw2: 100, gw3: 90 }");
    const rules = renderGatewayRules(documentOf(three), "gw3");
    assert.ok(
      chain(rules, "control-in").includes(
        'iifname "br-sync" ip saddr { 10.255.0.1, 10.255.0.2 } ip daddr 10.255.0.3 udp dport 7845 notrack comment "pulses on sync"',
      ),
    );
    for (const line of [...chain(rules, "control-in"), ...chain(rules, "control-out")]) {
      assert.match(line, /ip saddr .* ip daddr |daddr (224\.0\.0\.18|ff02::12) meta l4proto 112/);
    }
  });

  it("has no control traffic with peers where there is one node", () => {
    const alone = goodDocument.replace(/ {2}gw2:\n(.*\n){4}/, "").replace(", gw2: 100", "");
    assert.deepEqual(
      chain(renderGatewayRules(documentOf(alone), "gw1"), "control-in").filter(
        (line) => !line.includes("112"),
      ),
      [],
    );
  });

  it("translates prefixes, masquerades by family, and names rules by their ids", () => {
    assert.deepEqual(chain(renderGatewayRules(example("ipv6-prefix.yaml"), "south"), "translate-source"), [
      'oifname "enp2s0" ip6 saddr fd00:1::/48 counter snat ip6 prefix to ip6 saddr map { fd00:1::/48 : 2001:db8:100::/48 } comment "campus-prefix"',
    ]);
    const mixed = goodDocument.replace(
      "from: 10.1.0.0/24, out: wan, to: 192.0.2.1",
      'from: [10.0.0.0/8, "fd00:9::/64", 10.1.0.0/24], out: wan, to: masquerade',
    );
    // The narrower network within the wider one is refused as unreachable within one rule, too.
    assert.equal(readDocument(mixed, "f").problems[0]?.code, "overlapping-sources");
    assert.deepEqual(
      chain(
        renderGatewayRules(documentOf(mixed.replace(", 10.1.0.0/24", "")), "gw1"),
        "translate-source",
      ).slice(0, 2),
      [
        'oifname "eth1" ip saddr 10.0.0.0/8 counter masquerade comment "lan-out"',
        'oifname "eth1" ip6 saddr fd00:9::/64 counter masquerade comment "lan-out"',
      ],
    );
  });

  it("gives flows their helpers on the usual ports, and asks for what a standby needs of them", () => {
    const helped = withHelpers("ftp, h323");
    assert.deepEqual(chain(renderGatewayRules(documentOf(helped), "gw1"), "helpers"), [
      'ct state new tcp dport 21 ct helper set "ftp-tcp" comment "ftp opens further connections"',
      'ct state new udp dport 1719 ct helper set "ras-udp" comment "RAS opens further connections"',
      'ct state new tcp dport 1720 ct helper set "q931-tcp" comment "Q.931 opens further connections"',
    ]);
    const events = chain(renderGatewayRules(documentOf(helped), "gw1"), "forwarded").map(withoutComment);
    assert.deepEqual(events, [
      "ct state invalid counter drop",
      "ct status expected ct event set related,assured,destroy,seqadj accept",
      "ct status & 0x2000 != 0 ct event set new,assured,destroy,seqadj accept",
      "ct state new meta l4proto { icmp, icmpv6, udp, udplite } counter",
      "ct event set assured,destroy",
    ]);
    const without = renderGatewayRules(documentOf(helped), "gw1", ["h323"]);
    assert.deepEqual(without, renderGatewayRules(documentOf(withHelpers("ftp")), "gw1"));
    assert.ok(!renderGatewayRules(documentOf(goodDocument), "gw1").includes("helper"));
  });

  it("asks for events of single exchanges, marks and labels only where the document does", () => {
    const telling = goodDocument.replace(
      "replication:",
      "replication:\n  shortExchanges: true\n  marks: true",
    );
    assert.deepEqual(chain(renderGatewayRules(documentOf(telling), "gw1"), "forwarded").map(withoutComment), [
      "ct state invalid counter drop",
      'meta l4proto { icmp, icmpv6, udp, udplite } ct event set new,reply,assured,destroy,"mark",label accept',
      'ct event set assured,destroy,"mark",label',
    ]);
  });

  it("names each family only where it is used", () => {
    const rules = renderGatewayRules(example("ipv6-prefix.yaml"), "north");
    assert.ok(!rules.includes("virtual4") && !rules.includes("ip daddr"));
    assert.ok(rules.includes("elements = { fe80::1, fd00:1::1, 2001:db8::1 }"));
  });
});

describe("gatewaySysctls", () => {
  it("finds the file of a setting, also with a dot in the device's name", () => {
    const names = gatewaySysctls(example("masquerade.yaml"), "gw1").map((one) => one.name);
    assert.ok(names.includes("net.ipv4.conf.eth0/20.arp_ignore"));
    assert.equal(
      sysctlPath("net.ipv4.conf.eth0/20.arp_ignore"),
      "/proc/sys/net/ipv4/conf/eth0.20/arp_ignore",
    );
    assert.equal(sysctlPath("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
  });

  it("names every setting once, forwarding first, and each is told in the guide", () => {
    const all = gatewaySysctls(documentOf(goodDocument), "gw1");
    assert.equal(all[0]?.name, "net.ipv4.ip_forward");
    assert.equal(new Set(all.map((one) => one.name)).size, all.length);
    // The formatter pads the cells of tables.
    const guide = readFileSync(
      new URL("../../../docs/guide/gateway-rules.md", import.meta.url),
      "utf8",
    ).replace(/ +/g, " ");
    for (const { name, value, why } of all) {
      const row = `| \`${name.replace(/conf\.eth[01]\./, "conf.DEVICE.")}\` | ${value} | ${why} |`;
      assert.ok(guide.includes(row), `docs/guide/gateway-rules.md lacks: ${row}`);
    }
  });
});
