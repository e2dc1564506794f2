import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { untilLinkCarries } from "../../../tests/network/link-carries.ts";
import { runIp } from "../../../tests/network/test-host.ts";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { takeoverEntry } from "../../contract/failover-history.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { withStamp } from "../../core/history/history-lines.ts";
import { ipFrame } from "../../linux/ip-frame.test-data.ts";
import { PacketSocket } from "../../linux/packet-socket.ts";
import { nodeSettings } from "../node-settings.ts";
import type { Transition } from "../role-message.ts";
import { clockOffsetMs } from "./clock-offset.ts";
import { NodeHistory } from "./node-history.ts";

/** The watch reads its sockets 20 ms after a takeover at the earliest. */
const FIRST_PACKET_LIMIT_MS = 2_000;

const { document } = readDocument(goodDocument, "cluster.yaml");
assert.ok(document);
let folder: string;
let sender: PacketSocket;
let history: NodeHistory;
/** What the disk and the programs that are told of an entry take. */
let tellingMs = 0;

before(() => {
  runIp(["link add eth0 type veth peer name far", "link set eth0 up", "link set far up"]);
  untilLinkCarries("eth0", "far");
  sender = new PacketSocket({ device: "eth0", etherType: 0 });
});
after(() => sender.close());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-history-"));
  tellingMs = 0;
  history = open();
});
afterEach(() => {
  history.receive(transition({ to: "stopped", sequence: 99 }));
  rmSync(folder, { recursive: true });
});

function open(): NodeHistory {
  assert.ok(document);
  const places = { configFile: join(folder, "c.yaml"), runDirectory: folder, stateDirectory: folder };
  return new NodeHistory({
    settings: nodeSettings({ document, node: "gw2", ...places }, [new Uint8Array(32)]),
    askPeer: async () => ({}),
    onError: (text) => assert.fail(text),
    onEntry: () => {
      const endMs = performance.now() + tellingMs;
      while (performance.now() < endMs);
    },
  });
}

function transition({ to = "active", agoMs = 0, sequence = 2 } = {}): Transition {
  const { id: _id, node: _node, at: _at, stamps, ...rest } = takeoverEntry();
  return {
    ...{ ...rest, to: to as Transition["to"], source: { session: 1, sequence } },
    stamps: stamps.filter(({ what }) => what !== "first-packet" && what !== "addresses"),
    decidedMs: performance.now() - agoMs + clockOffsetMs,
  };
}

const newest = () => history.own(new URLSearchParams()).entries[0];
const stampUs = (what: string) => newest()?.stamps.find((stamp) => stamp.what === what)?.atUs;

async function firstPacketUs(): Promise<number> {
  const endMs = performance.now() + FIRST_PACKET_LIMIT_MS;
  while (stampUs("first-packet") === undefined && performance.now() < endMs) await sleep(5);
  return stampUs("first-packet") ?? Number.NaN;
}

describe("NodeHistory", () => {
  it("counts the first packet from the decision, however long it takes to write that down", async () => {
    tellingMs = 50;
    history.receive(transition({ to: "standby", sequence: 1 }));
    const taken = transition({ agoMs: 5 });
    const sentMs = performance.now();
    assert.ok(sender.send(ipFrame("203.0.113.9", "10.1.0.10")));
    const doneMs = performance.now();
    history.receive(taken);
    const firstMs = (await firstPacketUs()) / 1_000;
    const decidedMs = taken.decidedMs - clockOffsetMs;
    assert.ok(
      firstMs >= sentMs - decidedMs - 0.1 && firstMs <= doneMs - decidedMs + 0.1,
      `${firstMs} ms, and it was sent ${sentMs - decidedMs} to ${doneMs - decidedMs} ms after the decision`,
    );
  });

  it("takes a stamp that comes later, once, also after a restart", async () => {
    const taken = transition();
    history.receive(taken);
    const late = withStamp(taken, { what: "addresses", atUs: 12_000 });
    history.receive(late);
    history.receive(late);
    history = open();
    history.receive(late);
    const entry = newest();
    assert.equal(entry?.id, "gw2-1");
    assert.deepEqual(entry?.stamps, late.stamps);
  });

  it("still waits for the first packet when a stamp comes late", async () => {
    history.receive(transition({ to: "standby", sequence: 1 }));
    const taken = transition();
    history.receive(taken);
    history.receive(withStamp(taken, { what: "addresses", atUs: 12_000 }));
    assert.ok(sender.send(ipFrame("203.0.113.9", "10.1.0.10")));
    assert.ok((await firstPacketUs()) > 0);
    assert.equal(stampUs("addresses"), 12_000);
  });
});
