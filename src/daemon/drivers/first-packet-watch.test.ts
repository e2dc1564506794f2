import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runIp } from "../../../tests/network/test-host.ts";
import { readDocument } from "../../contract/read-document.ts";
import { nodeSettings } from "../node-settings.ts";
import { FirstPacketWatch } from "./first-packet-watch.ts";

const CLOSED_LIMIT_MS = 2_000;

const file = new URL("../../../examples/two-groups.yaml", import.meta.url);
const { document } = readDocument(readFileSync(file, "utf8"), "two-groups.yaml");
assert.ok(document);
const settings = nodeSettings(
  { document, node: "gw1", configFile: "/c.yaml", runDirectory: "/", stateDirectory: "/" },
  [new Uint8Array(32)],
);

before(() => runIp(["link add eth1 type veth peer name eth3"]));

/** Sockets of this namespace that see every packet (ETH_P_ALL). */
function openSockets(): number {
  const [, ...lines] = readFileSync("/proc/self/net/packet", "utf8").trimEnd().split("\n");
  return lines.filter((line) => line.split(/\s+/)[3] === "0003").length;
}

test("with several groups: nothing looks at packets once a group that saw none is given away", async () => {
  const guests = settings.groups.find(({ name }) => name === "guests");
  assert.ok(guests);
  const watch = new FirstPacketWatch(settings, guests);
  watch.prepare();
  assert.equal(openSockets(), 0);
  watch.await(performance.now(), () => assert.fail("no packet went by"));
  assert.equal(openSockets(), 2);
  watch.prepare();
  // Another thread closes them.
  for (const endMs = performance.now() + CLOSED_LIMIT_MS; openSockets() > 0 && performance.now() < endMs; )
    await sleep(5);
  assert.equal(openSockets(), 0);
});
