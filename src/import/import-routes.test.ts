import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { configKind } from "./config-kind.ts";
import { importCluster } from "./import-cluster.ts";

const keepalived = (more: string, lines = "") => `${more}
vrrp_instance VI_1 {
  interface lan
  virtual_router_id 51
  version 3
  virtual_ipaddress {
    10.1.0.1/24
    192.0.2.1/24 dev wan
  }
  ${lines}
}
`;

/** The routes of the document for files of one node or two, and what was said of the lines. */
function routesOf(...nodes: readonly (readonly string[])[]) {
  const names = nodes.map((_, index) => `gw${index + 1}`);
  const { text, remarks, problems, missing } = importCluster({
    cluster: "campus",
    nodes: nodes.map((files, index) => ({
      name: `gw${index + 1}`,
      files: files.map((text, place) => ({ file: `${index}/${place}`, text })),
    })),
    devices: [{ role: "sync", device: "sync" }],
    addresses: names.flatMap((node, index) => [
      { node, interface: "lan", address: `10.1.0.${index + 2}/24` },
      { node, interface: "lan", address: `fd00:1::${index + 2}/64` },
      { node, interface: "wan", address: `192.0.2.${index + 2}/24` },
      { node, interface: "sync", address: `10.255.0.${index + 1}/24` },
    ]),
    without: [],
    include: () => [],
  });
  assert.deepEqual({ problems, missing }, { problems: [], missing: [] });
  const { routes = [] } = parse(text ?? "") as { routes?: Readonly<Record<string, unknown>>[] };
  return { routes, said: remarks.map(({ kind, text: line }) => `${kind} ${line}`) };
}

describe("routes", () => {
  it("of keepalived are the document's; those of the active node become those of every node", () => {
    const text = keepalived(
      `static_routes {
  10.20.0.0/16 via 10.1.0.254 dev lan scope global
  src 10.1.0.2 to 10.21.0.0/16 gw 10.1.0.254 metric 50 table main
  10.22.0.0/16 dev lan
  fd00:9::/64 via fd00:1::fe
}`,
      "virtual_routes {\n 0.0.0.0/0 via 192.0.2.254 no_track\n }",
    );
    const { routes, said } = routesOf([text], [text]);
    assert.deepEqual(routes, [
      { id: "to-10-20-0-0-16", to: "10.20.0.0/16", via: "10.1.0.254", interface: "lan" },
      { id: "to-10-21-0-0-16", to: "10.21.0.0/16", via: "10.1.0.254", metric: 50 },
      { id: "to-10-22-0-0-16", to: "10.22.0.0/16", interface: "lan" },
      { id: "to-fd00-9-64", to: "fd00:9::/64", via: "fd00:1::fe" },
      { id: "default", to: "0.0.0.0/0", via: "192.0.2.254" },
    ]);
    assert.deepEqual([...new Set(said)].filter((one) => !one.includes("vrrp_instance")).sort(), [
      "changed 0.0.0.0/0 via 192.0.2.254 no_track",
      "changed src 10.1.0.2 to 10.21.0.0/16 gw 10.1.0.254 metric 50 table main",
    ]);
  });

  for (const line of [
    "10.20.0.0/16 via 10.9.0.1",
    "10.20.0.0/16 via 10.1.0.1",
    "10.20.0.0/16 via 10.1.0.2",
    "10.20.0.0/16 via fd00:1::9",
    "10.20.0.0/16 via fe80::1",
    "10.20.0.0/16 via 10.1.0.254 dev eth9",
    "10.20.0.0/16 via 10.1.0.254 table 100",
    "10.20.0.0/16 via 10.1.0.254 mtu 1400",
    "10.20.0.0/16 nexthop via 10.1.0.254 nexthop via 10.1.0.253",
    "blackhole 10.20.0.0/16",
    "10.255.0.0/25 via 10.1.0.254",
    "10.20.0.0/16 via 10.1.0.254 metric none",
    "10.20.0.0/16",
    "somewhere via 10.1.0.254",
  ])
    it(`${line}: not carried over`, () => {
      const { routes, said } = routesOf([keepalived(`static_routes {\n ${line}\n}`)]);
      assert.deepEqual({ routes, said }, { routes: [], said: [`lost ${line}`] });
    });

  it("of nodes that differ name their nodes", () => {
    const rules = keepalived("");
    const { routes } = routesOf(
      [rules, "default via 192.0.2.254 dev wan proto static\n"],
      [rules, "default via 192.0.2.253 dev wan proto static\n"],
    );
    assert.deepEqual(
      routes.map(({ id, via, nodes }) => [id, via, nodes]),
      [
        ["default", "192.0.2.254", ["gw1"]],
        ["default-2", "192.0.2.253", ["gw2"]],
      ],
    );
  });

  it("to one network with one metric are one: the second is listed", () => {
    const { routes, said } = routesOf([
      keepalived(""),
      "ip route add 10.20.0.0/16 via 10.1.0.254\nip route add 10.20.0.0/16 via 10.1.0.253\n",
    ]);
    assert.equal(routes.length, 1);
    assert.deepEqual(said, ["lost ip route add 10.20.0.0/16 via 10.1.0.253"]);
  });

  it("as ip route shows them, or as commands set them", () => {
    const shown = `default via 192.0.2.254 dev wan proto static metric 100
10.1.0.0/24 dev lan proto kernel scope link src 10.1.0.2
10.8.0.0/16 via 10.1.0.254 dev lan proto bird
`;
    const commands = `# further networks
/sbin/ip -6 route add default via fd00:1::fe dev lan
ip r replace 10.20.0.0/16 via 10.1.0.254   # the labs
ip link set lan up
`;
    assert.deepEqual([shown, commands].map(configKind), ["routes", "routes"]);
    const { routes, said } = routesOf([keepalived(""), shown, commands]);
    assert.deepEqual(routes, [
      { id: "default", to: "0.0.0.0/0", via: "192.0.2.254", interface: "wan", metric: 100 },
      { id: "default-ipv6", to: "::/0", via: "fd00:1::fe", interface: "lan" },
      { id: "to-10-20-0-0-16", to: "10.20.0.0/16", via: "10.1.0.254" },
    ]);
    assert.deepEqual(said, [
      "needless 10.1.0.0/24 dev lan proto kernel scope link src 10.1.0.2",
      "lost 10.8.0.0/16 via 10.1.0.254 dev lan proto bird",
      "lost ip link set lan up",
    ]);
  });
});
