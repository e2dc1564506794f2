/** What is in a support bundle of real nodes, and above all what is not: secrets are planted, and looked for. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { stopNode } from "../../src/lab/node-process.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

/** Each by its place. None looks like anything that the texts have anyway. */
const planted = {
  argument: "swordfish-in-an-argument",
  alias: "swordfish-in-an-alias",
  printed: "swordfish-printed",
  userFile: "swordfish-of-etcd",
  stable: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1",
};

let lab: TestLab;
let folder = "";
let streams: StreamTraffic;

before(async () => {
  await requireNamespaces();
  folder = mkdtempSync(join(tmpdir(), "tocha-support-"));
  writeFileSync(join(folder, "etcd-user"), `root:${planted.userFile}\n`, { mode: 0o600 });
  // A script that is told a password, and that prints one.
  const script = `echo token=${planted.printed}; test ${planted.argument} != ""`;
  const command = `[/bin/sh, -c, ${JSON.stringify(script)}, ${planted.argument}]`;
  lab = await TestLab.up("sb", {
    checks: [`load: { kind: script, command: ${command}, interval: 500ms, weight: 1 }`],
  });
  await lab.waitUntilWellOn("gw1");
  for (const node of ["gw1", "gw2"]) {
    await inNamespace(node, "ip", "link", "set", "dev", "lan", "alias", `password=${planted.alias}`);
    await inNamespace(node, "sysctl", "-w", `net.ipv6.conf.wan.stable_secret=${planted.stable}`);
  }
  streams = await StreamTraffic.start(lab.settings, { connections: 5 });
});

after(async () => {
  await streams?.close();
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

function inNamespace(part: string, ...words: readonly string[]): Promise<string> {
  return runCommand("ip", ["netns", "exec", lab.namespace(part), ...words]);
}

/** Every secret of the cluster and of this test. A key is known by each line of it. */
function secrets(): string[] {
  const keys = join(labFolder(lab.name), "keys");
  const names = readdirSync(keys).filter((name) => name.endsWith(".key"));
  assert.ok(names.includes("cluster.key") && names.includes("ca.key") && names.includes("gw1.key"));
  const lines = names.flatMap((name) => readFileSync(join(keys, name), "utf8").split("\n"));
  const material = lines.filter((line) => line.length > 20 && !line.startsWith("-----"));
  assert.ok(material.length > 6);
  return [...material, ...Object.values(planted)];
}

async function bundle(name: string, ...args: readonly string[]) {
  const file = join(folder, `${name}.tar.gz`);
  const { status, stdout, stderr } = await tryCommand(launcher, ["support-bundle", file, ...args]);
  assert.notEqual(stdout, "", stderr);
  const into = mkdtempSync(join(folder, "unpacked-"));
  await runCommand("tar", ["-xzf", file, "--strip-components=1", "-C", into]);
  const files = readdirSync(into, { recursive: true, encoding: "utf8" }).filter((one) => one.includes("."));
  return { status, files, read: (one: string) => readFileSync(join(into, one), "utf8") };
}

function assertNoSecrets({ files, read }: Awaited<ReturnType<typeof bundle>>): void {
  for (const file of files) {
    const text = read(file);
    for (const secret of secrets()) assert.ok(!text.includes(secret), `${file} has ${secret}`);
  }
}

describe("tocha support-bundle", () => {
  it("has what a maintainer needs, of all nodes", async () => {
    const { status, files, read } = await bundle("all", "--lab", lab.name);
    assert.equal(status, 0);
    for (const node of ["gw1", "gw2"]) {
      for (const name of [
        ...["document.yaml", "versions.txt", "status.json", "doctor.json", "doctor-facts.json", "why.json"],
        ...[
          "history.json",
          "metrics.txt",
          "nft-tocha.txt",
          "nft-tables.txt",
          "ip-address.txt",
          "ip-link.txt",
        ],
        ...[
          "ip-route.txt",
          "ip-rule.txt",
          "ip-neighbour.txt",
          "sysctl-net.txt",
          "conntrack.txt",
          "machine.txt",
        ],
        "processes.txt",
      ])
        assert.ok(files.includes(`${node}/${name}`), `${node}/${name} of ${files.join(" ")}`);
      assert.match(read(`${node}/nft-tocha.txt`), /table inet tocha \{/);
      assert.match(read(`${node}/sysctl-net.txt`), /^net\.ipv4\.ip_forward = 1$/m);
      assert.match(read(`${node}/conntrack.txt`), /^nf_conntrack_max [0-9]+$/m);
      assert.match(read(`${node}/processes.txt`), /\bFF\b/, "the failover role, in real time");
      const status = JSON.parse(read(`${node}/status.json`));
      assert.equal(status.nodes.length, 2, "JSON stays JSON");
      assert.equal(JSON.parse(read(`${node}/doctor.json`)).verdict, "ok");
      assert.match(read("MANIFEST.txt"), new RegExp(`^${node}/$`, "m"));
    }
    assert.match(
      read("MANIFEST.txt"),
      /journal\.txt +there is no systemd|journal\.txt +the journal has nothing/,
    );
    assert.match(read("MANIFEST.txt"), /connections +who speaks with whom is private/);
  });

  it("has no secrets, and says how many it took out", async () => {
    const made = await bundle("secrets", "--lab", lab.name);
    assertNoSecrets(made);
    const { read } = made;
    // They would have been there: what stands around them is.
    assert.match(read("gw1/document.yaml"), /command:\n +- \/bin\/sh\n +- "?\[removed\]"?\n/);
    assert.match(read("gw2/ip-link.txt"), /alias password=\[removed\]/);
    assert.match(read("gw1/status.json"), /token=\[removed\]/);
    assert.doesNotMatch(read("gw1/sysctl-net.txt"), /secret|fastopen_key/);
    assert.match(read("MANIFEST.txt"), /[1-9][0-9]* secrets were taken out/);
  });

  it("has no connections", async () => {
    const { files, read } = await bundle("flows", "--lab", lab.name);
    const table = await lab.flows("gw1");
    const ports = table.flatMap((line) =>
      line.includes("tcp") ? [/sport=([0-9]+)/.exec(line)?.[1] ?? ""] : [],
    );
    assert.ok(ports.length >= 5);
    for (const file of files)
      for (const port of ports) assert.ok(!read(file).includes(`sport=${port}`), `${file} has ${port}`);
  });

  it("is made without a daemon, too, and says what is not there then", async () => {
    await stopNode(lab.name, "gw2");
    const arbiter = `arbiter: { endpoints: ["https://etcd.example:2379"], caFile: keys/ca.crt, userFile: ${folder}/etcd-user }\n`;
    const file = documentPath(lab.name);
    writeFileSync(file, readFileSync(file, "utf8") + arbiter);
    const made = await bundle("without", "--config", file, "--node", "gw2");
    assert.equal(made.status, 0);
    assertNoSecrets(made);
    assert.ok(made.files.includes("gw2/doctor-facts.json"));
    assert.match(made.read("MANIFEST.txt"), /processes\.txt +no daemon runs/);
    assert.match(made.read("gw2/document.yaml"), /userFile: .*etcd-user/, "the reference, not the contents");

    const partly = await bundle("partly", "--lab", lab.name);
    assert.equal(partly.status, 1);
    assert.match(partly.read("MANIFEST.txt"), /Nodes that did not answer:\n {2}gw2: /);
  });
});
