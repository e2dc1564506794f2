import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run, runIp } from "../../../tests/network/test-host.ts";
import { DeviceListeners } from "./device-listeners.ts";

// Client and server at either end of a cable, in one namespace: what comes in by a device is looked up among the local addresses,
// and what goes out is not.

const SERVER = "10.9.0.1";
const CLIENT = "10.9.1.2";
const PORT = 8_080;
/** A look every second, and time for a busy machine. */
const LIMIT_MS = 10_000;

const said: string[] = [];
let listeners: DeviceListeners<ReturnType<typeof createServer>>;

function makeCable(): void {
  runIp([
    "link add served type veth peer name other",
    `addr add ${SERVER} peer ${CLIENT}/32 dev served`,
    `addr add ${CLIENT} peer ${SERVER}/32 dev other`,
    "link set served up",
    "link set other up",
  ]);
}

function listen(addresses = [SERVER]): void {
  listeners = new DeviceListeners({
    ...{ what: "the test", device: "served", addresses, port: PORT },
    create: () => createServer((_, response) => response.end("here")),
    onError: (text) => said.push(text),
  });
}

async function answers(): Promise<boolean> {
  const socket = connect(PORT, SERVER);
  socket.setTimeout(1_000, () => socket.destroy());
  socket.on("error", () => undefined);
  const isOpen = await Promise.race([
    once(socket, "connect").then(
      () => true,
      () => false,
    ),
    once(socket, "close").then(() => false),
  ]);
  socket.destroy();
  return isOpen;
}

async function becomes(isAnswering: boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while ((await answers()) !== isAnswering) {
    assert.ok(
      performance.now() < endMs,
      `${isAnswering ? "nobody" : "somebody"} answers; said: ${said.join("; ")}`,
    );
    await sleep(50);
  }
}

describe("DeviceListeners", () => {
  before(() => {
    const all = "net.ipv4.conf.all";
    const off = "net.ipv4.conf.default.rp_filter=0";
    run("sysctl", ["-qw", `${all}.accept_local=1`, `${all}.rp_filter=0`, off]);
    runIp([
      "link set lo up",
      ...["served", "other", "lo"].map((device) => `rule add pref 10 iif ${device} lookup local`),
      ...["rule add pref 20 lookup main", "rule add pref 30 lookup local", "rule del pref 0"],
    ]);
  });

  afterEach(() => {
    listeners.close();
    said.length = 0;
    run("sh", ["-c", "ip link del served 2>/dev/null; true"]);
  });

  it("answer again when the device was taken out and put back", async () => {
    makeCable();
    listen([SERVER, "fe80::1"]);
    await becomes(true);
    runIp(["link del served"]);
    await becomes(false);
    makeCable();
    await becomes(true);
    assert.ok(said.length <= 1, said.join("; "));
  });

  it("answer when the device comes later, and say once that it is missing", async () => {
    listen();
    await sleep(2_500);
    makeCable();
    await becomes(true);
    assert.deepEqual(said, [`the test: cannot listen on ${SERVER} port ${PORT}: there is no device served`]);
  });

  it("answer when the port is free at last, and say once that it was taken", async () => {
    makeCable();
    const other = createTcpServer((socket) => socket.destroy()).listen(PORT);
    await once(other, "listening");
    listen();
    await sleep(2_500);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /^the test: cannot listen on 10\.9\.0\.1 port 8080: .*EADDRINUSE/);
    other.close();
    const endMs = performance.now() + LIMIT_MS;
    while (listeners.servers.every(({ listening }) => !listening)) {
      assert.ok(performance.now() < endMs);
      await sleep(50);
    }
    await becomes(true);
  });

  it("say that nothing listens where all addresses are link-local", () => {
    makeCable();
    listen(["fe80::1"]);
    assert.deepEqual(said, ["the test: served has only link-local addresses: nothing listens"]);
  });
});
