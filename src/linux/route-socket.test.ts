import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, it } from "node:test";
import { run, runIp } from "../../tests/network/test-host.ts";
import { formatNetwork, validIp } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import { errno } from "./libc.ts";
import { PollSet } from "./poll.ts";
import { type NetworkEvent, NetworkEvents, RouteSocket } from "./route-socket.ts";

describe("rtnetlink", () => {
  let route: RouteSocket;
  let near: number;

  before(() => {
    runIp([
      ...["link set lo up", "link add near address 02:00:00:00:00:01 type veth peer name far"],
      ...["link set near up", "link set far up"],
    ]);
    route = new RouteSocket();
    near = linkNamed("near").index;
  });
  beforeEach(() =>
    runIp(["addr flush dev near", "addr add 10.1.0.2/24 dev near", "addr add fd00:1::2/64 dev near nodad"]),
  );
  after(() => route.close());

  describe("RouteSocket", () => {
    it("lists links with name, hardware address and state", () => {
      const { name, mac, up } = linkNamed("near");
      assert.deepEqual([name, formatMac(mac), up], ["near", "02:00:00:00:00:01", true]);
      assert.deepEqual(
        route
          .links()
          .map((link) => link.name)
          .sort(),
        ["far", "lo", "near"],
      );
    });

    it("switches links off and on, all at once", () => {
      const indices = [near, linkNamed("far").index];
      assert.deepEqual(route.setLinks(indices, false), []);
      assert.deepEqual([linkNamed("near").up, linkNamed("far").up], [false, false]);
      assert.deepEqual(route.setLinks(indices, true), []);
      assert.deepEqual([linkNamed("near").up, linkNamed("far").up], [true, true]);
      assert.deepEqual(
        route.setLinks([near, 9_999], true).map(({ sequence, errno }) => [sequence, errno]),
        [[1, ENODEV]],
      );
    });

    it("makes a device with a hardware address of its own above another one, and removes it", () => {
      const mac = Uint8Array.of(0, 0, 0x5e, 0, 1, 51);
      const device = { name: "vrrp4-51-0", parentIndex: near, mac };
      assert.deepEqual(route.addMacvlan(device), []);
      const made = linkNamed("vrrp4-51-0");
      assert.deepEqual([formatMac(made.mac), made.up], ["00:00:5e:00:01:33", false]);
      assert.match(
        run("ip", ["-d", "link", "show", "dev", "vrrp4-51-0"]),
        /vrrp4-51-0@near[\s\S]*macvlan mode bridge/,
      );
      assert.deepEqual(
        route.addMacvlan(device).map(({ errno: number }) => number),
        [errno.EEXIST],
      );
      assert.deepEqual(route.deleteLink(made.index), []);
      assert.ok(!route.links().some(({ name }) => name === "vrrp4-51-0"));
    });

    it("adds addresses with a lifetime, at once usable, and not chosen as a source", () => {
      assert.deepEqual(route.addAddresses(virtual(["10.1.0.1/24", "fd00:1::1/64"])), []);
      const held = route
        .addresses()
        .filter(({ deviceIndex }) => deviceIndex === near)
        .map(formatNetwork);
      assert.ok(held.includes("10.1.0.1/24") && held.includes("fd00:1::1/64"), String(held));
      const shown = run("ip", ["addr", "show", "dev", "near"]);
      assert.match(shown, /inet6 fd00:1::1\/64 .*deprecated.*noprefixroute/);
      assert.doesNotMatch(shown, /tentative/);
      assert.match(shown, /inet 10\.1\.0\.1\/24 .*noprefixroute/);
      // On-link routes are those of the node's own addresses: one for each network.
      assert.equal(run("ip", ["-6", "route", "show", "fd00:1::/64"]).trim().split("\n").length, 1);
      assert.match(run("ip", ["-6", "route", "get", "fd00:1::9"]), /src fd00:1::2 /);
    });

    it("keeps an IPv4 network reachable by a virtual address where the node's own was taken away and came back, as asked", () => {
      run("sysctl", ["-qw", "net.ipv4.conf.near.promote_secondaries=1"]);
      const routes = (keepsNetwork: boolean) => {
        runIp(["addr flush dev near", "addr add 10.1.0.2/24 dev near"]);
        assert.deepEqual(
          route.addAddresses(virtual(["10.1.0.1/24"]).map((one) => ({ ...one, keepsNetwork }))),
          [],
        );
        const texts = [routeTo("10.1.0.0/24")];
        for (const what of ["del", "add"]) {
          runIp([`addr ${what} 10.1.0.2/24 dev near`]);
          texts.push(routeTo("10.1.0.0/24"));
        }
        route.deleteAddresses(virtual(["10.1.0.1/24"]));
        return [...texts, routeTo("10.1.0.0/24")];
      };
      assert.deepEqual(routes(true), ["10.1.0.2", "10.1.0.1", "10.1.0.1", "10.1.0.2"]);
      assert.deepEqual(routes(false), ["10.1.0.2", "none", "none", "10.1.0.2"]);
    });

    it("rehearses adding them, of which nothing comes but an acknowledgement", () => {
      const changes = virtual(["10.1.0.1/24", "fd00:1::1/64"]);
      const before = run("ip", ["addr", "show", "dev", "near"]);
      const sentBefore = netlinkMessages();
      route.rehearseAddAddresses(changes);
      route.rehearseAddAddresses([]);
      assert.equal(run("ip", ["addr", "show", "dev", "near"]), before);
      assert.deepEqual(netlinkMessages(), sentBefore, "no answer is left in the socket, and none was lost");
      assert.deepEqual(route.addAddresses(changes), []);
      assert.ok(route.addresses().some((one) => formatNetwork(one) === "10.1.0.1/24"));
    });

    it("renews lifetimes", () => {
      route.addAddresses(virtual(["10.1.0.1/24", "fd00:1::1/64"], 10));
      assert.deepEqual(route.addAddresses(virtual(["10.1.0.1/24", "fd00:1::1/64"], 1_000)), []);
      const lifetimes = [...run("ip", ["addr", "show", "dev", "near"]).matchAll(/valid_lft (\d+)sec/g)];
      assert.deepEqual(
        lifetimes.map(([, seconds]) => Number(seconds) > 900),
        [true, true],
      );
    });

    it("removes addresses; those that are gone already are no refusals", () => {
      const changes = virtual(["10.1.0.1/24", "fd00:1::1/64"]);
      route.addAddresses(changes);
      assert.deepEqual(route.deleteAddresses(changes), []);
      assert.deepEqual(route.deleteAddresses(changes), []);
      assert.deepEqual(
        route.deleteAddresses(changes.map((change) => ({ ...change, deviceIndex: 9_999 }))),
        [],
      );
      const left = route
        .addresses()
        .filter(({ deviceIndex }) => deviceIndex === near)
        .map(formatNetwork);
      // The node's own stay.
      assert.ok(left.includes("10.1.0.2/24") && left.includes("fd00:1::2/64"), String(left));
      assert.ok(!left.includes("10.1.0.1/24") && !left.includes("fd00:1::1/64"), String(left));
    });

    it("says which of many it could not add, with the kernel's words, and adds the rest", () => {
      const changes = virtual(["10.1.0.1/24", "10.1.0.3/24", "fd00:1::1/64"]);
      const wrong = { ...changes[1]!, prefixLength: 77 };
      assert.deepEqual(route.addAddresses([changes[0]!, wrong, changes[2]!]), [
        { sequence: 1, errno: errno.EINVAL, text: "ipv4: Invalid prefix length" },
      ]);
      assert.ok(route.addresses().some((address) => formatNetwork(address) === "fd00:1::1/64"));
    });

    it("lets the kernel remove addresses that are not renewed", async () => {
      const events = new NetworkEvents();
      route.addAddresses(virtual(["10.1.0.1/24", "fd00:1::1/64"], 1));
      const gone = await heardWithin(events, 6_000, (heard) =>
        ["10.1.0.1/24", "fd00:1::1/64"].every((text) => heard.includes(`removed ${text}`)),
      );
      assert.ok(gone, "an address outlived its time");
      events.close();
    });
  });

  describe("NetworkEvents", () => {
    it("tells of addresses that come and go", async () => {
      const events = new NetworkEvents();
      const texts = ["10.1.0.1/24", "fd00:1::1/64"];
      const changes = virtual(texts);
      const all = (what: string) => (heard: readonly string[]) =>
        texts.every((text) => heard.includes(`${what} ${text}`));
      route.addAddresses(changes);
      // The kernel reports a new IPv6 address from a work queue, and not at all when it is gone by then.
      assert.ok(await heardWithin(events, 2_000, all("added")));
      route.deleteAddresses(changes);
      assert.ok(await heardWithin(events, 2_000, all("removed")));
      events.close();
    });

    it("tells of new addresses of link scope only, and of all that go, where it is asked to", async () => {
      const events = new NetworkEvents({ added: "link-scope" });
      const changes = virtual(["10.1.0.77/24", "2001:db8::77/64", "fe80::77/64"]);
      route.addAddresses(changes);
      route.addAddresses(changes);
      const heard: string[] = [];
      const note = (enough: (all: readonly string[]) => boolean) => (all: readonly string[]) => {
        heard.push(...all);
        return enough(all);
      };
      const isAdded = note((all) => all.includes("added fe80::77/64"));
      assert.ok(await heardWithin(events, 2_000, isAdded), String(heard));
      route.deleteAddresses(changes);
      const areGone = note((all) => changes.every((one) => all.includes(`removed ${formatNetwork(one)}`)));
      assert.ok(await heardWithin(events, 2_000, areGone), String(heard));
      assert.deepEqual(
        heard.filter((text) => text.startsWith("added") && !text.includes("fe80")),
        [],
      );
      run("ip", ["link", "set", "far", "down"]);
      assert.ok(await heardWithin(events, 2_000, (all) => all.includes("near down")));
      run("ip", ["link", "set", "far", "up"]);
      events.close();
    });

    it("that were lost are told of once, and none before the next one that comes", () => {
      const events = new NetworkEvents();
      // More than the socket takes.
      for (let i = 0; i < 5_000; i++) route.setLinks([near], i % 2 === 1);
      route.setLinks([near], true);
      assert.deepEqual(allWaiting(events), ["overrun"]);
      const changes = virtual(["10.1.0.77/24"]);
      route.addAddresses(changes);
      route.deleteAddresses(changes);
      assert.deepEqual(allWaiting(events), ["added 10.1.0.77/24", "removed 10.1.0.77/24"]);
      events.close();
    });

    it("tells of routes that come and go, where it is asked to", async () => {
      const events = new NetworkEvents({ routes: true });
      run("ip", ["route", "add", "203.0.113.0/24", "via", "10.1.0.9"]);
      run("ip", ["route", "delete", "203.0.113.0/24"]);
      const expected = ["got route 203.0.113.0/24", "lost route 203.0.113.0/24"];
      assert.ok(await heardWithin(events, 2_000, (heard) => expected.every((text) => heard.includes(text))));
      events.close();
    });

    it("tells of a lost carrier: the other end went down", async () => {
      const events = new NetworkEvents();
      run("ip", ["link", "set", "far", "down"]);
      assert.ok(await heardWithin(events, 2_000, (heard) => heard.includes("near down")));
      run("ip", ["link", "set", "far", "up"]);
      assert.ok(await heardWithin(events, 2_000, (heard) => heard.includes("near up")));
      events.close();
    });

    it("does not take a device that leaves a bridge for one that is gone", async () => {
      const events = new NetworkEvents();
      runIp([
        "link add bridge type bridge",
        "link set far master bridge",
        "link set far nomaster",
        "link del bridge",
      ]);
      const heard: string[] = [];
      const done = await heardWithin(events, 2_000, (all) => {
        heard.splice(0, heard.length, ...all);
        return all.includes("bridge removed");
      });
      assert.ok(done, String(heard));
      assert.ok(!heard.includes("far removed"), String(heard));
      events.close();
    });

    it("tells of a device that is gone", async () => {
      run("ip", ["link", "add", "spare", "type", "bridge"]);
      const events = new NetworkEvents();
      run("ip", ["link", "del", "spare"]);
      assert.ok(await heardWithin(events, 2_000, (heard) => heard.includes("spare removed")));
      assert.deepEqual(events.read(), []);
      events.close();
    });
  });

  function linkNamed(name: string) {
    const link = route.links().find((one) => one.name === name);
    assert.ok(link, name);
    return link;
  }

  function virtual(texts: readonly string[], validSeconds = 60) {
    return texts.map((text) => {
      const [address = "", prefix = ""] = text.split("/");
      return { deviceIndex: near, address: validIp(address), prefixLength: Number(prefix), validSeconds };
    });
  }
});

const { ENODEV } = errno;

/** Reads events until enough is heard, or the time is over. */
async function heardWithin(
  events: NetworkEvents,
  limitMs: number,
  enough: (heard: readonly string[]) => boolean,
): Promise<boolean> {
  const heard: string[] = [];
  const poll = new PollSet([events.fd]);
  for (let waitedMs = 0; waitedMs < limitMs && !enough(heard); waitedMs += 100) {
    await new Promise<void>((resolve) => poll.waitInBackground(100, resolve));
    for (let more = events.read(); more.length > 0; more = events.read()) heard.push(...more.map(eventText));
  }
  return enough(heard);
}

function allWaiting(events: NetworkEvents): string[] {
  const texts: string[] = [];
  for (let more = events.read(); more.length > 0; more = events.read()) texts.push(...more.map(eventText));
  return texts;
}

/** @returns with which source address */
function routeTo(network: string): string {
  return /src (\S+)/.exec(run("ip", ["route", "show", network]))?.[1] ?? "none";
}

function eventText(event: NetworkEvent): string {
  if (event.kind === "overrun") return "overrun";
  if (event.kind === "address")
    return `${event.removed ? "removed" : "added"} ${formatNetwork(event.address)}`;
  if (event.kind === "route") {
    const { destination, prefixLength } = event.route;
    const text =
      destination === undefined ? "default" : formatNetwork({ address: destination, prefixLength });
    return `${event.removed ? "lost" : "got"} route ${text}`;
  }
  if (event.removed) return `${event.link.name} removed`;
  return `${event.link.name} ${event.link.up ? "up" : "down"}`;
}

/** What waits in the sockets of this network namespace, and what was dropped: Rmem and Drops of each (net/netlink/af_netlink.c). */
function netlinkMessages(): string[] {
  const [, ...lines] = readFileSync("/proc/net/netlink", "utf8").trim().split("\n");
  return lines.map((line) => {
    const columns = line.trim().split(/\s+/);
    return `${columns[2]}: ${columns[4]} ${columns[8]}`;
  });
}
