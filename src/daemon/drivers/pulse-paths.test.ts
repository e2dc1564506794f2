import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, beforeEach, describe, it } from "node:test";
import { run, runIp } from "../../../tests/network/test-host.ts";
import { readDocument } from "../../contract/read-document.ts";
import { deviceIndex } from "../../linux/libc.ts";
import { PollSet } from "../../linux/poll.ts";
import { NetworkEvents, RouteSocket } from "../../linux/route-socket.ts";
import type { PulseContent } from "../../wire/pulse.ts";
import { type NodeSettings, nodeSettings } from "../node-settings.ts";
import { PulsePaths } from "./pulse-paths.ts";

// Two nodes in one network namespace, each with a device of its own at either end of two cables. What one node sends to the
// other's address, which is the same machine's, leaves by the device all the same: only what comes in by one of these devices is
// looked up among the local addresses.

const DEVICES = ["sync1", "sync2", "lan1", "lan2"];
const ADDRESSES: Readonly<Record<string, string>> = {
  ...{ sync1: "10.255.0.1/24", sync2: "10.255.0.2/24" },
  ...{ lan1: "10.1.0.2/24", lan2: "10.1.0.3/24" },
};
/** Of a frame from one end of a cable to the other: far more than it takes. */
const ARRIVAL_LIMIT_MS = 2_000;

function nodeLines(number: number): string {
  const addresses = (name: string) => `[${ADDRESSES[`${name}${number}`]}]`;
  return `  gw${number}:
    interfaces:
      lan: { device: lan${number}, addresses: ${addresses("lan")} }
      sync: { device: sync${number}, addresses: ${addresses("sync")} }`;
}

const { document } = readDocument(
  `cluster: pulses
nodes:
${nodeLines(1)}
${nodeLines(2)}
groups:
  gateway:
    virtualRouterId: 51
    priorities: { gw1: 110, gw2: 100 }
    addresses: { lan: [10.1.0.1/24] }
replication: { interface: sync }
keys: { directory: keys }
`,
  "cluster.yaml",
);

function settings(node: string): NodeSettings {
  assert.ok(document !== undefined);
  const places = {
    configFile: "/cluster.yaml",
    runDirectory: "/run/tocha",
    stateDirectory: "/var/lib/tocha",
  };
  return nodeSettings({ document, node, ...places }, [new Uint8Array(32)]);
}

const content: PulseContent = {
  ...{ role: "standby", effectivePriority: 100, tableComplete: true, intervalMs: 100 },
  ...{ resigning: false, wantsToBeActive: false, gaveWay: false, inReserve: false, fitInNeed: false },
  ...{ watermark: 0, revision: "0000000000000001", advertisementSources: [] },
};

/** A node's pulses, driven by the kernel's events as the failover role does it. */
class Node {
  readonly pulses: PulsePaths;
  readonly #events = new NetworkEvents({ added: "link-scope" });

  constructor(name: string) {
    this.pulses = new PulsePaths(settings(name));
    const route = new RouteSocket();
    this.pulses.readLinks(route.links());
    route.close();
  }

  get devices(): string[] {
    return this.pulses.open.map(({ socket }) => socket.device);
  }

  send(): void {
    const addressing = { heardPaths: () => 0, heirFor: () => "none" as const, isDeafOn: () => false };
    this.pulses.sendToAll("gateway", content, addressing);
  }

  /** Takes in what the kernel has told of links until now. @returns whether sockets were opened or closed */
  takeEvents(): boolean {
    let hasChanged = false;
    for (let events = this.#events.read(); events.length > 0; events = this.#events.read()) {
      for (const event of events) {
        if (event.kind === "overrun") throw new Error("the kernel dropped events");
        if (event.kind !== "link") continue;
        if (this.pulses.linkChanged(event.link, event.removed)) hasChanged = true;
      }
    }
    return hasChanged;
  }

  /** @returns the paths by which fresh pulses came, sorted */
  heard(): string[] {
    const paths = new Set<string>();
    for (const { socket } of this.pulses.open) this.pulses.receive(socket, (path) => paths.add(path));
    return [...paths].sort();
  }

  /** Waits until something has come on each of so many sockets. */
  waitFor(paths: number): void {
    const poll = new PollSet(this.pulses.open.map(({ fd }) => fd));
    const endMs = performance.now() + ARRIVAL_LIMIT_MS;
    while (poll.wait(100) < paths) assert.ok(performance.now() < endMs, `nothing comes on ${paths} paths`);
  }
}

function makeCable(name: string): void {
  runIp([
    `link add ${name}1 type veth peer name ${name}2`,
    ...[`${name}1`, `${name}2`].flatMap((device) => [
      `addr add ${ADDRESSES[device]} dev ${device}`,
      `link set ${device} up`,
    ]),
  ]);
}

describe("PulsePaths", () => {
  let gw1: Node;
  let gw2: Node;

  before(() => {
    const all = "net.ipv4.conf.all";
    run("sysctl", [
      "-qw",
      `${all}.accept_local=1`,
      `${all}.rp_filter=0`,
      "net.ipv4.conf.default.rp_filter=0",
    ]);
    runIp([
      "link set lo up",
      ...DEVICES.map((device) => `rule add pref 10 iif ${device} lookup local`),
      ...["rule add pref 20 lookup main", "rule add pref 30 lookup local", "rule del pref 0"],
    ]);
    for (const name of ["sync", "lan"]) makeCable(name);
    gw1 = new Node("gw1");
    gw2 = new Node("gw2");
  });

  /** Both are acquainted on both paths. */
  beforeEach(() => {
    for (const node of [gw1, gw2]) node.takeEvents();
    for (let turn = 0; turn < 6; turn++) {
      for (const [from, to] of [
        [gw1, gw2],
        [gw2, gw1],
      ] as const) {
        from.send();
        to.waitFor(2);
        to.heard();
      }
    }
    assertHeard(["lan", "sync"]);
  });

  /** One pulse of each node, and the paths by which it comes to the other one. */
  function assertHeard(paths: readonly string[]): void {
    for (const [from, to] of [
      [gw1, gw2],
      [gw2, gw1],
    ] as const) {
      from.send();
      to.waitFor(paths.length);
      assert.deepEqual(to.heard(), paths);
    }
  }

  it("has a socket for each path whose device exists", () => {
    assert.deepEqual(
      [gw1.devices, gw2.devices],
      [
        ["sync1", "lan1"],
        ["sync2", "lan2"],
      ],
    );
    assert.equal(gw1.pulses.readLinks(new RouteSocket().links()), false, "nothing has changed");
  });

  it("goes on by the other paths when a device is gone, and by it again when it is made anew", () => {
    const before = deviceIndex("sync1");
    runIp(["link del sync1"]);
    for (const node of [gw1, gw2]) assert.equal(node.takeEvents(), true, "another set to poll");
    assert.deepEqual([gw1.devices, gw2.devices], [["lan1"], ["lan2"]]);
    assertHeard(["lan"]);

    makeCable("sync");
    assert.notEqual(deviceIndex("sync1"), before, "a device of the same name, and another one");
    for (const node of [gw1, gw2]) assert.equal(node.takeEvents(), true);
    assert.deepEqual(
      [gw1.devices, gw2.devices],
      [
        ["sync1", "lan1"],
        ["sync2", "lan2"],
      ],
    );
    assertHeard(["lan", "sync"]);
  });

  it("finds a device that was made anew while the kernel's events were lost", () => {
    runIp(["link del sync1"]);
    makeCable("sync");
    const route = new RouteSocket();
    for (const { pulses } of [gw1, gw2]) assert.equal(pulses.readLinks(route.links()), true);
    route.close();
    assertHeard(["lan", "sync"]);
  });

  it("does not fail when the device of which the kernel tells is gone already", () => {
    const [socket] = gw1.pulses.open;
    const gone = { name: "sync1", index: 9_999, mac: new Uint8Array(6), up: true };
    runIp(["link del sync1"]);
    assert.equal(gw1.pulses.linkChanged(gone, false), true);
    assert.deepEqual(gw1.devices, ["lan1"]);
    assert.equal(socket?.socket.fd, undefined);
    makeCable("sync");
    assert.equal(gw1.takeEvents(), true);
    assert.deepEqual(gw1.devices, ["sync1", "lan1"]);
  });

  it("sends nothing by a path whose address is gone, counts that, and goes on when it is back", () => {
    const notSent = () => gw1.pulses.counters["pulse-not-sent"] ?? 0;
    const before = notSent();
    runIp([`addr del ${ADDRESSES["sync1"]} dev sync1`]);
    gw1.send();
    gw2.waitFor(1);
    assert.deepEqual(gw2.heard(), ["lan"]);
    assert.equal(notSent(), before + 1);
    assert.deepEqual(gw1.devices, ["sync1", "lan1"], "the socket stays");

    runIp([`addr add ${ADDRESSES["sync1"]} dev sync1`]);
    assertHeard(["lan", "sync"]);
    assert.equal(notSent(), before + 1);
  });

  it("goes on when a device was down", () => {
    runIp(["link set sync1 down"]);
    for (const node of [gw1, gw2]) assert.equal(node.takeEvents(), false, "the same device");
    assertHeard(["lan"]);
    runIp(["link set sync1 up"]);
    assertHeard(["lan", "sync"]);
  });
});
