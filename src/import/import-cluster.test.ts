import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SourceFile } from "./block-file.ts";
import { iptablesSave, keepalivedOfNode, twoNodes } from "./configs.test-data.ts";
import { type ImportWish, importCluster } from "./import-cluster.ts";

/** What is imported of one keepalived.conf of the node gw1, whose own addresses are known. */
function imported(text: string, more: Partial<ImportWish> & { readonly files?: readonly SourceFile[] } = {}) {
  const { files = [], ...wish } = more;
  return importCluster({
    cluster: "campus",
    nodes: [{ name: "gw1", files: [{ file: "keepalived.conf", text }, ...files] }],
    devices: [
      { role: "lan", device: "eth0" },
      { role: "wan", device: "eth1" },
      { role: "sync", device: "eth2" },
    ],
    addresses: [
      { node: "gw1", interface: "lan", address: "10.1.0.2/24" },
      { node: "gw1", interface: "lan", address: "fd00:1::2/64" },
      { node: "gw1", interface: "wan", address: "192.0.2.2/24" },
      { node: "gw1", interface: "sync", address: "10.255.0.1/24" },
    ],
    without: [],
    include: () => [],
    ...wish,
  });
}

const instance = (lines: string, addresses = "10.1.0.1/24") => `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  version 3
  ${lines}
  virtual_ipaddress {
    ${addresses}
  }
}
`;

describe("a cluster document made of other programs' files", () => {
  it("two nodes with sync group, conntrackd and nftables", () => {
    const { text, missing, problems } = importCluster(twoNodes);
    assert.deepEqual({ missing, problems }, { missing: [], problems: [] });
    assert.equal(
      text,
      `cluster: campus
nodes:
  gw1:
    interfaces:
      lan:
        device: eth0
        addresses:
          - 10.1.0.2/24
      wan:
        device: eth1
        addresses:
          - 192.0.2.2/24
      sync:
        device: eth2
        addresses:
          - 10.255.0.1/24
  gw2:
    interfaces:
      lan:
        device: eth0
        addresses:
          - 10.1.0.3/24
      wan:
        device: eth1
        addresses:
          - 192.0.2.3/24
      sync:
        device: eth2
        addresses:
          - 10.255.0.2/24
groups:
  gateway:
    virtualRouterId: 51
    interval: 100ms
    preempt: false
    priorities:
      gw1: 110
      gw2: 100
    addresses:
      lan:
        - 10.1.0.1/24
      wan:
        - 192.0.2.1/24
        - 192.0.2.10/24
    announceRate: 500
    unicastPeers:
      lan:
        - 10.1.0.2
        - 10.1.0.3
    checks:
      chk-provider:
        kind: script
        command:
          - /usr/local/bin/check-provider
          - 198.51.100.1
        interval: 2s
        timeout: 1s
        rise: 2
        fall: 3
        weight: 20
nat:
  helpers:
    - ftp
    - h323
  forward:
    - id: forward-1
      protocol: tcp
      address: 192.0.2.1
      port: 443
      target: 10.1.0.80
      targetPort: 8443
      hairpin: false
  source:
    - id: staff-out
      from:
        - 10.1.0.0/24
        - 10.1.9.0/24
      out: wan
      to: 192.0.2.1
    - id: wan-2
      from:
        - 10.2.0.0/24
        - 10.3.0.0/24
      out: wan
      to: 192.0.2.10
    - id: wan-3
      from: 10.5.0.0/24
      out: wan
      to: masquerade
firewall:
  input:
    default: drop
    rules:
      - id: input-1
        protocol: tcp
        ports:
          - 22
          - 80
        action: accept
routes:
  - id: default
    to: 0.0.0.0/0
    via: 192.0.2.254
    interface: wan
replication:
  interface: sync
`,
    );
  });

  it("every line that is not in it as it was is named, with its place, its fate and what to do", () => {
    const remarks = importCluster(twoNodes).remarks.filter(({ file }) => !file.startsWith("gw2"));
    const told = remarks.map(({ file, line, text, kind }) => `${file}:${line} ${kind} ${text}`);
    assert.deepEqual(told, [
      "gw1/keepalived.conf:4 lost notification_email {",
      "gw1/keepalived.conf:7 needless router_id gw1",
      'gw1/keepalived.conf:29 needless notify_master "/etc/conntrackd/primary-backup.sh primary"',
      'gw1/keepalived.conf:30 lost notify "/usr/local/bin/tell-me"',
      "gw1/keepalived.conf:34 needless state BACKUP",
      "gw1/keepalived.conf:45 changed 10.1.0.1/24 brd 10.1.0.255 dev eth0",
      "gw1/keepalived.conf:48 needless eth0",
      "gw1/keepalived.conf:54 needless state BACKUP",
      "gw1/keepalived.conf:60 lost authentication {",
      "gw1/keepalived.conf:70 changed 0.0.0.0/0 via 192.0.2.254 dev eth1",
      "gw1/conntrackd.conf:2 needless Mode FTFW {",
      "gw1/conntrackd.conf:7 needless IPv4_Destination_Address 10.255.0.2",
      "gw1/conntrackd.conf:8 needless Port 3780",
      "gw1/conntrackd.conf:10 needless Checksum on",
      "gw1/conntrackd.conf:21 needless HashSize 32768",
      "gw1/conntrackd.conf:22 needless LockFile /var/lock/conntrack.lock",
      "gw1/conntrackd.conf:23 needless UNIX {",
      "gw1/conntrackd.conf:26 lost Filter From Kernelspace {",
      "nftables.conf:9 opened chain input {",
      "nftables.conf:9 changed chain input {",
      "nftables.conf:11 needless iif lo accept",
      "nftables.conf:25 lost iifname $wan tcp dport 80 dnat to 10.1.0.80",
      'nftables.conf:30 changed ip saddr $guests oifname "eth1" snat to 192.0.2.10 random',
      'nftables.conf:31 lost oifname "eth1" ip saddr 10.4.0.0/24 ip daddr != 10.0.0.0/8 masquerade',
      'nftables.conf:33 lost oifname "eth1" ip saddr 10.6.0.0/24 snat to 192.0.2.77',
    ]);
    for (const remark of remarks) {
      assert.ok(remark.why.length > 10, remark.text);
      assert.ok(remark.kind !== "lost" || (remark.hint ?? "").length > 10, `${remark.text}: what to do?`);
    }
  });

  it("no password reaches a report", () => {
    const text = instance("auth_pass secret1\n authentication {\n auth_type PASS\n auth_pass secret2\n }");
    assert.doesNotMatch(JSON.stringify(imported(text)), /secret/);
  });

  it("says which facts are missing, each with the option that tells it, and makes no document", () => {
    const { text, missing } = imported(instance("priority 100"), { addresses: [], devices: [] });
    assert.equal(text, undefined);
    assert.deepEqual(
      missing.map(({ option }) => option),
      ["--address gw1/lan=ADDRESS/LENGTH", "--device gw1/sync=DEVICE", "--address gw1/sync=ADDRESS/LENGTH"],
    );
    assert.match(
      missing[0]?.what ?? "",
      /own address of gw1 on "lan", in the network of 10\.1\.0\.1 \(10\.1\.0\.0\/24\)/,
    );
  });

  it("rules of iptables-save are those of nftables", () => {
    const { text, remarks } = imported(instance("priority 100", "10.1.0.1/24\n 192.0.2.1/24 dev eth1"), {
      files: [{ file: "rules", text: iptablesSave }],
    });
    assert.match(
      text ?? "",
      / {2}forward:\n {4}- id: forward-1\n {6}protocol: tcp\n {6}address: 192\.0\.2\.1\n {6}port: 443\n {6}target: 10\.1\.0\.80\n {6}hairpin: false\n {4}- id: forward-2\n[\s\S]*port: 8000-8010\n {6}target: 10\.1\.0\.80\n {6}hairpin: false\n {2}source:\n {4}- id: staff-out\n {6}from: 10\.1\.0\.0\/24\n {6}out: wan\n {6}to: 192\.0\.2\.1\n {4}- id: wan-2\n {6}from:\n {8}- 10\.2\.0\.0\/24\n {8}- 10\.3\.0\.0\/24\n {6}out: wan\n {6}to: masquerade\nfirewall:\n {2}input:\n {4}default: drop\n {4}rules:\n {6}- id: ipv6-is-not-filtered\n {8}from: ::\/0\n {8}action: accept\nreplication/,
    );
    assert.deepEqual(
      remarks.filter(({ file }) => file === "rules").map(({ line, kind }) => `${line} ${kind}`),
      ["7 changed", "8 lost", "11 opened", "11 changed", "11 changed", "13 needless"],
    );
  });
});

describe("keepalived.conf", () => {
  const settings = (lines: string, addresses?: string) => {
    const { text, problems, missing } = imported(instance(lines, addresses));
    assert.deepEqual({ problems, missing }, { problems: [], missing: [] });
    return text ?? "";
  };

  for (const [lines, expected] of [
    [
      "priority 90\n advert_int 0.5",
      /interval: 500ms\n {4}preempt: true\n {4}preemptDelay: 0s\n {4}priorities:\n {6}gw1: 90/,
    ],
    ["advert_int 2", /interval: 2s/],
    ["", /interval: 1s\n[\s\S]*gw1: 100/],
    ["nopreempt\n preempt_delay 30", /preempt: false\n {4}priorities/],
    ["preempt_delay 300", /preempt: true\n {4}preemptDelay: 300s/],
    ["version 2\n advert_int 1", /version: 2/],
    [
      "version 2\n advert_int 0.5",
      /interval: 500ms\n {4}preempt: true\n {4}preemptDelay: 0s\n {4}priorities/,
    ],
    ["use_vmac", /virtualMac: true/],
    ["no_accept", /acceptMode: false/],
    [
      "unicast_peer {\n 10.1.0.3\n 10.1.0.4\n }",
      /unicastPeers:\n {6}lan:\n {8}- 10\.1\.0\.2\n {8}- 10\.1\.0\.3\n {8}- 10\.1\.0\.4/,
    ],
    [
      "track_interface {\n eth1 weight -30\n }",
      /checks:\n {6}eth1:\n {8}kind: interface\n {8}interface: wan\n {8}weight: 30/,
    ],
    ["track_interface {\n eth1\n }", /interface: wan\n {8}veto: true/],
  ] as const) {
    it(JSON.stringify(lines), () => assert.match(settings(lines), expected));
  }

  it("addresses without a prefix length get that of their network; IPv6 in a twin instance is the same group", () => {
    const text = `${instance("priority 100", "10.1.0.1")}${instance("priority 100", "fe80::51:1\n fd00:1::1").replace("VI_1", "VI_6")}`;
    const result = imported(text);
    assert.deepEqual(result.problems, []);
    assert.match(
      result.text ?? "",
      /groups:\n {2}vi-1:\n[\s\S]*addresses:\n {6}lan:\n {8}- 10\.1\.0\.1\/24\n {8}- fe80::51:1\/64\n {8}- fd00:1::1\/64\nreplication/,
    );
  });

  it("equal priorities of two nodes are told apart, and differing router numbers of a group become one", () => {
    const gw2 = keepalivedOfNode({ router: "gw2", lan: "10.1.0.3", wan: "192.0.2.3", priority: 110 });
    const [first, second] = twoNodes.nodes;
    const { text, remarks } = importCluster({
      ...twoNodes,
      nodes: [
        first,
        {
          name: "gw2",
          files: [
            { file: "gw2/keepalived.conf", text: gw2.replace(/(eth1\n.*)51/, "$152") },
            ...second.files.slice(1),
          ],
        },
      ],
    });
    assert.match(text ?? "", /gw1: 110\n {6}gw2: 109/);
    assert.ok(
      remarks.some(({ why }) =>
        why.includes("the router number is 51 on all interfaces of the group, not 52"),
      ),
    );
  });

  it("lines for other nodes are for other nodes; parameters are filled in", () => {
    const text = `$ROUTER=77
@gw1 $PRIO=150
@gw2 $PRIO=50
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id \${ROUTER}
@gw1 priority 170
@gw2 priority 85
@^gw1 nopreempt
  version 3
  virtual_ipaddress { 10.1.0.1/24 }
}`;
    const [gw1, gw2] = ["gw1", "gw2"].map((configId) =>
      imported(text, {
        nodes: [{ name: "gw1", configId, files: [{ file: "keepalived.conf", text }] }],
      }),
    );
    assert.match(gw1?.text ?? "", /virtualRouterId: 77\n[\s\S]*preempt: true[\s\S]*gw1: 170/);
    assert.match(gw2?.text ?? "", /preempt: false[\s\S]*gw1: 85/);
  });

  it("includes are read where they stand, and their lines are named by their own file", () => {
    const asked: string[] = [];
    const { text, remarks } = imported('include "conf.d/*.conf" # all\n', {
      include: (pattern, from) => {
        asked.push(`${from} ${pattern}`);
        return [{ file: "conf.d/one.conf", text: instance("smtp_alert") }];
      },
    });
    assert.deepEqual(asked, ["keepalived.conf conf.d/*.conf"]);
    assert.match(text ?? "", /10\.1\.0\.1\/24/);
    assert.deepEqual(
      remarks.map(({ file, line, text: words }) => `${file}:${line} ${words}`),
      ["conf.d/one.conf:6 smtp_alert"],
    );
  });

  it("a file that includes itself ends", () => {
    const source = { file: "a.conf", text: "include a.conf\n" };
    const { remarks } = imported("include a.conf\n", { include: () => [source] });
    assert.ok(remarks.some(({ why }) => why.includes("includes itself")));
  });

  it("scripts that need a shell get one; tracks in a sync group count fully", () => {
    const text = `vrrp_script sshd {
  script "killall -0 sshd"
  weight -4
}
vrrp_sync_group G {
  group { VI_1 }
}
${instance("track_script {\n sshd weight -2\n }")}`;
    const { text: document, remarks } = imported(text);
    assert.match(
      document ?? "",
      /sshd:\n {8}kind: script\n {8}command:\n {10}- \/bin\/sh\n {10}- -c\n {10}- killall -0 sshd\n {8}interval: 1s\n {8}rise: 1\n {8}fall: 1\n {8}veto: true/,
    );
    assert.ok(remarks.some(({ line, kind }) => line === 2 && kind === "changed"));
  });

  it("what it does not know is lost, not passed over", () => {
    const { remarks } = imported(instance("frobnicate 7"));
    const [only] = remarks.filter(({ text }) => text === "frobnicate 7");
    assert.equal(only?.kind, "lost");
    assert.match(only?.hint ?? "", /keepalived\.conf\(5\)/);
  });
});
