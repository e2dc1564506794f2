import assert from "node:assert/strict";
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readDocument } from "../../src/contract/read-document.ts";
import { renderGatewayRules } from "../../src/core/ruleset/gateway-rules.ts";
import { campusFirewall, iptablesFilter } from "../../src/import/firewall-configs.test-data.ts";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";

// A firewall as people have it, and the one that tocha makes of it: the same questions get the same answers.

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const virtual = { lan: "10.1.0.1", wan: "192.0.2.1" } as const;
const server = "192.0.2.9";
/** Of the set of blocked addresses. */
const blocked = "192.0.2.66";
/** Of the host behind the gateway. */
const [host, other, spoofed] = ["10.1.0.10", "10.1.0.11", "10.9.0.7"];
const ports = [25, 53, 80, 443, 7101, 7109, 7110, 7112, 7113, 7120, 7199, 7200, 7250, 7399, 7400] as const;
const own = [22, 53, 80, 113, 123] as const;

const keepalivedConf = `vrrp_instance GATEWAY {
  interface lan
  virtual_router_id 51
  priority 110
  version 3
  virtual_ipaddress {
    ${virtual.lan}/24
    ${virtual.wan}/24 dev wan
  }
}
`;

interface Probe {
  readonly from: "lan" | "wan";
  readonly protocol: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

const both = ["tcp", "udp"] as const;
const probes: readonly Probe[] = [
  ...both.flatMap((protocol) => [
    ...ports.map((port): Probe => ({ from: "lan", protocol, host: server, port })),
    ...own.map((port): Probe => ({ from: "lan", protocol, host: virtual.lan, port, localAddress: host })),
    ...own.map((port): Probe => ({ from: "wan", protocol, host: virtual.wan, port, localAddress: server })),
    ...[443, 7400, 7401].map((port): Probe => ({ from: "wan", protocol, host, port, localAddress: server })),
    { from: "wan", protocol, host: virtual.wan, port: 8443, localAddress: server } as const,
    { from: "wan", protocol, host, port: 7400, localAddress: blocked } as const,
    { from: "lan", protocol, host: blocked, port: 80 } as const,
    { from: "lan", protocol, host: server, port: 80, localAddress: spoofed } as const,
  ]),
  { from: "lan", protocol: "tcp", host: virtual.lan, port: 22, localAddress: other },
];

/** Which of its errors a host gets when it is refused depends on how it is told so. */
function fateOf(answer: { readonly seen: string } | { readonly failed: string }): string {
  if ("seen" in answer) return `sees ${answer.seen}`;
  return answer.failed === "no answer" ? "silence" : "refused";
}

describe("a firewall that is imported", () => {
  let lab: TestLab;
  let inside: NamespaceAgent;
  let outside: NamespaceAgent;
  let gateways: readonly NamespaceAgent[] = [];
  /** Silence takes a while to be heard: they ask side by side. */
  let askers: Readonly<Record<Probe["from"], readonly NamespaceAgent[]>> = { lan: [], wan: [] };
  const file = (name: string) => join(labFolder(lab.name), name);
  const within = (part: "gw1" | "lan" | "wan", command: readonly string[]) =>
    runCommand("ip", ["netns", "exec", lab.namespace(part), ...command]);

  before(async () => {
    await requireNamespaces(["conntrack", "nft"]);
    lab = await TestLab.up("tif", { ipv6: false }, { daemons: false });
    inside = new NamespaceAgent(lab.namespace("lan"));
    outside = new NamespaceAgent(lab.namespace("wan"));
    gateways = ["gw1", "gw2"].map((node) => new NamespaceAgent(lab.namespace(node)));
    const several = (side: "lan" | "wan") =>
      Array.from({ length: 6 }, () => new NamespaceAgent(lab.namespace(side)));
    askers = { lan: several("lan"), wan: several("wan") };
    await within("wan", ["ip", "address", "add", `${blocked}/24`, "dev", "eth0"]);
    await within("wan", ["ip", "route", "replace", "10.0.0.0/8", "via", virtual.wan]);
    await within("lan", ["ip", "address", "add", `${spoofed}/32`, "dev", "eth0"]);
    for (const port of ports) await outside.request({ do: "serve", port });
    for (const port of [443, 7400, 7401]) await inside.request({ do: "serve", port });
    for (const gateway of gateways) for (const port of own) await gateway.request({ do: "serve", port });
  });

  after(async () => {
    for (const agent of [inside, outside, ...gateways, ...askers.lan, ...askers.wan]) await agent?.close();
    await lab?.down();
  });

  /** What becomes of every probe. */
  async function answers(): Promise<Record<string, string>> {
    const all = await Promise.all(
      probes.map(async ({ from, ...probe }, index): Promise<[string, string]> => {
        const asker = askers[from][index % askers[from].length] ?? assert.fail();
        const answer = await asker.request({ do: "ask", ...probe });
        const { protocol, host: to, port, localAddress = "" } = probe;
        return [`${from} ${localAddress} ${protocol} ${to}:${port}`, fateOf(answer)];
      }),
    );
    return Object.fromEntries(all);
  }

  let originally: Record<string, string> = {};

  it("the original lets some through and blocks others", async () => {
    writeFileSync(file("nftables.conf"), campusFirewall);
    for (const [device, address] of Object.entries(virtual))
      await within("gw1", ["ip", "address", "add", `${address}/24`, "dev", device]);
    await within("gw1", ["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await within("gw1", ["nft", "-f", file("nftables.conf")]);
    originally = await answers();
    const count = (fate: RegExp) => Object.values(originally).filter((one) => fate.test(one)).length;
    // A comparison of nothing but silence would say nothing.
    assert.ok(
      count(/^sees/) >= 12 && count(/silence/) >= 20 && count(/refused/) >= 3,
      JSON.stringify(originally),
    );
    assert.equal(originally[`lan ${""} tcp ${server}:80`], `sees ${virtual.wan}`);
    assert.equal(originally[`wan ${server} tcp ${virtual.wan}:8443`], `sees ${server}`);
    await within("gw1", ["nft", "flush", "ruleset"]);
    for (const [device, address] of Object.entries(virtual))
      await within("gw1", ["ip", "address", "del", `${address}/24`, "dev", device]);
  });

  it("the document made of it is valid, and nothing of it is lost or opens more", async () => {
    rmSync(documentPath(lab.name), { force: true });
    writeFileSync(file("keepalived.conf"), keepalivedConf);
    const networks = { lan: "10.1.0", wan: "192.0.2", sync: "10.255.0" };
    const told = Object.entries(networks).flatMap(([role, network]) =>
      [1, 2].flatMap((node) => [
        "--address",
        `gw${node}/${role}=${network}.${role === "sync" ? node : node + 1}/24`,
      ]),
    );
    const files = [
      ...["--node", `gw1=${file("keepalived.conf")}`, "--node", `gw2=${file("keepalived.conf")}`],
      file("nftables.conf"),
    ];
    const command = ["import", ...files, "--device", "sync=sync", ...told];
    const report = JSON.parse(
      await runCommand(launcher, [...command, "-o", "json", "--file", documentPath(lab.name)]),
    );
    const remarks: { kind: string; file: string }[] = report.remarks;
    assert.deepEqual(
      remarks.filter((one) => one.file.endsWith("nftables.conf") && /opened|lost/.test(one.kind)),
      [],
    );
    appendFileSync(documentPath(lab.name), "keys: { directory: keys }\n");
    await runCommand(launcher, ["check", documentPath(lab.name)]);
  });

  it("the gateway with that document answers every question in the same way", async () => {
    for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
    await lab.waitUntilDaemonsAreWell();
    assert.deepEqual(await answers(), originally);
  });

  it("what is made of the output of iptables-save is accepted by nft", async () => {
    writeFileSync(file("iptables.rules"), iptablesFilter);
    const networks = { lan: "10.1.0", wan: "192.0.2", sync: "10.255.0" };
    const text = await runCommand(launcher, [
      ...[
        "import",
        "--node",
        `gw1=${file("keepalived.conf")}`,
        file("iptables.rules"),
        "--device",
        "sync=sync",
      ],
      ...Object.entries(networks).flatMap(([role, network]) => ["--address", `gw1/${role}=${network}.2/24`]),
    ]);
    const { document } = readDocument(text, "cluster.yaml");
    assert.ok(document);
    const rules = renderGatewayRules(document, "gw1");
    assert.match(rules, /ct count over 3/);
    writeFileSync(file("rendered.nft"), rules);
    await within("gw1", ["nft", "-c", "-f", file("rendered.nft")]);
    // What nft is to refuse it does refuse.
    writeFileSync(file("rendered.nft"), rules.replace("ct count over 3", "ct count over x"));
    await assert.rejects(within("gw1", ["nft", "-c", "-f", file("rendered.nft")]));
  });
});
