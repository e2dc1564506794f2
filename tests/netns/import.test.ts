import assert from "node:assert/strict";
import { appendFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { keepalivedOfNode } from "../../src/import/configs.test-data.ts";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { KeepalivedRouter } from "./keepalived-router.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { vrrpFaults } from "./vrrp-faults.ts";

// A pair of keepalived with nftables, moved over to tocha one machine after the other, with the document that
// `tocha import` makes of their files.

const SERVICE_PORT = 7_012;
const addresses = ["10.1.0.1/24", "192.0.2.1/24"];
const samples = "/usr/share/doc/keepalived/samples";
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

const keepalivedConf = (priority: number) => `! a gateway of two
vrrp_sync_group GATEWAY {
  group {
    LAN
    WAN
  }
}
vrrp_instance LAN {
  state BACKUP
  interface lan
  virtual_router_id 51
  priority ${priority}
  advert_int 0.1
  version 3
  nopreempt
  virtual_ipaddress {
    10.1.0.1/24
  }
}
vrrp_instance WAN {
  state BACKUP
  interface wan
  virtual_router_id 51
  priority ${priority}
  advert_int 0.1
  version 3
  nopreempt
  virtual_ipaddress {
    192.0.2.1/24
  }
}
`;

const nftablesConf = `table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan" ip saddr 10.1.0.0/24 snat to 192.0.2.1 comment "lan out"
  }
}
`;

describe("tocha import", () => {
  let lab: TestLab;
  let watch: NamespaceAddresses;
  let client: NamespaceAgent;
  let server: NamespaceAgent;
  const routers = new Map<string, KeepalivedRouter>();
  const file = (name: string) => join(labFolder(lab.name), name);
  const explain = () =>
    [...routers.values()].map((one) => one.log).join("\n") + lab.log("gw1") + lab.log("gw2");

  before(async () => {
    await requireNamespaces(["keepalived", "conntrack"]);
    lab = await TestLab.up("ti", { ipv6: false }, { daemons: false });
    watch = await NamespaceAddresses.watch([lab.namespace("gw1"), lab.namespace("gw2")], addresses);
    client = new NamespaceAgent(lab.namespace("lan"));
    server = new NamespaceAgent(lab.namespace("wan"));
    await server.request({ do: "serve", port: SERVICE_PORT });
  });

  after(async () => {
    await client?.close();
    await server?.close();
    await watch?.close();
    await lab?.down();
  });

  async function assertTranslated(): Promise<void> {
    const answer = await client.request({
      do: "ask",
      protocol: "tcp",
      host: "192.0.2.9",
      port: SERVICE_PORT,
    });
    assert.deepEqual(answer, { seen: "192.0.2.1" }, explain());
  }

  it("a pair of keepalived serves, as it is today", async () => {
    writeFileSync(file("nftables.conf"), nftablesConf);
    for (const [node, priority] of [
      ["gw1", 110],
      ["gw2", 100],
    ] as const) {
      const text = keepalivedConf(priority);
      writeFileSync(file(`${node}.conf`), text);
      const inside = ["netns", "exec", lab.namespace(node)];
      await runCommand("ip", [...inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
      await runCommand("ip", [...inside, "nft", "-f", file("nftables.conf")]);
      routers.set(
        node,
        new KeepalivedRouter({
          ...{ namespace: lab.namespace(node), folder: file("keepalived"), device: "lan" },
          ...{ virtualRouterId: 51, priority, addresses4: [], addresses6: [] },
          configuration: { text, instances: ["LAN", "WAN"] },
        }),
      );
      await routers.get(node)?.waitForState(node === "gw1" ? "MASTER" : "BACKUP");
    }
    await watch.waitForSoleHolder(lab.namespace("gw1"), explain);
    await assertTranslated();
  });

  it("a document is made of their files", async () => {
    rmSync(documentPath(lab.name), { force: true });
    const own = { lan: "10.1.0", wan: "192.0.2", sync: "10.255.0" };
    const told = Object.entries(own).flatMap(([role, network]) =>
      ["gw1", "gw2"].flatMap((node, index) => {
        const last = index + (role === "sync" ? 1 : 2);
        return ["--address", `${node}/${role}=${network}.${last}/24`];
      }),
    );
    await runCommand(launcher, [
      ...["import", "--node", `gw1=${file("gw1.conf")}`, "--node", `gw2=${file("gw2.conf")}`],
      ...[file("nftables.conf"), "--device", "sync=sync", ...told, "--file", documentPath(lab.name)],
    ]);
    appendFileSync(documentPath(lab.name), "keys: { directory: keys }\n");
    await runCommand(launcher, ["check", documentPath(lab.name)]);
  });

  it("the node on standby becomes tocha's, and understands the keepalived that serves on", async () => {
    const startedMs = NamespaceAddresses.now();
    await moveOver("gw2");
    const { cause } = await lab.waitForNode("gw2", "standby", ({ role }) => role === "standby");
    assert.equal(cause, "gw1 is active");
    assert.deepEqual(watch.since(startedMs), [], "no address has moved");
    assert.deepEqual(vrrpFaults(await lab.status("gw2")), {});
    assert.deepEqual(routers.get("gw1")?.complaints, []);
    await assertTranslated();
  });

  it("it takes over when the other keepalived is stopped, and translates as that did", async () => {
    await moveOver("gw1");
    await watch.waitForSoleHolder(lab.namespace("gw2"), explain);
    await assertTranslated();
    const { activeNode } = await lab.waitUntilDaemonsAreWell();
    assert.equal(activeNode, "gw2", "nopreempt was carried over");
  });

  async function moveOver(node: string): Promise<void> {
    await routers.get(node)?.stop();
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "nft", "flush", "ruleset"]);
    await startNode(lab.name, node);
  }

  it("keepalived itself accepts what the unit tests import", async () => {
    const text = keepalivedOfNode({ router: "gw1", lan: "10.1.0.2", wan: "192.0.2.2", priority: 110 });
    // Devices, scripts and addresses of that configuration are not here; its words must all be known.
    const fault = /Unknown keyword|syntax|unexpected|Missing|Unmatched/i;
    assert.doesNotMatch(await configTest(text), fault);
    assert.match(await configTest(text.replace("nopreempt", "nopreemt")), fault);
  });

  async function configTest(text: string): Promise<string> {
    writeFileSync(file("accepted.conf"), text);
    const command = `keepalived --config-test --use-file ${file("accepted.conf")} 2>&1 || true`;
    return await runCommand("ip", ["netns", "exec", lab.namespace("gw1"), "sh", "-c", command]);
  }

  it("every sample of keepalived's documentation gives a document, or what it lacks", async () => {
    const names = readdirSync(samples).filter((name) => name.startsWith("keepalived.conf"));
    assert.ok(names.length > 10, "the samples are there");
    let documents = 0;
    for (const name of names) {
      const args = ["import", join(samples, name), "--device", "sync=sync9", "-o", "json"];
      const answer = await importUntilWhole(args);
      if (answer.ok) documents++;
      else
        assert.match(
          JSON.stringify(answer),
          /vrrp_instance: no file says|duplicate-|overlapping|too-many-groups/,
          name,
        );
    }
    assert.ok(documents >= 8, `${documents} documents`);
  });
});

interface Answer {
  readonly ok: boolean;
  readonly missing: readonly { readonly what: string; readonly option: string }[];
}

/** Answers the questions that are asked, as somebody would who knows the network. */
async function importUntilWhole(args: readonly string[]): Promise<Answer> {
  let more: readonly string[] = [];
  for (let round = 0; ; round++) {
    const text = await runCommand("sh", ["-c", '"$@" 2>/dev/null || true', "sh", launcher, ...args, ...more]);
    const answer = JSON.parse(text) as Answer;
    const options = answer.missing.flatMap(({ what, option }) => {
      const [, near = `10.99.${round}.7`] = /in the network of ([0-9.]+)/.exec(what) ?? [];
      const [name = "", place = ""] = option.split(/[ =]/);
      return name === "--address" ? [name, `${place}=${near.replace(/[0-9]+$/, "250")}/24`] : [];
    });
    if (answer.ok || options.length === 0 || round > 3) return answer;
    more = [...more, ...options];
  }
}
