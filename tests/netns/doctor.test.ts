/** What `tocha doctor` finds on real nodes: nothing first, then one thing after the other that is broken, until its command has helped. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { labAddresses } from "../../src/lab/lab-plan.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { bad, ExaminedLab } from "./examined-lab.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

/** Many intervals of the lab: the other node takes over meanwhile. */
const STOPPED_MS = 500;

let lab: ExaminedLab;

before(async () => {
  await requireNamespaces();
  lab = await ExaminedLab.up("dr");
});

after(() => lab?.down());

describe("tocha doctor", () => {
  it("finds a healthy cluster healthy, whichever node is asked", async () => {
    await lab.assertHealthy();
    const other = await lab.examine("gw2");
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
    // On a busy machine an answer may come too late for one examination; not for every one.
    await waitFor("an examination that finds out everything", async () => {
      const { findings } = await lab.examine("gw2");
      return findings.every(({ code }) => code !== "not-found-out" && code !== "clock-unknown");
    });
  });

  it("finds what it must have asked the network for: every probe had an answer, and the standby hears the active", async () => {
    const facts = await lab.facts("gw2");
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
    await lab.inNamespace("gw2", "ip", "link", "set", "dev", "lan", "mtu", "1400");
    await lab.assertHelps(["gw2 warning mtu-differs lan"]);
  });

  it("a smaller MTU between the nodes", async () => {
    await lab.inNamespace("net", "ip", "link", "set", "dev", "gw2-lan", "mtu", "1400");
    const { command } = await lab.find("mtu-not-carried", "gw1");
    assert.equal(command, "ping -c 1 -M do -s 1472 -I lan 10.1.0.3");
    await lab.assertHelps(["gw1 warning mtu-not-carried lan", "gw2 warning mtu-not-carried lan"], () =>
      lab.inNamespace("net", "ip", "link", "set", "dev", "gw2-lan", "mtu", "1500"),
    );
  });

  it("kernel settings that somebody changed", async () => {
    await lab.inNamespace("gw2", "sysctl", "-w", "net.ipv4.conf.lan.arp_ignore=0", "net.ipv4.ip_forward=0");
    await lab.assertHelps([
      // Switching forwarding off sets further settings of the devices back.
      ...["gw2 error sysctl-differs net.ipv4.ip_forward"],
      ...["gw2 warning sysctl-differs net.ipv4.conf.lan.arp_ignore"],
    ]);
  });

  it("router advertisements that are believed", async () => {
    await lab.inNamespace("gw1", "sysctl", "-w", "net.ipv6.conf.wan.accept_ra=2");
    await lab.assertHelps(["gw1 warning accepts-router-advertisements wan"]);
  });

  it("a strict reverse-path filter is a note, until a route leads elsewhere", async () => {
    await lab.inNamespace("gw2", "sysctl", "-w", "net.ipv4.conf.lan.rp_filter=1");
    assert.equal((await lab.find("reverse-path-filter", "gw2")).severity, "note");
    const subscribers = labAddresses.subscribers;
    await lab.inNamespace("gw2", "ip", "route", "replace", subscribers, "via", "192.0.2.9", "dev", "wan");
    const route = await lab.find("asymmetric-route", "gw2");
    assert.equal(route.on, subscribers);
    assert.match(await lab.follow(route), / dev wan /, "the command shows the wrong way");
    await lab.follow(await lab.find("reverse-path-filter", "gw2"));
    assert.deepEqual(bad(await lab.examine()), [`gw2 warning asymmetric-route ${subscribers}`]);
    await lab.inNamespace("gw2", "ip", "route", "replace", subscribers, "via", "10.1.0.10", "dev", "lan");
    await lab.assertHealthy();
  });

  it("rules of others that drop: by their policy, and one by one", async () => {
    const load = (rules: string) =>
      runCommand("ip", ["netns", "exec", lab.namespace("gw1"), "nft", "-f", "-"], { input: rules });
    await load("table ip other { chain FORWARD { type filter hook forward priority 0; policy drop; }; }");
    await lab.assertHelps(["gw1 warning forward-policy-drop ip other FORWARD"]);
    await load("add rule ip other FORWARD tcp dport 25 drop");
    const note = await lab.find("forward-rules-drop", "gw1");
    assert.equal(note.severity, "note");
    assert.match(await lab.follow(note), /tcp dport 25 drop # handle/);
    await load("delete table ip other");
    const { findings } = await lab.examine();
    assert.ok(!findings.some(({ code }) => code === "forward-rules-drop"));
  });

  it("a failover role that was woken late, as by a host that gives its processor to others", async () => {
    const { pid } = await lab.lab.processOf("gw1", "failover");
    sendSignal(pid, "SIGSTOP");
    try {
      await sleep(STOPPED_MS);
    } finally {
      sendSignal(pid, "SIGCONT");
    }
    await lab.lab.waitUntilWell();
    const { severity, what } = await lab.find("woken-late", "gw1");
    assert.equal(severity, "note");
    const [, lateMs] = /was woken too late \d+ times?, by up to (\d+) ms/.exec(what) ?? [];
    assert.ok(Number(lateMs) > STOPPED_MS / 2, what);
  });
});
