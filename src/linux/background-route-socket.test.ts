import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { runIp } from "../../tests/network/test-host.ts";
import { formatIp, formatNetwork, validIp } from "../base/ip.ts";
import { BackgroundRouteSocket } from "./background-route-socket.ts";
import { KernelError } from "./kernel-error.ts";
import { errno } from "./libc.ts";
import { RouteSocket } from "./route-socket.ts";

// That others are answered while a request waits is shown where the kernel's lock is held (tests/netns/alone/network-lock.test.ts).

const { EEXIST, ESRCH } = errno;

describe("BackgroundRouteSocket", () => {
  let route: BackgroundRouteSocket;
  let near: number;

  before(async () => {
    runIp([
      "link add near type veth peer name far",
      ...["link set near up", "link set far up"],
      ...["addr add 10.1.0.2/24 dev near", "addr add fd00:1::2/64 dev near nodad"],
    ]);
    route = new BackgroundRouteSocket();
    near = (await route.links()).find(({ name }) => name === "near")?.index ?? 0;
  });
  after(() => route.close());

  it("adds and removes routes of both families", async () => {
    for (const [destination, prefixLength, gateway] of [
      ["198.51.100.0", 24, "10.1.0.9"],
      ["2001:db8:9::", 48, "fd00:1::9"],
    ] as const) {
      const change = {
        ...{ destination: validIp(destination), prefixLength, gateway: validIp(gateway), deviceIndex: near },
      };
      const found = async () =>
        (await route.routes(destination.includes(":") ? 6 : 4)).filter(
          (one) => one.destination !== undefined && formatIp(one.destination) === destination,
        );
      assert.equal(await route.addRoute(change), undefined);
      // RTPROT_STATIC; and the kernel gives IPv6 routes a metric of their own.
      const metric = destination.includes(":") ? 1_024 : 0;
      assert.deepEqual(await found(), [{ ...change, table: 254, protocol: 4, metric }]);
      assert.equal(await route.addRoute(change), undefined, "again");
      assert.equal((await route.addNewRoute(change))?.errno, EEXIST);
      assert.equal(await route.deleteRoute(change), undefined);
      assert.deepEqual(await found(), []);
      assert.equal((await route.deleteRoute(change))?.errno, ESRCH);
    }
  });

  it("answers each of those who ask at the same time", async () => {
    const [links, addresses, routes] = await Promise.all([
      route.links(),
      route.addresses(),
      route.routes(6),
      route.deleteRoute({ destination: validIp("192.0.2.0"), prefixLength: 24, deviceIndex: near }),
    ]);
    assert.deepEqual(links.map(({ name }) => name).sort(), ["far", "lo", "near"]);
    assert.ok(addresses.map(formatNetwork).includes("fd00:1::2/64"));
    assert.ok(routes.some(({ destination }) => destination && formatIp(destination) === "fd00:1::"));
  });

  it("gives all of a table that takes many datagrams", async () => {
    const changes = Array.from({ length: 2_000 }, (_, index) => ({
      ...{ deviceIndex: near, address: validIp(`10.2.${index >> 8}.${index & 255}`) },
      ...{ prefixLength: 32, validSeconds: 600 },
    }));
    const foreground = new RouteSocket();
    assert.deepEqual(foreground.addAddresses(changes), []);
    const found = new Set((await route.addresses()).map(formatNetwork));
    assert.deepEqual(foreground.deleteAddresses(changes), []);
    foreground.close();
    assert.equal(changes.filter((one) => found.has(formatNetwork(one))).length, changes.length);
  });

  it("says why when the socket is not there any more", async () => {
    const closed = new BackgroundRouteSocket();
    await closed.close();
    await assert.rejects(closed.links(), (error) => error instanceof KernelError && error.code === "EBADF");
  });
});
