import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { run, runIp } from "../../../tests/network/test-host.ts";
import { readDocument } from "../../contract/read-document.ts";
import { Election } from "../../core/election/election.ts";
import type { ElectionEffect } from "../../core/election/election-types.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import type { PulseContent } from "../../wire/pulse.ts";
import { nodeSettings } from "../node-settings.ts";
import { electionSettings } from "./election-settings.ts";
import { Face } from "./face.ts";
import { PulsePaths } from "./pulse-paths.ts";
import type { PulseHearer, PulseSocket } from "./pulse-socket.ts";

// Two nodes with their elections and pulses in one network namespace, on a clock of their own: hours of peace in a second.

/** The compiler has to see all that often enough: before, each loop over a list makes an object or two. */
const WARM_UP_BEATS = 10_000;
const WINDOWS_MAX = 20;
const CHUNKS = 41;
const BEATS_IN_CHUNK = 50;
/** About 165, all of them boxes of numbers; a third of these for the test itself. It was 2,000. */
const BYTES_MAX = 250;

const document = `cluster: pulses
nodes:
  gw1:
    interfaces:
      lan: { device: lan1, addresses: [10.1.0.2/24] }
      sync: { device: sync1, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: lan2, addresses: [10.1.0.3/24] }
      sync: { device: sync2, addresses: [10.255.0.2/24] }
groups:
  gateway:
    virtualRouterId: 51
    interval: 10ms
    priorities: { gw1: 110, gw2: 100 }
    addresses: { lan: [10.1.0.1/24] }
replication: { interface: sync }
keys: { directory: keys }
`;

class Node {
  readonly election: Election;
  readonly pulses: PulsePaths;
  readonly #said: { -readonly [K in keyof PulseContent]: PulseContent[K] };
  readonly #sockets: readonly PulseSocket[];
  #nowMs = 0;
  heard = 0;

  constructor(node: string) {
    const { document: read } = readDocument(document, "cluster.yaml");
    assert.ok(read);
    const places = { configFile: "/c.yaml", runDirectory: "/run/tocha", stateDirectory: "/var/lib/tocha" };
    const settings = nodeSettings({ document: read, node, ...places }, [new Uint8Array(32)]);
    const [group] = settings.groups;
    assert.ok(group);
    this.pulses = new PulsePaths(settings);
    const route = new RouteSocket();
    this.pulses.readLinks(route.links());
    route.close();
    this.#sockets = this.pulses.open.map(({ socket }) => socket);
    const faces = group.faces.map((face) => new Face(face, group));
    this.election = new Election(electionSettings(settings, group, faces, this.pulses), 0);
    this.#said = { ...this.election.pulse(), watermark: 0, revision: settings.revision };
    for (const { name } of faces) this.election.faceChanged(0, name, true);
    this.election.readinessChanged(0, { gatewayReady: true, tableComplete: true });
  }

  beat(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs >= this.election.deadline) this.#perform(this.election.timeout(nowMs));
  }

  receive(): void {
    for (const socket of this.#sockets) this.pulses.receive(socket, this.#hear);
  }

  readonly #hear: PulseHearer = (path, pulse, isOvertaken) => {
    this.heard += 1;
    this.#perform(
      isOvertaken
        ? this.election.receiveOvertaken(this.#nowMs, path, pulse.sender)
        : this.election.receivePulse(this.#nowMs, path, pulse),
    );
  };

  #perform(effects: readonly ElectionEffect[]): void {
    for (const effect of effects) {
      if (effect.do !== "send-pulses") continue;
      Object.assign(this.#said, this.election.pulse());
      this.#said.watermark += 1;
      this.pulses.sendToAll("gateway", this.#said, this.election.addressing);
    }
  }
}

describe("the steady path of pulses", () => {
  before(() => {
    const all = "net.ipv4.conf.all";
    const off = "net.ipv4.conf.default.rp_filter=0";
    run("sysctl", ["-qw", `${all}.accept_local=1`, `${all}.rp_filter=0`, off]);
    const devices = ["sync1", "sync2", "lan1", "lan2"];
    runIp([
      "link set lo up",
      ...["sync", "lan"].map((name) => `link add ${name}1 type veth peer name ${name}2`),
      ...["10.255.0.1/24 dev sync1", "10.255.0.2/24 dev sync2"].map((address) => `addr add ${address}`),
      ...["10.1.0.2/24 dev lan1", "10.1.0.3/24 dev lan2"].map((address) => `addr add ${address}`),
      ...devices.map((device) => `link set ${device} up`),
      ...devices.map((device) => `rule add pref 10 iif ${device} lookup local`),
      ...["rule add pref 20 lookup main", "rule add pref 30 lookup local", "rule del pref 0"],
    ]);
  });

  it("takes little memory, however long it goes on", () => {
    const nodes = [new Node("gw1"), new Node("gw2")] as const;
    const beat = () => {
      const nowMs = Math.min(nodes[0].election.deadline, nodes[1].election.deadline);
      for (const node of nodes) node.beat(nowMs);
      for (const node of nodes) node.receive();
    };
    for (let i = 0; i < WARM_UP_BEATS; i++) beat();
    assert.deepEqual(
      nodes.map(({ election }) => election.role),
      ["active", "standby"],
    );
    const heard = () => nodes.reduce((sum, node) => sum + node.heard, 0);
    const bytesOfPulse = () => {
      const before = heard();
      const used = Array.from({ length: CHUNKS }, () => {
        const from = process.memoryUsage().heapUsed;
        for (let i = 0; i < BEATS_IN_CHUNK; i++) beat();
        return process.memoryUsage().heapUsed - from;
      });
      // A collection in a few of them does not change the one in the middle.
      const median = used.toSorted((a, b) => a - b)[CHUNKS >> 1] ?? 0;
      return (median * CHUNKS) / (heard() - before);
    };
    const windows: number[] = [];
    do windows.push(Math.round(bytesOfPulse()));
    while (windows.length < WINDOWS_MAX && (windows.at(-1) ?? 0) > BYTES_MAX);
    assert.ok((windows.at(-1) ?? 0) <= BYTES_MAX, `${windows} bytes for a pulse that is sent and received`);
  });
});
