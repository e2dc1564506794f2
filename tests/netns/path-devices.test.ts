/** Devices and addresses of paths that disappear, and are made anew. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nodeAddresses, virtualAddresses } from "../../src/lab/lab-plan.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { ipBatch, runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { connectNode, disconnectNode } from "../../src/lab/topology.ts";
import { TestLab } from "./daemon-node.ts";
import { HearingLab, PATHS, type Path } from "./hearing-lab.ts";
import { waitFor } from "./namespace-waiting.ts";

// The line "an address or device of a path that disappears" of the table "Paths that fail" (docs/guide/failover.md).

let lab: TestLab;
let paths: HearingLab;

before(async () => {
  lab = await TestLab.up("pathdev");
  paths = new HearingLab(lab);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
});

const others = (path: Path) => PATHS.filter((one) => one !== path);

async function addressesOn(node: string, device: string): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace(node), "address", "show", "dev", device]);
}

/** Takes away a node's own addresses on a path, or gives them back. */
async function ownAddresses(node: string, path: Path, what: "add" | "replace" | "del"): Promise<void> {
  const lines = nodeAddresses(node, path, lab.settings).map((address) => {
    return `address ${what} ${address} dev ${path}${what !== "del" && address.includes(":") ? " nodad" : ""}`;
  });
  await ipBatch(lab.namespace(node), lines);
}

/** What goes to hosts of the LAN goes there, and not by the default route. */
async function assertServesLan(node: string): Promise<void> {
  for (const host of ["10.1.0.9", "fd00:1::9"])
    assert.match(await runCommand("ip", ["-n", lab.namespace(node), "route", "get", host]), / dev lan /);
}

async function sysctl(node: string, name: string): Promise<string> {
  return (await runCommand("ip", ["netns", "exec", lab.namespace(node), "sysctl", "-n", name])).trim();
}

test("the device of the sync path, removed on either node and made anew: nothing moves, and pulses go on", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const node of [active, standby]) {
    await disconnectNode(lab.settings, node, "sync");
    await paths.waitForEachHearing(others("sync"));
    await paths.assertRoles({ [active]: "active", [standby]: "standby" });
    await connectNode(lab.settings, node, "sync");
    await paths.waitForEachHearing(PATHS);
    // The streams of connections use it as well.
    assert.equal((await lab.waitUntilWell()).activeNode, active);
  }
  assert.deepEqual(paths.changes, before);
});

test("the address of the sync path, removed on either node and added again: nothing moves, and pulses go on", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const node of [active, standby]) {
    await ownAddresses(node, "sync", "del");
    await paths.waitForEachHearing(others("sync"));
    await lab.waitForNode(node, "counting what it could not send", ({ counters }) => {
      return (counters["pulse-not-sent"] ?? 0) > 0;
    });
    await ownAddresses(node, "sync", "add");
    await paths.waitForEachHearing(PATHS);
    assert.equal((await lab.waitUntilWell()).activeNode, active);
  }
  assert.deepEqual(paths.changes, before);
});

test("the node's own addresses on a face, removed and added again: nothing moves, the virtual ones stay", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  for (const node of [active, standby]) {
    await ownAddresses(node, "lan", "del");
    // Of the active the standby still hears advertisements there, which need no address.
    await paths.waitForHearing(active, others("lan"));
    await paths.assertRoles({ [active]: "active", [standby]: "standby" });
    await waitForVirtual(active, "lan");
    await assertServesLan(active);
    await ownAddresses(node, "lan", "add");
    await paths.waitForEachHearing(PATHS);
    await waitForVirtual(active, "lan");
    // Its own address is a second one of the network now, which leads nowhere by itself (inet_insert_ifa, net/ipv4/devinet.c).
    await assertServesLan(active);
  }
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
});

test("virtual addresses that the kernel refuses are told of, and are there again when it takes them: nothing moves", async () => {
  const { active } = await lab.rolesWhenWell();
  const before = paths.changes;
  const disableIpv6 = async (value: 0 | 1) => {
    await setSysctls(lab.namespace(active), { "net.ipv6.conf.lan.disable_ipv6": value });
  };
  await disableIpv6(1);
  await lab.waitForNode(active, "missing one address", ({ groups }) => {
    return groups.some(({ addresses, missingAddresses = [] }) => {
      return missingAddresses.length === 1 && !addresses.includes(missingAddresses[0] ?? "");
    });
  });
  await lab.waitUntilSeen(active, "with the problem", ({ problems }) => {
    return problems.some(({ code, message }) => {
      return (
        code === "addresses-missing" &&
        message === `${active} is active, and its kernel does not have fd00:1::1/64`
      );
    });
  });
  await disableIpv6(0);
  await waitForVirtual(active, "lan");
  await ownAddresses(active, "lan", "replace");
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
});

test("the device of a face of the standby, removed and made anew: nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  await disconnectNode(lab.settings, standby, "lan");
  await paths.waitForEachHearing(others("lan"));
  await paths.assertRoles({ [active]: "active", [standby]: "standby" });
  await connectNode(lab.settings, standby, "lan");
  await paths.waitForEachHearing(PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.deepEqual(paths.changes, before);
  await waitFor("the new device to have the sysctls of the one before", async () => {
    return (await sysctl(standby, "net.ipv4.conf.lan.arp_ignore")) === "1";
  });
  assert.equal(await sysctl(standby, "net.ipv4.conf.lan.promote_secondaries"), "1");
});

test("the device of a face of the active is a face without carrier: one handover, and it is as before when it is made anew", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = paths.changes;
  await disconnectNode(lab.settings, active, "wan");
  await paths.assertRoles({ [standby]: "active", [active]: "standby" });
  await paths.waitForEachHearing(others("wan"));
  await connectNode(lab.settings, active, "wan");
  await paths.waitForEachHearing(PATHS);
  assert.equal((await lab.waitUntilWell()).activeNode, standby);
  assert.deepEqual(
    paths.changes.slice().sort(),
    [...before, `${active}: active -> standby`, `${standby}: standby -> active`].sort(),
  );
});

test("a node that is alone keeps its role without a device, and serves by it again when it is made anew", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await stopNode(lab.name, standby);
  await waitForVirtual(active, "lan");
  await disconnectNode(lab.settings, active, "lan");
  await lab.waitForNode(active, "without lan", ({ interfaces }) =>
    interfaces.some(({ name, up }) => name === "lan" && !up),
  );
  assert.equal((await lab.status(active)).role, "active");
  await connectNode(lab.settings, active, "lan");
  await waitForVirtual(active, "lan");
  assert.equal((await lab.status(active)).role, "active");
  await startNode(lab.name, standby);
  assert.equal((await lab.waitUntilWell()).activeNode, active);
});

/** All virtual addresses of an interface, of both families, stand on its device. */
async function waitForVirtual(node: string, path: Path): Promise<void> {
  const prefix = path === "lan" ? /^(10\.1\.0\.|fd00:1:)/ : /^(192\.0\.2\.|2001:db8:)/;
  const wanted = virtualAddresses(lab.settings).filter((address) => prefix.test(address));
  assert.equal(wanted.length, 2);
  let text = "";
  await waitFor(
    `${node} to hold ${wanted.join(" and ")}`,
    async () => {
      text = await addressesOn(node, path);
      return wanted.every((address) => text.includes(` ${address} `));
    },
    { explain: () => `${text}\n${lab.log(node)}` },
  );
}
