import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exampleReport } from "../contract/doctor.test-data.ts";
import { healthyStatus } from "../contract/status.test-data.ts";
import type { SupportPart } from "../contract/support.ts";
import { doctorText } from "./doctor-text.ts";
import { manifestText } from "./manifest-text.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";
import { plainPaper } from "./terminal.ts";

/** `tocha doctor` and `tocha support-bundle` as users start them, before a node that a test pretends. */

let node: PretendedNode;
let folder = "";
before(async () => {
  node = await PretendedNode.start();
  folder = mkdtempSync(join(tmpdir(), "tocha-doctor-"));
});
after(() => {
  rmSync(folder, { recursive: true });
  node.stop();
});

describe("tocha doctor", () => {
  it("shows the verdict, then node by node what is wrong, why it matters and what helps", () => {
    const text = doctorText(exampleReport(), plainPaper);
    assert.equal(
      text,
      `campus ERROR  2 nodes examined: 1 error, 1 warning, 1 note

gw1
  note: the kernel has no IPVS [no-ipvs]
    Address translation does not need it; balancing load over servers by IPVS
    would.
    -> modprobe ip_vs
  ok: tools, mtu

gw2
  error: net.ipv4.ip_forward is 0, the node has set 1: somebody has changed it;
    /etc/sysctl.d/99-hardening.conf sets it so [sysctl-differs]
    The node is an IPv4 router.
    -> sysctl -w net.ipv4.ip_forward=1
  warning: eth0 has an MTU of 1400, gw1 has 1500 on lan [mtu-differs]
    Large packets that others on this link send do not arrive after a takeover.
    -> ip link set dev eth0 mtu 1500
`,
    );
  });

  it("ends with 1 when something is wrong, with 0 when only notes are left", async () => {
    node.answer = { status: 200, body: exampleReport() };
    const { status, out } = await node.tocha(["doctor"]);
    assert.equal(status, 1);
    assert.match(out, /^campus ERROR/);
    assert.equal(node.asked, "/v1/doctor");
    const findings = exampleReport().findings.filter(({ node }) => node === "gw1");
    node.answer = { status: 200, body: { ...exampleReport(), verdict: "ok", findings } };
    const json = await node.tocha(["doctor", "-o", "json"]);
    assert.equal(json.status, 0);
    assert.deepEqual(JSON.parse(json.out).findings, findings);
  });

  it("ends with 69 when no node answers, and names the other way", async () => {
    const gone = await node.tochaAlone(["doctor", "--lab", "no-such-lab"]);
    assert.equal(gone.status, 69);
    assert.match(gone.err, /tocha doctor\s+--config FILE --node NAME/);
  });

  it("ends with 2 for a document that is not right", async () => {
    const wrong = await node.tochaAlone(["doctor", "--config", "/does/not/exist.yaml"]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.err, /does not exist/);
  });
});

const part = (name: string): SupportPart => ({
  node: name,
  files: [
    { name: "document.yaml", text: "cluster: campus\n", about: "the cluster document" },
    { name: "ip-link.txt", text: "1: lo\n", about: "devices" },
  ],
  leftOut: [{ name: "journal.txt", why: "there is no systemd" }],
  removed: 3,
});

describe("tocha support-bundle", () => {
  it("packs what the nodes give, with a manifest, for its owner only", async () => {
    node.only = {
      "/v1/support": part("gw1"),
      "/v1/status": statusOf(["gw1", "gw2", "gw3"]),
      "/v1/support?node=gw2": part("gw2"),
    };
    const file = join(folder, "bundle.tar.gz");
    const { status, out } = await node.tocha(["support-bundle", file, "-o", "json"]);
    assert.equal(status, 1, "gw3 did not answer");
    const told = JSON.parse(out);
    assert.equal(told.file, file);
    assert.deepEqual(
      told.silent.map((one: { node: string }) => one.node),
      ["gw3"],
    );
    assert.equal(statSync(file).mode & 0o777, 0o600);
    spawnSync("tar", ["-xzf", file, "--strip-components=1", "-C", folder]);
    assert.equal(readFileSync(join(folder, "gw2", "document.yaml"), "utf8"), "cluster: campus\n");
    const manifest = readFileSync(join(folder, "MANIFEST.txt"), "utf8");
    assert.match(manifest, /gw1\/\n {2}document\.yaml {2}the cluster document\n/);
    assert.match(manifest, /journal\.txt {4}there is no systemd\n/);
    assert.match(manifest, /Nodes that did not answer:\n {2}gw3: /);

    const again = await node.tocha(["support-bundle", file]);
    assert.equal(again.status, 2);
    assert.match(again.err, /exists already; nothing was written/);
    const nowhere = await node.tocha(["support-bundle", join(folder, "no", "such", "folder.tar.gz")]);
    assert.equal(nowhere.status, 2);
    assert.match(nowhere.err, /cannot be written/);
    node.only = {};
  });

  it("says in the manifest that what was taken out is not there", () => {
    const text = manifestText({ asOf: "2026-08-01T10:00:00.000Z", parts: [part("gw1")], silent: [] });
    assert.match(text, /Left out \(3 secrets were taken out of the texts above\)/);
  });
});

function statusOf(names: readonly string[]) {
  const status = healthyStatus();
  return { ...status, nodes: names.map((name) => ({ ...status.nodes[0], name })) };
}
