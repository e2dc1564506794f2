/** What `tocha doctor` finds around real nodes: strangers on the links, other programs, keys, nodes and daemons that are not there. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { validIp } from "../../src/base/ip.ts";
import { doctorReportSchema } from "../../src/contract/doctor.ts";
import { makeNodeCertificate } from "../../src/keys/certificates.ts";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { tryCommand } from "../../src/lab/run-command.ts";
import { encodeAdvertisementFrame } from "../../src/wire/vrrp.ts";
import { bad, binaries, ExaminedLab } from "./examined-lab.ts";
import { KeepalivedRouter } from "./keepalived-router.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

const DAY_MS = 86_400_000;
const router = { virtualRouterId: 51, priority: 50, intervalCs: 100 };

let lab: ExaminedLab;

before(async () => {
  await requireNamespaces(["keepalived"]);
  lab = await ExaminedLab.up("ds");
});

after(() => lab?.down());

describe("tocha doctor, around the nodes", () => {
  it("somebody else who answers for a virtual address", async () => {
    await lab.inNamespace("wan", "ip", "address", "add", "192.0.2.1/32", "dev", "eth0");
    await lab.assertHelps(
      ["gw1 error duplicate-address 192.0.2.1", "gw2 error duplicate-address 192.0.2.1"],
      () => lab.inNamespace("wan", "ip", "address", "del", "192.0.2.1/32", "dev", "eth0"),
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
      await lab.lab.waitForNode("gw1", "standby", ({ role }) => role === "standby");
      for (const node of ["gw1", "gw2"]) {
        const found = await lab.find("foreign-router", node);
        assert.equal(found.severity, "warning");
        // It speaks over both families; the election shows one of them.
        assert.match(found.what, /^(10\.1\.0\.10|fe80::\S+) on lan is no node /);
        assert.match(found.what, /virtual router id 51 \(group gateway\) with priority 200/);
        assert.match(found.command, /^tcpdump .* lan /);
      }
    } finally {
      await keepalived.stop();
    }
    await waitFor("the nodes to be alone again", async () => bad(await lab.examine()).length === 0);
    await lab.assertHealthy();
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
      await waitFor("the program to be seen", async () => bad(await lab.examine()).length > 0);
      assert.deepEqual(bad(await lab.examine()), ["gw2 warning program-fights conntrackd"]);
    } finally {
      for (const child of started) child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
    await waitFor("the program to be gone", async () => bad(await lab.examine()).length === 0);
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
    assert.match((await lab.find("certificate-ends", "gw2")).what, /in 14 days/);
    await lab.assertHelps([`gw2 warning certificate-ends ${keys}/gw2.crt`]);
  });

  it("a node that does not answer, and a machine without a daemon", async () => {
    await stopNode(lab.name, "gw2");
    assert.deepEqual(bad(await lab.examine()), ["gw2 error node-unreachable gw2"]);
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
    await lab.assertHealthy();
  });

  it("a router that speaks version 2, which the election does not hear", async () => {
    const frame = encodeAdvertisementFrame({
      sourceMac: Uint8Array.of(2, 0, 0, 0, 0xc1, 1),
      source: validIp("10.1.0.10"),
      ...{ advertisement: { ...router, addresses: [validIp("10.1.0.77")] }, version: 2 },
    });
    const agent = new NamespaceAgent(lab.namespace("lan"));
    const send = () =>
      agent.request({
        ...({ do: "send-frames", device: "eth0" } as const),
        frames: [Buffer.from(frame).toString("hex")],
      });
    let isOver = false;
    // keepalived would not do: it puts its own advertisements off whenever it hears one of another version.
    const sending = (async () => {
      for (; !isOver; await letTimePass(200)) await send();
    })();
    try {
      let last: string[] = [];
      const hears = async () => {
        last = bad(await lab.examine());
        return last.join(", ") === "gw1 warning foreign-router lan, gw2 warning foreign-router lan";
      };
      await waitFor("both nodes to hear it", hears, { explain: () => last.join("\n") });
      assert.equal((await lab.lab.status("gw1")).role, "active", "it goes on as it did");
    } finally {
      isOver = true;
      await sending;
      await agent.close();
    }
    await lab.assertHealthy();
  });
});
