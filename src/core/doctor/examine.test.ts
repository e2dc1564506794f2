import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import type { DoctorFinding } from "../../contract/doctor.ts";
import { type DoctorCode, doctorCodes } from "../../contract/doctor-codes.ts";
import { healthyFacts } from "../../contract/doctor-facts.test-data.ts";
import { type NodeFacts, nodeFactsSchema } from "../../contract/doctor-facts.ts";
import { readDocument } from "../../contract/read-document.ts";
import type { Examination } from "./examination.ts";
import { doctorChecks, examine } from "./examine.ts";
import { type FaultyNode, faultyNodes } from "./faulty-nodes.test-data.ts";

const { document } = readDocument(goodDocument, "cluster.yaml");
assert.ok(document !== undefined);
const nowMs = Date.parse("2026-08-01T10:00:00.000Z");

function examination(change: Partial<Examination> = {}): Examination {
  return {
    ...{ from: "gw1", document: document!, asOf: "2026-08-01T10:00:00.000Z", nowMs },
    nodes: [healthyFacts("gw1"), healthyFacts("gw2")],
    missing: [],
    clocks: [{ node: "gw2", offsetMs: 3, errorMs: 2 }],
    ...change,
  };
}

const bad = (findings: readonly DoctorFinding[]) => findings.filter(({ severity }) => severity !== "ok");

function findingsOf({ node = "gw2", change, changeAll, ...rest }: FaultyNode): DoctorFinding[] {
  const nodes = [healthyFacts("gw1"), healthyFacts("gw2")];
  for (const one of nodes) if (one.node === node) change?.(one);
  changeAll?.(nodes);
  return bad(examine(examination({ nodes, ...rest.examination })).findings);
}

describe("doctor", () => {
  it("finds nothing wrong with a healthy cluster, and says what it has looked at", () => {
    const report = examine(examination());
    assert.deepEqual(bad(report.findings), []);
    assert.equal(report.verdict, "ok");
    assert.equal(report.summary, "2 nodes examined: nothing is wrong");
    for (const node of ["gw1", "gw2"]) {
      const good = report.findings.filter((one) => one.node === node).map(({ code }) => code);
      assert.deepEqual(
        good,
        doctorChecks.map(({ name }) => name),
      );
    }
  });

  for (const faulty of faultyNodes) {
    const { name, code, severity, says, command, on, node = "gw2" } = faulty;
    it(`${code}: ${name}`, () => {
      const found = findingsOf(faulty);
      assert.deepEqual(
        found.map((one) => one.code),
        [code],
        JSON.stringify(found),
      );
      const [one] = found;
      assert.equal(one?.severity, severity);
      assert.equal(one?.node, node);
      assert.ok(one?.what.includes(says), one?.what);
      assert.ok(one?.why !== "");
      if (command !== undefined) assert.ok(one?.command.includes(command), one?.command);
      if (on !== undefined) assert.equal(one?.on, on);
    });
  }

  it("says nothing where a fact is on the good side of its limit", () => {
    const change = (facts: NodeFacts) => {
      Object.assign(facts.interfaces[0]!, { errors: 5_000, drops: 50_000, duplex: null, speed: null });
      // As loose as Debian has it; router advertisements are ignored by who forwards.
      Object.assign(facts.interfaces[1]!, { reversePathFilter: 2, acceptRa: 1 });
      Object.assign(facts.conntrack, { count: 0.79 * facts.conntrack.max });
      Object.assign(facts.certificates, { nodeEnds: "2026-09-01T00:00:00.000Z" });
      facts.foreignChains.push({
        ...{ family: "ip", table: "filter", chain: "FORWARD" },
        ...{ dropsByPolicy: false, droppingRules: 0, owner: null },
      });
      facts.programs.push({ name: "NetworkManager", pid: 12 });
    };
    assert.deepEqual(findingsOf({ ...faultyNodes[0]!, change }), []);
    const skew = { clocks: [{ node: "gw2", offsetMs: 700, errorMs: 300 }] };
    assert.deepEqual(bad(examine(examination(skew)).findings), [], "it may be the network's time");
  });

  it("does not blame a machine on which no daemon runs for what only a daemon does", () => {
    const change = (facts: NodeFacts) => {
      Object.assign(facts, { daemonRuns: false });
      facts.sysctls[0]!.found = "0";
      facts.interfaces[0]!.forwarding6 = false;
      Object.assign(facts.service, { runsUnderIt: false });
    };
    assert.deepEqual(findingsOf({ ...faultyNodes[0]!, change }), []);
  });

  it("takes no answer for a stranger's while the node that may have given it cannot be asked", () => {
    const nodes = [healthyFacts("gw2")];
    const missing = [{ name: "gw1", why: "ECONNREFUSED", answered: false }];
    const one = examine(examination({ from: "gw2", nodes, missing, clocks: [] }));
    assert.deepEqual(
      bad(one.findings).map(({ code }) => code),
      ["node-unreachable"],
    );
    assert.equal(one.summary, "1 of 2 nodes examined: 1 error");
    const alone = examine(examination({ from: "gw2", nodes, clocks: [] }));
    assert.deepEqual(bad(alone.findings), [], "nor where only this machine is examined");
    nodes[0]!.answers[0]!.macs.push("aa:aa:aa:aa:aa:aa");
    const two = examine(examination({ from: "gw2", nodes, missing, clocks: [] }));
    assert.deepEqual(
      bad(two.findings)
        .map(({ code }) => code)
        .sort(),
      ["duplicate-address", "node-unreachable"],
    );
  });

  it("leaves an address to the foreign router that holds it, unless a node holds it as well", () => {
    const stranger = "aa:aa:aa:aa:aa:aa";
    const foreign = { group: "gateway", interface: "lan", address: "10.1.0.9", priority: 200 };
    const codes = (macs: string[]) =>
      findingsOf({
        ...faultyNodes[0]!,
        change: (facts) => {
          facts.foreignRouters.push(foreign);
          facts.answers[0]!.macs = macs;
        },
      }).map(({ code }) => code);
    assert.deepEqual(codes([stranger]), ["foreign-router"]);
    assert.deepEqual(codes([stranger, "02:00:00:00:01:00"]).sort(), ["duplicate-address", "foreign-router"]);
  });

  it("warns of a strict reverse-path filter where a route leads elsewhere, and only there", () => {
    const found = findingsOf({
      ...faultyNodes[0]!,
      change: (facts) => {
        for (const one of facts.interfaces) one.reversePathFilter = 1;
        facts.routes[1]!.device = "eth1";
      },
    });
    const strict = found.filter(({ code }) => code === "reverse-path-filter");
    assert.deepEqual(
      strict.map(({ on, severity }) => `${on} ${severity}`),
      ["eth0 warning", "eth1 note", "eth2 note"],
    );
    assert.match(strict[0]?.what ?? "", /the route to 100\.64\.0\.0\/10 leads elsewhere/);
  });

  it("does not warn of it where packets come in by another interface inside", () => {
    const three = structuredClone(document!);
    three.groups["gateway"]!.addresses["dmz"] = ["10.9.0.1/24"];
    const nodes = [healthyFacts("gw1"), healthyFacts("gw2")];
    for (const facts of nodes)
      facts.interfaces.push({ ...facts.interfaces[0]!, name: "dmz", device: "eth3", reversePathFilter: 1 });
    const { findings } = examine(examination({ document: three, nodes }));
    assert.deepEqual(
      bad(findings).map(({ severity, code, on }) => `${severity} ${code} ${on}`),
      ["note reverse-path-filter eth3", "note reverse-path-filter eth3"],
    );
  });

  it("does not go by what it could not see without root", () => {
    const change = (facts: NodeFacts) => {
      Object.assign(facts, { isRoot: false, realTime: false });
      Object.assign(facts.kernel, {
        lackingFeatures: [{ name: "masquerade", said: "Operation not permitted" }],
      });
      Object.assign(facts.certificates, { problem: { message: "gw2.key cannot be read", hint: "" } });
      facts.disks[0]!.writable = false;
    };
    const found = findingsOf({ ...faultyNodes[0]!, change });
    assert.deepEqual(
      found.map(({ code }) => code),
      ["not-root"],
    );
  });

  it("puts the worst first, node by node in the order of the document", () => {
    const nodes = [healthyFacts("gw2"), healthyFacts("gw1")];
    for (const facts of nodes) {
      Object.assign(facts.kernel, { hasIpvs: false });
      Object.assign(facts, { realTime: false });
      facts.disks[0]!.writable = false;
    }
    const found = bad(examine(examination({ nodes })).findings);
    assert.deepEqual(
      found.map(({ node, severity }) => `${node} ${severity}`),
      ["gw1 error", "gw1 warning", "gw1 note", "gw2 error", "gw2 warning", "gw2 note"],
    );
    assert.equal(examine(examination({ nodes })).summary, "2 nodes examined: 2 errors, 2 warnings, 2 notes");
  });

  it("does not call good what could not be found out", () => {
    const nodes = [healthyFacts("gw1"), healthyFacts("gw2")];
    nodes[1]!.failures.push({ what: "rules of others: nft is silent", checks: ["other-rules"] });
    const good = examine(examination({ nodes })).findings.filter(({ severity }) => severity === "ok");
    const on = (name: string) => good.filter(({ code }) => code === name).map(({ node }) => node);
    assert.deepEqual(on("other-rules"), ["gw1"]);
    assert.deepEqual(on("examination"), ["gw1"]);
  });

  it("does not call equal what was compared with nothing", () => {
    const alone = [healthyFacts("gw1")];
    for (const probe of alone[0]!.probes) Object.assign(probe, { small: false, full: false });
    const codes = examine(examination({ nodes: alone, clocks: [] })).findings.map(({ code }) => code);
    const compared = ["flow-kinds", "conntrack-room", "speed", "mtu", "full-size", "authority", "equality"];
    assert.deepEqual(
      doctorChecks.map(({ name }) => name).filter((name) => !codes.includes(name)),
      compared,
    );
  });

  it("names only checks that there are as those that could not be made", () => {
    const source = readFileSync(new URL("../../daemon/drivers/doctor-facts.ts", import.meta.url), "utf8");
    const named = Array.from(source.matchAll(/\borElse\(\s*"[^"]+", \[([^\]]+)\]/g), ([, list = ""]) =>
      list.split(",").map((text) => text.trim().replaceAll('"', "")),
    ).flat();
    assert.ok(named.length >= 7, named.join(" "));
    const names = doctorChecks.map(({ name }) => name);
    assert.deepEqual(
      named.filter((name) => !names.includes(name)),
      [],
    );
  });

  it("can make every finding of the list", () => {
    const made = new Set<string>(faultyNodes.map(({ code }) => code));
    assert.deepEqual(
      (Object.keys(doctorCodes) as DoctorCode[]).filter((code) => !made.has(code)),
      [],
    );
  });

  it("knows facts that have been on the way as JSON, also with what a newer node adds", () => {
    const sent: unknown = JSON.parse(JSON.stringify({ ...healthyFacts("gw1"), colour: "blue" }));
    assert.deepEqual(nodeFactsSchema.parse(sent), healthyFacts("gw1"));
    assert.ok(!nodeFactsSchema.safeParse({ ...healthyFacts("gw1"), kernel: undefined }).success);
  });
});
