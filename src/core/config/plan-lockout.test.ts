import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { Edit } from "./changes.test-data.ts";
import { pairDocument, planOf } from "./plans.test-data.ts";

const main = ["groups", "main"] as const;
/** With an interface of its own for those who administer. */
const withMgmt = pairDocument
  .replace("10.1.0.2/24] }", "10.1.0.2/24] }\n      mgmt: { device: eth3, addresses: [10.9.0.2/24] }")
  .replace("10.1.0.3/24] }", "10.1.0.3/24] }\n      mgmt: { device: eth3, addresses: [10.9.0.3/24] }");
const having = (text: string) => withMgmt.replace("replication:", `${text}\nreplication:`);
const lan: CallerWay = { by: "ssh", address: "10.1.0.77", to: "10.1.0.2", port: 22 };
const overMgmt: CallerWay = { by: "ssh", address: "10.9.0.7", to: "10.9.0.2", port: 22 };
const fromFar: CallerWay = { by: "ssh", address: "198.51.100.7", to: "10.9.0.2", port: 22 };
const overApi: CallerWay = { by: "api", address: "10.1.0.77" };
const rule = (text: string, chain = "input"): Edit => ({
  path: ["firewall"],
  value: { [chain]: { rules: [rules[text]] } },
});
const rules: Readonly<Record<string, unknown>> = {
  "drop lan": { id: "no-lan", in: "lan", action: "drop" },
  "drop ssh of lan": { id: "no-ssh", in: "lan", protocol: "tcp", ports: [22], action: "reject" },
  "drop the caller": { id: "no-host", from: "10.1.0.77", action: "drop" },
  "drop dns": { id: "no-dns", in: "lan", protocol: "udp", action: "drop" },
  "drop by source port": { id: "low", in: "lan", protocol: "tcp", sourcePorts: "1-40000", action: "drop" },
  "drop privileged": { id: "low", in: "lan", protocol: "tcp", sourcePorts: "1-1023", action: "drop" },
  "drop to another address": { id: "other", to: "10.1.0.3", action: "drop" },
};

interface Cut {
  readonly refused: readonly string[];
  readonly warned: readonly string[];
}

/** What a plan says of being cut off, as `code: message`. */
function cuts(
  edits: readonly Edit[],
  known: Parameters<typeof planOf>[2] = {},
  text: string = withMgmt,
): Cut {
  const { refusals, warnings } = planOf(text, edits, { carrying: "gw1", ...known });
  const of = (list: typeof refusals) =>
    list.flatMap(({ code, message, hint = "" }) => {
      if (!/^plan-cuts-(caller|management|api|peers)$/.test(code)) return [];
      assert.notEqual(hint, "");
      return [`${code}: ${message}`];
    });
  return { refused: of(refusals), warned: of(warnings) };
}

const none: Cut = { refused: [], warned: [] };

describe("a plan refuses to cut off the caller", () => {
  const who = "10.1.0.77, which asks this over SSH";

  it("by a rule of the firewall, and names the rule", () => {
    for (const [text, id] of [
      ["drop lan", "no-lan"],
      ["drop ssh of lan", "no-ssh"],
      ["drop the caller", "no-host"],
    ] as const)
      assert.deepEqual(cuts([rule(text)], { caller: lan }).refused, [
        `plan-cuts-caller: the rule ${id} of firewall.input would let in no further connection from ${who}: whoever asks would be cut off`,
      ]);
  });

  it("by the default of the firewall", () => {
    const drop: Edit = {
      path: ["firewall"],
      value: { input: { default: "drop", rules: [{ id: "mgmt", in: "mgmt", action: "accept" }] } },
    };
    assert.deepEqual(cuts([drop], { caller: lan }).refused, [
      `plan-cuts-caller: firewall.input would let in no further connection from ${who}: whoever asks would be cut off`,
    ]);
    assert.deepEqual(cuts([drop], { caller: overMgmt }).refused, []);
  });

  it("but not by rules that are for something else", () => {
    for (const text of ["drop dns", "drop privileged", "drop to another address"])
      assert.deepEqual(cuts([rule(text)], { caller: lan }), none, text);
    assert.deepEqual(cuts([rule("drop the caller", "forward")], { caller: lan }), none);
    assert.deepEqual(cuts([rule("drop lan")], { caller: overMgmt }), none);
    assert.deepEqual(cuts([rule("drop lan")]), none, "at the console");
  });

  it("and not where management lets the caller in before the rules", () => {
    const management: Edit = { path: ["management"], value: { from: "10.1.0.64/26" } };
    assert.deepEqual(cuts([rule("drop lan"), management], { caller: lan }), none);
  });

  it("only warns where it depends on what is not known", () => {
    assert.deepEqual(cuts([rule("drop by source port")], { caller: lan }), {
      refused: [],
      warned: [
        `plan-cuts-caller: the rule low of firewall.input may let in no further connection from ${who}`,
      ],
    });
    // From far away it may have come in by any interface.
    const { to: _to, ...far } = fromFar;
    assert.deepEqual(cuts([rule("drop lan")], { caller: far }).refused, []);
    assert.equal(cuts([rule("drop lan")], { caller: far }).warned.length, 1);
    assert.deepEqual(cuts([rule("drop lan")], { caller: fromFar }), none);
  });

  it("by management that no longer has its network", () => {
    const closed = having(
      "management: { interfaces: mgmt, from: 10.9.0.0/24 }\nfirewall: { input: { default: drop } }",
    );
    const edit: Edit = { path: ["management", "from"], value: "10.9.0.128/25" };
    assert.equal(cuts([edit], { caller: overMgmt }, closed).refused.length, 1);
    assert.deepEqual(cuts([edit], { caller: { ...overMgmt, address: "10.9.0.200" } }, closed).refused, []);
    const lanInstead: Edit = { path: ["management"], value: { interfaces: "lan" } };
    assert.equal(cuts([lanInstead], { caller: overMgmt }, closed).refused.length, 1);
    const port: Edit = { path: ["management", "ports"], value: [2_222] };
    assert.equal(cuts([port], { caller: overMgmt }, closed).refused.length >= 1, true);
  });

  it("by another device for the interface that it comes in by", () => {
    const closed = having("management: { interfaces: mgmt }\nfirewall: { input: { default: drop } }");
    const moved: Edit = { path: ["nodes", "gw1", "interfaces", "mgmt", "device"], value: "eth9" };
    assert.equal(cuts([moved], { caller: overMgmt }, closed).refused.length, 1);
    assert.deepEqual(cuts([moved], { caller: overMgmt, carrying: "gw2" }, closed).refused, []);
  });

  it("by a virtual address that goes, moves away, or no longer answers", () => {
    const virtual: CallerWay = { ...lan, to: "10.1.0.1" };
    assert.deepEqual(
      cuts([{ path: [...main, "addresses", "lan"], value: ["10.1.0.254/24"] }], { caller: virtual }),
      {
        refused: [
          "plan-cuts-caller: 10.1.0.77 asks this over 10.1.0.1, a virtual address that would go away",
        ],
        warned: [],
      },
    );
    const silent: Edit = { path: [...main, "acceptMode"], value: false };
    assert.equal(cuts([silent], { caller: virtual }).refused.length, 1);
    assert.deepEqual(cuts([silent], { caller: lan }), none);
  });

  it("by a route that leads the answers elsewhere", () => {
    const route = (value: Readonly<Record<string, unknown>>): Edit => ({
      path: ["routes"],
      value: [{ id: "branch", via: "10.1.0.254", ...value }],
    });
    assert.deepEqual(cuts([route({ to: "10.9.0.0/28" })], { caller: overMgmt }), {
      refused: [
        "plan-cuts-caller: the route branch leads the answers of gw1 to 10.9.0.7, which asks this over SSH, to 10.1.0.254",
      ],
      warned: [],
    });
    // Wider than the network, for other hosts, or on the other node alone.
    for (const value of [
      { to: "10.0.0.0/8" },
      { to: "10.9.0.128/28" },
      { to: "10.9.0.0/28", nodes: ["gw2"] },
      { to: "10.9.0.0/24" },
      { to: "10.9.0.0/24", metric: 10 },
    ])
      assert.deepEqual(cuts([route(value)], { caller: overMgmt }), none, JSON.stringify(value));
    // Where the caller is behind a router, the other way may be as good.
    assert.deepEqual(cuts([route({ to: "198.51.100.0/24" })], { caller: fromFar }).warned, [
      "plan-cuts-caller: the route branch leads the answers of gw1 to 198.51.100.7, which asks this over SSH, to 10.1.0.254",
    ]);
  });

  it("and warns where the route to it goes", () => {
    const text = having("routes: [{ id: branch, to: 198.51.100.0/24, via: 10.9.0.254 }]");
    assert.deepEqual(cuts([{ path: ["routes"] }], { caller: fromFar }, text), {
      refused: [],
      warned: [
        "plan-cuts-caller: without the route branch no route of the document leads back from gw1 to 198.51.100.7, which asks this over SSH",
      ],
    });
    const other: Edit = { path: ["routes", 0, "via"], value: "10.1.0.254" };
    assert.equal(cuts([other], { caller: fromFar }, text).warned.length, 1);
    const renamed: Edit = { path: ["routes", 0, "id"], value: "other" };
    assert.deepEqual(cuts([renamed], { caller: fromFar }, text), none);
  });

  it("over the API, when that goes or moves", () => {
    const text = having("api: { interface: lan }");
    for (const edit of [
      { path: ["api"] },
      { path: ["api", "port"], value: 7_850 },
      { path: ["api", "interface"], value: "mgmt" },
      { path: ["nodes", "gw1", "interfaces", "lan", "addresses"], value: ["10.1.0.9/24"] },
    ]) {
      const { refused } = cuts([edit], { caller: overApi }, text);
      assert.deepEqual(
        refused.map((one) => one.split(":")[0]),
        ["plan-cuts-caller"],
        edit.path.join("."),
      );
    }
    assert.deepEqual(
      cuts([{ path: ["api", "requestsPerSecond"], value: 9 }], { caller: overApi }, text),
      none,
    );
    assert.equal(cuts([rule("drop the caller")], { caller: overApi }, text).refused.length, 1);
    // It answers by its own interface alone.
    const branch = (via: string): Edit => ({
      path: ["routes"],
      value: [{ id: "b", to: "10.1.0.64/26", via }],
    });
    assert.deepEqual(cuts([branch("10.9.0.254")], { caller: overApi }, text), none);
    assert.equal(cuts([branch("10.1.0.254")], { caller: overApi }, text).refused.length, 1);
    assert.equal(cuts([branch("10.9.0.254")], { caller: lan }, text).refused.length, 1);
    assert.deepEqual(cuts([rule("drop ssh of lan")], { caller: overApi }, text).refused, []);
  });
});

describe("a plan refuses to lock everybody out", () => {
  const drop: Edit = { path: ["firewall"], value: { input: { default: "drop" } } };

  it("of SSH, but for whom the document says that they administer", () => {
    const nobody = "plan-cuts-management: nobody would reach SSH of the gateways over the network any more";
    assert.deepEqual(cuts([drop]), { refused: [nobody], warned: [] });
    assert.deepEqual(cuts([drop, { path: ["management"], value: { interfaces: "mgmt" } }]), none);
    const all: Edit = { path: ["firewall"], value: { input: { rules: [{ id: "no", action: "drop" }] } } };
    assert.deepEqual(cuts([all]).refused, [nobody]);
    // By two rules, neither of which is for all.
    const halves = ["0.0.0.0/1", "128.0.0.0/1"].map((from, index) => ({
      id: `r${index}`,
      from,
      action: "drop",
    }));
    const both = [...halves, { id: "six", from: "::/0", action: "drop" }];
    assert.deepEqual(cuts([{ path: ["firewall"], value: { input: { rules: both } } }]).refused, [nobody]);
    assert.deepEqual(cuts([{ path: ["firewall"], value: { input: { rules: halves } } }]).refused, []);
  });

  it("and tells who among those who administered would no longer get in", () => {
    const closed = having(
      "management: { interfaces: [mgmt, lan], from: [10.9.0.0/24, 10.1.0.0/24] }\nfirewall: { input: { default: drop } }",
    );
    assert.deepEqual(
      cuts([{ path: ["management", "from"], value: ["10.9.0.0/25", "10.1.0.0/24"] }], {}, closed),
      {
        refused: [],
        warned: [
          "plan-cuts-management: 10.9.0.128/25 on lan and 10.9.0.128/25 on mgmt would no longer reach SSH of the gateways",
        ],
      },
    );
    assert.deepEqual(
      cuts(
        [{ path: ["management", "from"], value: ["10.9.0.0/24", "10.1.0.0/24", "10.2.0.0/24"] }],
        {},
        closed,
      ),
      none,
    );
    const open = having("management: { interfaces: [mgmt, lan] }\nfirewall: { input: { default: drop } }");
    assert.deepEqual(cuts([{ path: ["management", "interfaces"], value: "lan" }], {}, open).warned, [
      "plan-cuts-management: everybody on mgmt would no longer reach SSH of the gateways",
    ]);
  });

  it("but sees who gets in behind many others that do not", () => {
    const rules = [
      ...Array.from({ length: 300 }, (_, index) => ({
        ...{ id: `r${index}`, from: `10.${20 + (index >> 8)}.${index & 255}.0/30`, action: "drop" },
      })),
      { id: "admins", from: "198.51.100.16/28", action: "accept" },
    ];
    const some: Edit = { path: ["firewall"], value: { input: { default: "drop", rules } } };
    assert.deepEqual(cuts([some]), none);
  });

  it("of the API", () => {
    const text = having("api: { interface: lan }");
    const noPort = { id: "no-api", protocol: "tcp", ports: [7_847], action: "drop" };
    assert.deepEqual(cuts([{ path: ["firewall"], value: { input: { rules: [noPort] } } }], {}, text), {
      refused: ["plan-cuts-api: nobody would reach the API on lan any more"],
      warned: [],
    });
    // Where it is said who administers, nobody else reaches it.
    const elsewhere: readonly Edit[] = [drop, { path: ["management"], value: { interfaces: "mgmt" } }];
    assert.deepEqual(cuts(elsewhere, {}, text).refused, [
      "plan-cuts-api: nobody would reach the API on lan any more",
    ]);
    assert.deepEqual(cuts([...elsewhere, { path: ["api", "interface"], value: "mgmt" }], {}, text), {
      refused: [],
      warned: ["plan-cuts-api: the API would be served on mgmt, port 7847, instead of lan, port 7847"],
    });
    assert.deepEqual(cuts([{ path: ["api"] }], {}, text).warned, [
      "plan-cuts-api: the API would no longer be served: whoever asks over HTTPS gets no answer",
    ]);
    const renumbered: Edit = {
      path: ["nodes", "gw2", "interfaces", "lan", "addresses"],
      value: ["10.1.0.9/24"],
    };
    assert.deepEqual(cuts([renumbered], {}, text).warned, [
      "plan-cuts-api: the API of gw2 would be served at other addresses of lan",
    ]);
    const some = { id: "no-guests", from: "10.1.0.128/25", action: "drop" };
    assert.deepEqual(cuts([{ path: ["firewall"], value: { input: { rules: [some] } } }], {}, text).warned, [
      "plan-cuts-api: 10.1.0.128/25 on lan would no longer reach the API",
    ]);
  });
});

describe("a plan tells of a route that comes between the nodes", () => {
  const route = (to: string, via = "192.0.2.254"): Edit => ({
    path: ["routes"],
    value: [{ id: "branch", to, via }],
  });
  const peers: Edit = {
    path: [...main, "unicastPeers"],
    value: { wan: ["192.0.2.2", "192.0.2.3", "192.0.2.99"] },
  };

  it("and refuses it where VRRP goes to single routers, whoever they are", () => {
    assert.deepEqual(cuts([peers, route("192.0.2.3/32")]).refused, [
      "plan-cuts-peers: the route branch leads what gw1 sends to 192.0.2.3, gw2 on wan, over the router 192.0.2.254: VRRP, which takes nothing that was routed, would not arrive",
    ]);
    assert.equal(cuts([peers, route("192.0.2.0/29")]).refused.length, 2);
    assert.match(
      cuts([peers, route("192.0.2.99/32")]).refused.join("\n"),
      /^plan-cuts-peers: .* gw1 sends to 192\.0\.2\.99, a VRRP router on wan, .*\n.* gw2 sends to 192\.0\.2\.99/,
    );
  });

  it("and warns of it where only pulses take it", () => {
    assert.deepEqual(cuts([route("192.0.2.3/32")]), {
      refused: [],
      warned: [
        "plan-cuts-peers: the route branch leads what gw1 sends to 192.0.2.3, gw2 on wan, over the router 192.0.2.254: pulses would depend on it",
      ],
    });
  });

  it("but not where it is wider, for others, over another interface, or there already", () => {
    for (const edit of [
      route("192.0.0.0/16"),
      route("192.0.2.0/24"),
      route("192.0.2.128/25"),
      route("192.0.2.3/32", "10.1.0.254"),
    ])
      assert.deepEqual(cuts([peers, edit]), none);
    const text = having("routes: [{ id: branch, to: 192.0.2.3/32, via: 192.0.2.254 }]");
    assert.deepEqual(cuts([{ path: ["nat", "source", 1] }], {}, text), none);
  });
});
