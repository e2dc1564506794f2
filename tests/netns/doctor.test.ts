/** What `tocha doctor` finds on real nodes: nothing first, then one thing after the other that is broken, until its command has helped. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { type DoctorFinding, type DoctorReport, doctorReportSchema } from "../../src/contract/doctor.ts";
import { makeNodeCertificate } from "../../src/keys/certificates.ts";
import { controlSocket, documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { labAddresses } from "../../src/lab/lab-plan.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { KeepalivedRouter } from "./keepalived-router.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

const ANSWER_LIMIT_MS = 60_000;
const DAY_MS = 86_400_000;
const binaries = fileURLToPath(new URL("../../bin", import.meta.url));

let lab: TestLab;

before(async () => {
  await requireNamespaces(["keepalived"]);
  lab = await TestLab.up("dr");
  await lab.waitUntilWellOn("gw1");
});

after(() => lab?.down());

async function examine(node = "gw1"): Promise<DoctorReport> {
  const client = new ControlClient(controlSocket(lab.name, node));
  return await client.ask("doctor", { timeoutMs: ANSWER_LIMIT_MS });
}

/** What is not good, as `gw2 warning mtu-differs lan`; notes left out unless they are asked for. */
function bad({ findings }: DoctorReport, notes = false): string[] {
  return findings
    .filter(
      ({ severity }) => severity === "warning" || severity === "error" || (notes && severity === "note"),
    )
    .map(({ node, severity, code, on }) => `${node} ${severity} ${code} ${on}`)
    .sort();
}

async function find(code: string, node: string): Promise<DoctorFinding> {
  const { findings } = await examine();
  const found = findings.find((one) => one.code === code && one.node === node);
  assert.ok(
    found !== undefined,
    `${code} on ${node}: ${JSON.stringify(findings.filter((one) => one.severity !== "ok"))}`,
  );
  return found;
}

/** Runs a command that the doctor has named, where it said, as a person would. */
async function follow({ node, command }: DoctorFinding): Promise<string> {
  const path = `${binaries}${delimiter}${process.env["PATH"] ?? ""}`;
  const inside = ["netns", "exec", lab.namespace(node), "env", `PATH=${path}`, "sh", "-c", command];
  return await runCommand("ip", inside);
}

function inNamespace(part: string, ...words: readonly string[]): Promise<string> {
  return runCommand("ip", ["netns", "exec", lab.namespace(part), ...words]);
}

/** Until the nodes are well again: what was broken may have moved the role. */
async function assertHealthy(): Promise<void> {
  await lab.waitUntilWell();
  const report = await examine();
  assert.deepEqual(
    bad(report),
    [],
    JSON.stringify(report.findings.filter(({ severity }) => severity !== "ok")),
  );
  assert.equal(report.verdict, "ok");
}

/** Breaks, sees exactly these findings, does what the first of them says, and sees that all are gone. */
async function assertHelps(expected: readonly string[], mend?: () => Promise<unknown>): Promise<void> {
  const report = await examine();
  assert.deepEqual(
    bad(report),
    [...expected].sort(),
    JSON.stringify(report.findings.filter(({ severity }) => severity !== "ok")),
  );
  if (mend === undefined) {
    for (const finding of report.findings)
      if (finding.severity === "warning" || finding.severity === "error") await follow(finding);
  } else await mend();
  await assertHealthy();
}

describe("tocha doctor", () => {
  it("finds a healthy cluster healthy, whichever node is asked", async () => {
    await assertHealthy();
    const other = await examine("gw2");
    assert.deepEqual(bad(other), []);
    assert.deepEqual(
      other.nodes.map(({ name, examined }) => `${name} ${examined}`),
      ["gw1 true", "gw2 true"],
    );
    const codes = other.findings
      .filter(({ node, severity }) => node === "gw1" && severity === "ok")
      .map(({ code }) => code);
    for (const code of [
      "full-size",
      "duplicate-addresses",
      "routes",
      "foreign-routers",
      "certificates",
      "sysctls",
    ])
      assert.ok(codes.includes(code), `${code} was looked at: ${codes.join(" ")}`);
    const unknown = other.findings.filter(({ code }) => ["not-found-out", "clock-unknown"].includes(code));
    assert.deepEqual(unknown, [], "everything could be found out");
  });

  it("finds what it must have asked the network for: every probe had an answer, and the standby hears the active", async () => {
    const facts = await new ControlClient(controlSocket(lab.name, "gw2")).ask("node.doctor", {
      timeoutMs: ANSWER_LIMIT_MS,
    });
    assert.deepEqual(
      facts.probes.map(({ interface: name, small, full }) => `${name} ${small} ${full}`),
      ["lan true true", "wan true true", "sync true true"],
    );
    const lan4 = facts.answers.find(({ address }) => address === "10.1.0.1");
    assert.deepEqual(lan4?.macs, ["02:00:00:00:01:01"], "gw1 holds it");
    const lan6 = facts.answers.find(({ address }) => address === "fd00:1::1");
    assert.deepEqual(lan6?.macs, ["02:00:00:00:01:01"]);
    assert.deepEqual(
      facts.routes.map(({ network, device }) => `${network} ${device}`),
      ["10.1.0.0/24 lan", "10.77.0.0/16 lan", "fd00:1::/64 lan"],
    );
  });

  it("a smaller MTU on one side", async () => {
    await inNamespace("gw2", "ip", "link", "set", "dev", "lan", "mtu", "1400");
    await assertHelps(["gw2 warning mtu-differs lan"]);
  });

  it("a smaller MTU between the nodes", async () => {
    await inNamespace("net", "ip", "link", "set", "dev", "gw2-lan", "mtu", "1400");
    const { command } = await find("mtu-not-carried", "gw1");
    assert.equal(command, "ping -c 1 -M do -s 1472 -I lan 10.1.0.3");
    await assertHelps(["gw1 warning mtu-not-carried lan", "gw2 warning mtu-not-carried lan"], () =>
      inNamespace("net", "ip", "link", "set", "dev", "gw2-lan", "mtu", "1500"),
    );
  });

  it("kernel settings that somebody changed", async () => {
    await inNamespace("gw2", "sysctl", "-w", "net.ipv4.conf.lan.arp_ignore=0", "net.ipv4.ip_forward=0");
    await assertHelps([
      // Switching forwarding off sets further settings of the devices back.
      ...["gw2 error sysctl-differs net.ipv4.ip_forward"],
      ...["gw2 warning sysctl-differs net.ipv4.conf.lan.arp_ignore"],
    ]);
  });

  it("router advertisements that are believed", async () => {
    await inNamespace("gw1", "sysctl", "-w", "net.ipv6.conf.wan.accept_ra=2");
    await assertHelps(["gw1 warning accepts-router-advertisements wan"]);
  });

  it("a strict reverse-path filter is a note, until a route leads elsewhere", async () => {
    await inNamespace("gw2", "sysctl", "-w", "net.ipv4.conf.lan.rp_filter=1");
    assert.equal((await find("reverse-path-filter", "gw2")).severity, "note");
    const subscribers = labAddresses.subscribers;
    await inNamespace("gw2", "ip", "route", "replace", subscribers, "via", "192.0.2.9", "dev", "wan");
    const route = await find("asymmetric-route", "gw2");
    assert.equal(route.on, subscribers);
    assert.match(await follow(route), / dev wan /, "the command shows the wrong way");
    await follow(await find("reverse-path-filter", "gw2"));
    assert.deepEqual(bad(await examine()), [`gw2 warning asymmetric-route ${subscribers}`]);
    await inNamespace("gw2", "ip", "route", "replace", subscribers, "via", "10.1.0.10", "dev", "lan");
    await assertHealthy();
  });

  it("rules of others that drop: by their policy, and one by one", async () => {
    const load = (rules: string) =>
      runCommand("ip", ["netns", "exec", lab.namespace("gw1"), "nft", "-f", "-"], { input: rules });
    await load("table ip other { chain FORWARD { type filter hook forward priority 0; policy drop; }; }");
    await assertHelps(["gw1 warning forward-policy-drop ip other FORWARD"]);
    await load("add rule ip other FORWARD tcp dport 25 drop");
    const note = await find("forward-rules-drop", "gw1");
    assert.equal(note.severity, "note");
    assert.match(await follow(note), /tcp dport 25 drop # handle/);
    await load("delete table ip other");
    const { findings } = await examine();
    assert.ok(!findings.some(({ code }) => code === "forward-rules-drop"));
  });

  it("somebody else who answers for a virtual address", async () => {
    await inNamespace("wan", "ip", "address", "add", "192.0.2.1/32", "dev", "eth0");
    await assertHelps(
      ["gw1 error duplicate-address 192.0.2.1", "gw2 error duplicate-address 192.0.2.1"],
      () => inNamespace("wan", "ip", "address", "del", "192.0.2.1/32", "dev", "eth0"),
    );
  });

  it("a foreign keepalived with the same virtual router id", async () => {
    const keepalived = new KeepalivedRouter({
      ...{ namespace: lab.namespace("lan"), folder: join(labFolder(lab.name), "keepalived"), device: "eth0" },
      ...{ virtualRouterId: 51, priority: 200, addresses4: ["10.1.0.77/24"] },
      addresses6: ["fe80::51:1/64", "fd00:1::77/64"],
    });
    try {
      await keepalived.waitForState("MASTER");
      await lab.waitForNode("gw1", "standby", ({ role }) => role === "standby");
      const found = await find("foreign-router", "gw1");
      assert.equal(found.severity, "warning");
      assert.match(found.what, /virtual router id 51 \(group gateway\) with priority 200/);
      assert.match(found.command, /^tcpdump .* lan /);
    } finally {
      await keepalived.stop();
    }
    await waitFor("the nodes to be alone again", async () => bad(await examine()).length === 0);
    await assertHealthy();
  });

  it("a program that fights, and only in the node's own network", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tocha-doctor-"));
    const program = join(folder, "conntrackd");
    copyFileSync("/bin/sleep", program);
    const started: ChildProcess[] = [];
    const start = (part: string) =>
      started.push(spawn("ip", ["netns", "exec", lab.namespace(part), program, "600"], { stdio: "ignore" }));
    try {
      start("wan");
      start("gw2");
      await waitFor("the program to be seen", async () => bad(await examine()).length > 0);
      assert.deepEqual(bad(await examine()), ["gw2 warning program-fights conntrackd"]);
    } finally {
      for (const child of started) child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
    await waitFor("the program to be gone", async () => bad(await examine()).length === 0);
  });

  it("a certificate that ends soon", async () => {
    const keys = join(labFolder(lab.name), "keys");
    const read = (name: string) => readFileSync(join(keys, name), "utf8");
    const authority = { certificate: read("ca.crt"), privateKey: read("ca.key") };
    const notBefore = new Date(Date.now() - DAY_MS);
    const notAfter = new Date(Date.now() + 14.5 * DAY_MS);
    const pair = await makeNodeCertificate("gw2", authority, { notBefore, notAfter });
    writeFileSync(join(keys, "gw2.crt"), pair.certificate);
    writeFileSync(join(keys, "gw2.key"), pair.privateKey);
    assert.match((await find("certificate-ends", "gw2")).what, /in 14 days/);
    await assertHelps([`gw2 warning certificate-ends ${keys}/gw2.crt`]);
  });

  it("a node that does not answer, and a machine without a daemon", async () => {
    await stopNode(lab.name, "gw2");
    assert.deepEqual(bad(await examine()), ["gw2 error node-unreachable gw2"]);
    const examineThere = async (document = documentPath(lab.name)) => {
      const words = [join(binaries, "tocha"), "doctor", "--config", document, "--node", "gw2", "-o", "json"];
      const directories = ["--run-dir", "/tmp", "--state-dir", "/tmp"];
      const { status, stdout } = await tryCommand("ip", [
        "netns",
        "exec",
        lab.namespace("gw2"),
        ...words,
        ...directories,
      ]);
      return { status, report: doctorReportSchema.parse(JSON.parse(stdout)) };
    };
    const good = await examineThere();
    assert.deepEqual(bad(good.report), []);
    assert.equal(good.status, 0);

    const folder = join(labFolder(lab.name), "elsewhere");
    mkdirSync(folder);
    const text = readFileSync(documentPath(lab.name), "utf8").replaceAll("device: wan", "device: wan9");
    writeFileSync(join(folder, "cluster.yaml"), text);
    const lacking = await examineThere(join(folder, "cluster.yaml"));
    assert.equal(lacking.status, 1);
    assert.deepEqual(bad(lacking.report), [
      "gw2 error device-missing wan9",
      `gw2 error keys-unusable ${folder}/keys`,
    ]);

    await startNode(lab.name, "gw2");
    await assertHealthy();
  });
});
