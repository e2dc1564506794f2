import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { addNode, type NewNode } from "./add-node.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { withFileCopies } from "./file-copies.ts";
import { readDocument } from "./read-document.ts";
import type { ReadFile } from "./set-file.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const twoGateways = readFileSync(`${root}/examples/two-gateways.yaml`, "utf8");

/** The files of sets are beside the examples. */
const readExample: ReadFile = (name) => ({ text: readFileSync(`${root}/examples/${name}`, "utf8"), name });

function valid(text: string): ClusterDocument {
  const { document, problems } = readDocument(text, "cluster.yaml", readExample);
  assert.ok(document, JSON.stringify(problems));
  return document;
}

const gw3: NewNode = {
  name: "gw3",
  chosen: {},
  devices: [
    { device: "eth9", addresses: ["198.51.100.7/24"] },
    { device: "ens3", addresses: ["fd00:1::4/64", "10.1.0.4/24", "fe80::1/64"] },
    { device: "ens4", addresses: ["192.0.2.4/24", "2001:db8::4/64"] },
    { device: "ens5", addresses: ["10.255.0.3/24"] },
  ],
};

function added(text: string, node: NewNode): string {
  const result = addNode(text, valid(text), node);
  assert.ok(result.text !== undefined, JSON.stringify(result));
  return result.text;
}

function refused(text: string, node: NewNode): string {
  const result = addNode(text, valid(text), node);
  assert.ok(result.text === undefined);
  const [{ code, message, hint }] = result.problems;
  return `${code}: ${message} ${hint}`;
}

/** The lines that are new, and those that are gone. */
function changes(before: string, after: string): { readonly new: string[]; readonly gone: string[] } {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return { new: now.filter((line) => !old.includes(line)), gone: old.filter((line) => !now.includes(line)) };
}

describe("adding a node", () => {
  it("finds its devices by their networks, and touches no other line, comments included", () => {
    const text = added(twoGateways, gw3);
    assert.deepEqual(changes(twoGateways, text), {
      new: [
        "  gw3:",
        `      lan: { device: ens3, addresses: ["fd00:1::4/64", 10.1.0.4/24] }`,
        `      wan: { device: ens4, addresses: [192.0.2.4/24, "2001:db8::4/64"] }`,
        "      sync: { device: ens5, addresses: [10.255.0.3/24] }",
        "    priorities: { gw1: 110, gw2: 100, gw3: 90 } # the highest is preferred when both start",
      ],
      gone: ["    priorities: { gw1: 110, gw2: 100 } # the highest is preferred when both start"],
    });
    const { nodes, groups } = valid(text);
    assert.deepEqual(Object.keys(nodes), ["gw1", "gw2", "gw3"]);
    assert.deepEqual(nodes["gw3"]?.interfaces["sync"], { device: "ens5", addresses: ["10.255.0.3/24"] });
    assert.equal(groups["gateway"]?.priorities["gw3"], 90);
  });

  describe("where VRRP goes to single routers", () => {
    const router = readFileSync(`${root}/examples/router.yaml`, "utf8");
    const west: NewNode = {
      name: "west",
      chosen: {},
      devices: [
        { device: "ens3", addresses: ["10.1.0.4/24", "2001:db8:1::4/64"] },
        { device: "ens4", addresses: ["fe80::9/64", "192.0.2.9/24", "2001:db8::9/64"] },
        { device: "ens5", addresses: ["10.255.0.3/24"] },
      ],
    };
    const listed =
      '      wan: [192.0.2.2, 192.0.2.3, 192.0.2.4, "2001:db8::2", "2001:db8::3", "2001:db8::4"]';
    const only4 = router.replace('wan: ["2001:db8::1/64", 192.0.2.1/24]', "wan: [192.0.2.1/24]");
    const peersIn = (text: string) => valid(text).groups["gateway"]?.unicastPeers["wan"];

    it("lists the node among them, and touches no other line", () => {
      const { new: lines, gone } = changes(router, added(router, west));
      assert.deepEqual(
        lines.filter((line) => line.startsWith("      wan: [")),
        [`${listed.slice(0, -1)}, 192.0.2.9, "2001:db8::9"]`],
      );
      assert.equal(gone.length, 2);
    });

    it("in a list of lines, comments behind, and on every interface", () => {
      const lines = only4.replace(
        listed,
        "      wan:\n        - 192.0.2.2 # north\n        - 192.0.2.3 # south",
      );
      assert.match(added(lines, west), /\n {8}- 192\.0\.2\.3 # south\n {8}- 192\.0\.2\.9\n/);
      const two = only4.replace(
        listed,
        '      lan: [10.1.0.2, 10.1.0.3, "2001:db8:1::2", "2001:db8:1::3"]\n      wan: [192.0.2.2, 192.0.2.3]',
      );
      const both = valid(added(two, west)).groups["gateway"]?.unicastPeers;
      assert.deepEqual(both, {
        lan: [
          ...["10.1.0.2", "10.1.0.3", "2001:db8:1::2", "2001:db8:1::3"],
          ...["10.1.0.4", "2001:db8:1::4"],
        ],
        wan: ["192.0.2.2", "192.0.2.3", "192.0.2.9"],
      });
    });

    it("of the families that are there, by link-local addresses where the others are", () => {
      const only = (list: string) => peersIn(added(router.replace(listed, `      wan: [${list}]`), west));
      assert.deepEqual(only('192.0.2.2, 192.0.2.3, "fe80::2", "fe80::3"'), [
        ...["192.0.2.2", "192.0.2.3", "fe80::2", "fe80::3"],
        ...["192.0.2.9", "fe80::9"],
      ]);
    });

    it("once, where somebody has listed it before", () => {
      const before = only4.replace(listed, "      wan: [192.0.2.2, 192.0.2.3, 192.0.2.9]");
      assert.deepEqual(peersIn(added(before, west)), ["192.0.2.2", "192.0.2.3", "192.0.2.9"]);
    });
  });

  it("works on every example with room for more nodes, and again on its own result", () => {
    for (const file of globSync("examples/*.yaml", { cwd: root })) {
      const written = readFileSync(`${root}/${file}`, "utf8");
      const text = withFileCopies(written, valid(written), readExample);
      if (/\/(29|30)\b/.test(text)) continue;
      const [model] = Object.values(valid(text).nodes);
      const like = (name: string, host: number): NewNode => ({
        ...{ name, chosen: {} },
        devices: Object.values(model?.interfaces ?? {}).map(({ device, addresses }) => ({
          device,
          addresses: addresses.map((one) => one.replace(/([.:])[0-9a-f]+\//, `$1${host}/`)),
        })),
      });
      const twice = added(added(text, like("gw8", 77)), like("gw9", 78));
      assert.deepEqual(Object.keys(valid(twice).nodes).slice(-2), ["gw8", "gw9"], file);
      const comments = (one: string) => one.match(/#.*/g) ?? [];
      assert.deepEqual(comments(twice), comments(text), file);
    }
  });

  it("writes as the document does: blocks, braces on several lines, comments behind, no last line break", () => {
    const block = twoGateways
      .replace(
        "priorities: { gw1: 110, gw2: 100 }",
        "priorities:\n      gw1: 110 # first\n      gw2: 2 # second",
      )
      .trimEnd();
    assert.match(added(block, gw3), /\n {6}gw1: 110 # first\n {6}gw2: 2 # second[^\n]*\n {6}gw3: 1\n/);
    const braces = block
      .replace(
        /nodes:\n[\s\S]*?\n\ngroups:/,
        `nodes: {
  gw1: { interfaces: { lan: { device: a, addresses: [10.1.0.2/24] }, wan: { device: b, addresses: [192.0.2.2/24] }, sync: { device: c, addresses: [10.255.0.1/24] } } }, # one
  gw2: { interfaces: { lan: { device: a, addresses: [10.1.0.3/24] }, wan: { device: b, addresses: [192.0.2.3/24] }, sync: { device: c, addresses: [10.255.0.2/24] } } } # two
}\n\ngroups:`,
      )
      .replace(/, "[0-9a-f:]*\/64"/g, "")
      .replace(/\n.*lan6-out.*/, "");
    const text = added(braces, gw3);
    assert.match(text, /# one\n/);
    assert.match(text, /# two\n/);
    assert.deepEqual(Object.keys(valid(text).nodes), ["gw1", "gw2", "gw3"]);
  });

  it("says which network it has no address in, and which devices it has", () => {
    const lame = { ...gw3, devices: gw3.devices.filter(({ device }) => device !== "ens5") };
    assert.match(
      refused(twoGateways, lame),
      /^join-no-device: no device of gw3 has an address in the network of sync, where the other nodes have 10\.255\.0\.1\/24.*ens4 192\.0\.2\.4\/24 2001:db8::4\/64/,
    );
  });

  it("asks which one where two devices are in one network, and takes the one that is named", () => {
    const devices = [...gw3.devices, { device: "ens6", addresses: ["10.1.0.5/24", "fd00:1::5/64"] }];
    assert.match(
      refused(twoGateways, { ...gw3, devices }),
      /^join-which-device: ens3 and ens6 .*--interface lan=ens3/,
    );
    const text = added(twoGateways, { ...gw3, devices, chosen: { lan: "ens6" } });
    assert.deepEqual(valid(text).nodes["gw3"]?.interfaces["lan"], {
      device: "ens6",
      addresses: ["10.1.0.5/24", "fd00:1::5/64"],
    });
    assert.match(
      refused(twoGateways, { ...gw3, chosen: { lan: "ens4" } }),
      /^join-no-device: ens4 of gw3 has no address/,
    );
  });

  it("gives the document's own problems where the result would not be valid", () => {
    const devices = gw3.devices.map((one) =>
      one.device === "ens3" ? { ...one, addresses: ["10.1.0.1/24"] } : one,
    );
    assert.match(refused(twoGateways, { ...gw3, devices }), /^virtual-address-taken: 10\.1\.0\.1/);
    const same = gw3.devices.map((one) =>
      one.device === "ens5" ? { ...one, addresses: ["10.255.0.2/24"] } : one,
    );
    assert.match(refused(twoGateways, { ...gw3, devices: same }), /^duplicate-address/);
  });

  it("lets nothing into the text that means something else there", () => {
    const evil = ["a, b: c", "x }", "y\n", "#", "&a", "*a", "ens4: {"];
    for (const device of evil) {
      const devices = [...gw3.devices, { device, addresses: ["10.1.0.5/24"] }];
      assert.match(refused(twoGateways, { ...gw3, devices, chosen: { lan: device } }), /^bad-device/, device);
    }
    for (const name of ["gw3: {}", "", "GW3", "a\nb", "__proto__"])
      assert.match(refused(twoGateways, { ...gw3, name }), /^bad-name/, name);
    const devices = gw3.devices.map((one) => ({
      ...one,
      addresses: [...one.addresses, "10.1.0.9/24, evil: 1"],
    }));
    assert.doesNotMatch(added(twoGateways, { ...gw3, devices }), /evil/);
  });
});
