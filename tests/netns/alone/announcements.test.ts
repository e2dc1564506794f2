import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DecodeError } from "../../../src/base/decode-error.ts";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { HistoryEntry } from "../../../src/contract/failover-history.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { bareAddress, groupAddresses } from "../../../src/lab/lab-plan.ts";
import { powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import { decodePulse, PULSE_TAG_BYTES } from "../../../src/wire/pulse.ts";
import { decodeAdvertisementFrame } from "../../../src/wire/vrrp.ts";
import { announcedBy } from "../announced-address.ts";
import { TestLab } from "../daemon-node.ts";
import { HearingLab, PATHS } from "../hearing-lab.ts";
import { gatewayMac } from "../namespace-frames.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { letTimePass, waitFor } from "../namespace-waiting.ts";
import { StampedCapture, type StampedFrame } from "../stamped-capture.ts";

// What hosts are told of where the virtual addresses are, by the kernel's stamps of the frames: after a takeover, and when two actives
// see each other again.

const INTERVAL_MS = 100;
/** What a busy machine may add to what is done at once. One that stands still adds that, too. */
const LOADED_MS = 50;
/** As docs/guide/failover.md has it; the next one comes a minute after the last of these. */
const SCHEDULE_MS = [0, 50, 200, 1_000, 3_000, 10_000] as const;
const NEXT_SECONDS = 70;
/** After the last of them nothing more may come; it may be late itself by less than that. */
const REST_MS = 1_000;

const VRRP = "(ip proto 112 or ip6 proto 112)";
const TO_ALL_HOSTS = `(arp and ether broadcast) or (icmp6 and ether dst 33:33:00:00:00:01) or ${VRRP}`;
/** Of nodes to each other: what one needs to hear to know of the other. */
const wordsOf = (node: string) => `ether src ${hexMac(node)} and (udp port 7845 or ${VRRP})`;
/** Ethernet, IPv4 without options, UDP. */
const UDP_AT = 14 + 20;
const PULSE_AT = UDP_AT + 8;

let lab: TestLab;
let paths: HearingLab;
let machine: MachineWatch;
/** At the client. */
let hosts: StampedCapture;
let captures: StampedCapture[] = [];

before(async () => {
  await requireNamespaces(["tcpdump"]);
  lab = await TestLab.up("ann", { intervalMs: INTERVAL_MS });
  paths = new HearingLab(lab);
  await lab.waitUntilWellOn("gw2");
  machine = MachineWatch.start(lab.name);
  hosts = await capture("lan", "eth0", TO_ALL_HOSTS);
});

after(async () => {
  for (const one of captures) await one.close();
  await machine?.close();
  await lab?.down();
});

async function capture(part: string, device: string, filter: string): Promise<StampedCapture> {
  const started = await StampedCapture.start(lab.namespace(part), device, filter);
  captures = [...captures, started];
  return started;
}

function hexMac(node: string): string {
  return [...gatewayMac(node, "lan")].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** When the clients' network was told that a node has this address. */
function announcements(node: string, address: string): number[] {
  const mac = gatewayMac(node, "lan");
  return hosts.frames.filter(({ bytes }) => announcedBy(bytes, mac) === address).map(({ atMs }) => atMs);
}

/** The virtual addresses of the clients' network. */
function addresses(): string[] {
  return (groupAddresses(lab.settings)["lan"] ?? []).map(bareAddress);
}

/** When an active node of this hardware address said so to routers on the clients' network. */
function advertisements(node: string): number[] {
  const mac = Buffer.from(gatewayMac(node, "lan"));
  return hosts.frames
    .filter(({ bytes }) => mac.equals(bytes.subarray(6, 12)))
    .filter(({ bytes }) => !(decodeAdvertisementFrame(bytes) instanceof DecodeError))
    .map(({ atMs }) => atMs);
}

function gaveWay({ bytes }: StampedFrame): boolean {
  const frame = Buffer.from(bytes);
  if (frame[23] !== 17) return false;
  const end = UDP_AT + frame.readUInt16BE(UDP_AT + 4);
  const pulse = decodePulse(frame.subarray(PULSE_AT, end - PULSE_TAG_BYTES));
  assert.ok(!(pulse instanceof DecodeError), frame.toString("hex"));
  return pulse.gaveWay && pulse.role === "standby";
}

const stampMs = ({ stamps }: HistoryEntry, name: string) =>
  (stamps.find(({ what }) => what === name)?.atUs ?? Number.NaN) / 1_000;

const rounded = (times: readonly number[]) => times.map((ms) => ms.toFixed(1)).join(", ");

test("a takeover is announced at once, and again at the documented times", async (context) => {
  await machine.mark();
  await powerOff(lab.name, "gw2");
  const taken = await waitFor("gw1 to take over, with its addresses", async () => {
    const query = new URLSearchParams({ node: "gw1", limit: "1" });
    const [newest] = (await new ControlClient(controlSocket(lab.name, "gw1")).history(query)).entries;
    return newest?.to === "active" && !Number.isNaN(stampMs(newest, "addresses")) ? newest : undefined;
  });
  const stallMs = await machine.stallMs();
  // Counted from when the node noticed that it is due, which it has stamped itself, as the end of its first announcement.
  const announcedMs = stampMs(taken, "announced") - stampMs(taken, "noticed");
  const addressesMs = stampMs(taken, "addresses") - stampMs(taken, "noticed");
  // Addresses that nobody could wait for are announced again when they are there (0030).
  const dueMs = [...SCHEDULE_MS, ...(addressesMs > announcedMs ? [addressesMs] : [])].sort((a, b) => a - b);
  const seen = () => addresses().map((address) => announcements("gw1", address));
  await waitFor("the last repetition", () => seen().every(({ length }) => length >= dueMs.length), {
    explain: () => seen().map(rounded).join("\n"),
  });
  await letTimePass(REST_MS);
  const startMs = Math.min(...seen().flat()) - announcedMs;
  assert.equal(addresses().length, 2, "one of each family");
  for (const address of addresses()) {
    const times = announcements("gw1", address).map((atMs) => atMs - startMs);
    const told = `${address}: ${rounded(times)} ms after the takeover, and not ${rounded(dueMs)}`;
    context.diagnostic(told);
    assert.equal(times.length, dueMs.length, told);
    for (const [index, due] of dueMs.entries()) {
      const time = times[index] ?? Number.NaN;
      assert.ok(time >= due, `early: ${told}`);
      // So late that the next one is due, it counts as that one. Of what is due at the takeover itself that is soon.
      const stoodMs = due < SCHEDULE_MS[1] ? stallMs : 0;
      const limitMs = (dueMs[index + 1] ?? due + REST_MS) + stoodMs;
      assert.ok(time < limitMs, `late, and the machine stood still for ${rounded([stoodMs])} ms: ${told}`);
    }
  }
});

test("two actives that see each other again: the lower one gives way within an interval, and the other announces its addresses again", async (context) => {
  await powerOn(lab.name, "gw2");
  assert.equal((await lab.waitUntilWell()).activeNode, "gw1");
  await lab.waitForNode("gw1", "past what a takeover announces", ({ sinceSeconds }) => sinceSeconds > 11);
  for (const path of PATHS) await paths.cut("gw1", path);
  await paths.assertRoles({ gw1: "active", gw2: "active" });
  const toLower = await capture("net", "gw2-lan", wordsOf("gw1"));
  const toHigher = await capture("net", "gw1-lan", wordsOf("gw2"));
  await machine.mark();
  await paths.mend("gw1", "lan");

  const yielded = await waitFor("gw2 to say that it gave way", () => toHigher.frames.find(gaveWay), {
    explain: () => `${lab.log("gw1")}\n${lab.log("gw2")}`,
  });
  /** Of the one that stays, since nobody else has the addresses. */
  const again = () =>
    addresses().map((address) => announcements("gw1", address).find((atMs) => atMs > yielded.atMs));
  await waitFor("gw1 to announce its addresses", () => again().every((atMs) => atMs !== undefined));
  const stallMs = await machine.stallMs();
  await letTimePass(3 * INTERVAL_MS);
  const { role, sinceSeconds } = await lab.status("gw1");
  assert.equal(role, "active");
  assert.ok(sinceSeconds < NEXT_SECONDS, "nothing of this was due by itself");

  const lowerHeardMs = toLower.frames[0]?.atMs ?? Number.NaN;
  const crossedMs = Math.min(lowerHeardMs, toHigher.frames[0]?.atMs ?? Number.NaN);
  const yieldedMs = yielded.atMs - crossedMs;
  const againMs = again().map((atMs) => (atMs ?? Number.NaN) - crossedMs);
  const told = `after the first word that crossed: the lower one heard ${rounded([lowerHeardMs - crossedMs])} ms, gave way ${rounded([yieldedMs])} ms, the other announced ${rounded(againMs)} ms; the machine stood still for ${rounded([stallMs])} ms`;
  context.diagnostic(told);
  const loadedMs = LOADED_MS + stallMs;
  assert.ok(yielded.atMs - lowerHeardMs <= loadedMs, `at once: ${told}`);
  // Each speaks once in an interval at the least.
  assert.ok(yieldedMs <= INTERVAL_MS + loadedMs, told);
  // The one that stays knows by then, and lets an interval go by: what the other one said last is not to be the last word.
  for (const ms of againMs) assert.ok(ms <= 2 * INTERVAL_MS + loadedMs, told);
  assert.ok(advertisements("gw2").length > 0);
  const later = [advertisements("gw2"), ...addresses().map((address) => announcements("gw2", address))];
  assert.deepEqual(
    later.flat().filter((atMs) => atMs > yielded.atMs),
    [],
    "gw2 says nothing more",
  );
  await paths.mendAll();
  assert.equal((await lab.waitUntilWell()).activeNode, "gw1");
});
