import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { run, runIp } from "../../tests/network/test-host.ts";
import { validIp } from "../base/ip.ts";
import { listOwnConnections, untrackConnections } from "./tracked-connections.ts";

const [SYNC, OTHER] = [7_844, 7_900];
const sockets: Socket[] = [];
const hosts = [
  { host: "10.255.0.2", localAddress: "10.255.0.1" },
  { host: "fd00::2", localAddress: "fd00::1" },
] as const;
const servers: Server[] = [];

before(async () => {
  runIp(["link set lo up", "address add 10.255.0.1/32 dev lo", "address add 10.255.0.2/32 dev lo"]);
  runIp(["address add fd00::1/128 dev lo nodad", "address add fd00::2/128 dev lo nodad"]);
  // A rule that looks at connections makes the kernel track them.
  run(
    "nft",
    ["-f", "-"],
    "table inet t {\n chain c {\n type filter hook input priority 0\n ct state new\n }\n}\n",
  );
  for (const { host, localAddress } of hosts)
    for (const port of [SYNC, OTHER]) {
      const server = createServer((socket) => sockets.push(socket)).listen({ host, port });
      servers.push(server);
      await once(server, "listening");
      const socket = connect({ host, port, localAddress });
      sockets.push(socket);
      await once(socket, "connect");
    }
});

after(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

const tracked = (family: "ipv4" | "ipv6") =>
  run("sh", ["-c", `conntrack -L -f ${family} 2>/dev/null`])
    .split("\n")
    .flatMap((line) => line.match(/ dport=(\d+) /)?.[1] ?? [])
    .sort();

for (const [family, address, peer] of [
  ["ipv4", "10.255.0.1", "10.255.0.2"],
  ["ipv6", "fd00::1", "fd00::2"],
] as const)
  test(`the entries of a node's own connections go, and no others: ${family}`, () => {
    const forget = (own: string, other: string, ports = [SYNC]) =>
      untrackConnections(listOwnConnections({ address: validIp(own), peers: [validIp(other)], ports }));
    assert.deepEqual(tracked(family), [String(SYNC), String(OTHER)]);
    assert.equal(forget(address, address), 0, "another peer");
    assert.equal(forget(address, peer, [SYNC + 1]), 0, "another port");
    assert.equal(forget(address, peer), 1);
    assert.deepEqual(tracked(family), [String(OTHER)]);
    assert.equal(forget(address, peer), 0, "there is none any more");
    // Of a server's connection the socket shows the reply direction.
    assert.equal(forget(peer, address, [OTHER]), 1);
    assert.deepEqual(tracked(family), []);
  });
