import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { untilLinkCarries } from "../../../tests/network/link-carries.ts";
import { runIp } from "../../../tests/network/test-host.ts";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { handoverEntry, takeoverEntry } from "../../contract/failover-history.test-data.ts";
import { HISTORY_LIMIT_MAX, type HistoryEntry } from "../../contract/failover-history.ts";
import { readDocument } from "../../contract/read-document.ts";
import { encodeEntryLine, withStamp } from "../../core/history/history-lines.ts";
import { mergeHistory, readHistoryQuery } from "../../core/history/merge-history.ts";
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
/** What gw1 remembers, the oldest first. */
let others: readonly HistoryEntry[] = [];

before(() => {
  runIp(["link add eth0 type veth peer name far", "link set eth0 up", "link set far up"]);
  untilLinkCarries("eth0", "far");
  sender = new PacketSocket({ device: "eth0", etherType: 0 });
});
after(() => sender.close());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-history-"));
  tellingMs = 0;
  others = [];
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
    askPeer: async (_peer, path) => {
      const query = readHistoryQuery(new URL(path, "https://gw1").searchParams);
      assert.ok(query);
      return { entries: mergeHistory([others], query), unreachable: [] };
    },
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

const ids = (entries: readonly HistoryEntry[]) => entries.map(({ id }) => id);
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

  it("finds an entry that is in a list of one node or one group only, and the other side of it", async () => {
    const later = (more: Partial<HistoryEntry>) =>
      Array.from({ length: HISTORY_LIMIT_MAX }, (_, index) =>
        takeoverEntry({ id: `${more.node}-${100 + index}`, at: "2026-08-02T10:00:00.000Z", ...more }),
      );
    const own = [takeoverEntry(), ...later({ node: "gw2" })];
    writeFileSync(join(folder, "failover-history.jsonl"), own.map(encodeEntryLine).join(""));
    history = open();

    others = [handoverEntry()];
    const ofNode = await history.cluster(new URLSearchParams({ node: "gw1", limit: "500" }));
    assert.deepEqual(ids(ofNode.entries), ["gw1-9"]);
    const found = await history.item("gw1-9");
    assert.deepEqual([found.entry, found.related], [handoverEntry(), [takeoverEntry()]]);

    others = [handoverEntry(), ...later({ node: "gw1", group: "guests" })];
    const ofGroup = await history.cluster(
      new URLSearchParams({ node: "gw1", group: "gateway", limit: "500" }),
    );
    assert.deepEqual(ids(ofGroup.entries), ["gw1-9"]);
    assert.deepEqual((await history.item("gw2-17")).related, [handoverEntry()]);
    await assert.rejects(history.item("gw1-99"), /no node remembers a change of role gw1-99$/);
  });
});
