import { runIp, TestHost } from "./test-host.ts";

// Two gateways between a client and a server, for tests in which one replaces the other. No daemon runs: only entries in the
// kernel's tables go from A to B.
//
//                  lan (bridge)                      wan (bridge)
//   client 10.1.0.10 ----+---- gateway A ----+---- server 192.0.2.80
//       fd00:1::10       +---- gateway B ----+       2001:db8::80
//
// The virtual addresses 10.1.0.1, 192.0.2.1, fd00:1::1 and 2001:db8::1 move from A to B.

const virtual = {
  lan: ["10.1.0.1/24", "fd00:1::1/64 nodad"],
  wan: ["192.0.2.1/24", "2001:db8::1/64 nodad"],
} as const;

/** The hosts; this process must be in a namespace of its own (own-namespace.ts), where the bridges stand. */
export class TwoGateways {
  readonly client: TestHost;
  readonly server: TestHost;
  readonly a: TestHost;
  readonly b: TestHost;

  private constructor([client, server, a, b]: [TestHost, TestHost, TestHost, TestHost]) {
    this.client = client;
    this.server = server;
    this.a = a;
    this.b = b;
  }

  /** @param rules for nft, of A (which translates) and of B (which has nothing but its entries) */
  static async build(rules: { readonly a: string; readonly b: string }): Promise<TwoGateways> {
    const hosts = [];
    for (let i = 0; i < 4; i++) hosts.push(await TestHost.start());
    const built = new TwoGateways(hosts as [TestHost, TestHost, TestHost, TestHost]);
    built.#connect();
    built.#configure(built.a, 2, rules.a);
    built.#configure(built.b, 3, rules.b);
    takeAddresses(built.a);
    return built;
  }

  /** Copies what A's kernel holds into B's, takes A off the network without a word, and gives B the addresses. */
  replace(): { readonly created: number; readonly expected: number; readonly refused: object } {
    const path = new URL("move-flows.ts", import.meta.url).pathname;
    const records = this.a.run(process.execPath, [path, "read"]);
    const injected = JSON.parse(this.b.run(process.execPath, [path, "write"], records));
    this.a.runIp(["link set lan down", "link set wan down"]);
    takeAddresses(this.b);
    for (const host of [this.client, this.server]) host.run("ip", ["neigh", "flush", "all"]);
    return injected;
  }

  close(): void {
    for (const host of [this.client, this.server, this.a, this.b]) host.close();
  }

  #connect(): void {
    const ends = { client: this.client, server: this.server, a: this.a, b: this.b };
    runIp(["link set lo up"]);
    for (const side of ["lan", "wan"] as const) {
      const attached = side === "lan" ? (["client", "a", "b"] as const) : (["server", "a", "b"] as const);
      runIp([`link add ${side} type bridge`, `link set ${side} up`]);
      for (const name of attached) {
        // The name at the host is the side's own; here it says whose cable this is.
        runIp([
          `link add ${side}-${name} type veth peer name inner`,
          `link set ${side}-${name} master ${side} up`,
        ]);
        ends[name].take("inner");
        ends[name].runIp([`link set inner name ${side}`, `link set ${side} up`]);
      }
    }
    this.client.runIp([
      ...["addr add 10.1.0.10/24 dev lan", "addr add fd00:1::10/64 dev lan nodad"],
      ...["route add default via 10.1.0.1", "route add default via fd00:1::1"],
    ]);
    // No way back to the LAN: what is not translated gets no answer.
    this.server.runIp(["addr add 192.0.2.80/24 dev wan", "addr add 2001:db8::80/64 dev wan nodad"]);
  }

  #configure(gateway: TestHost, last: number, rules: string): void {
    const settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    // As gatewaySysctls() has them (src/core/gateway-sysctls.ts); the second for UDPLITE.
    const tracking = ["nf_conntrack_events=1", "nf_conntrack_checksum=0"].map(
      (one) => `net.netfilter.${one}`,
    );
    gateway.run("sysctl", ["-qw", ...settings, ...tracking]);
    gateway.run("nft", ["-f", "-"], rules);
    gateway.runIp([
      ...[`addr add 10.1.0.${last}/24 dev lan`, `addr add fd00:1::${last}/64 dev lan nodad`],
      ...[`addr add 192.0.2.${last}/24 dev wan`, `addr add 2001:db8::${last}/64 dev wan nodad`],
    ]);
  }
}

function takeAddresses(gateway: TestHost): void {
  const lines = Object.entries(virtual).flatMap(([device, addresses]) =>
    addresses.map((address) => `addr add dev ${device} ${address}`),
  );
  gateway.runIp(lines);
}
