import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parsed } from "../core/config/changes.test-data.ts";
import { compareRank } from "../core/election/rank.ts";
import { electionPeers, nodeSettings } from "./node-settings.ts";

describe("electionPeers", () => {
  it("equals rank by the addresses on the faces of their group, whichever of them asks", () => {
    // gw1 has the higher addresses among the guests, gw2 those everywhere else.
    const text = readFileSync(new URL("../../examples/two-groups.yaml", import.meta.url), "utf8");
    const swapped = text.replace('10.2.0.2/22, "fd00:2::2/64"', '10.2.0.9/22, "fd00:2::9/64"');
    assert.notEqual(swapped, text);
    const higher = { campus: "gw2", guests: "gw1" };
    for (const [group, expected] of Object.entries(higher))
      for (const node of ["gw1", "gw2"]) assert.equal(higherOf(swapped, node, group), expected, group);
  });
});

describe("nodeSettings", () => {
  it("tell each face the virtual link-local addresses of all groups on its interface", () => {
    const text = readFileSync(new URL("../../examples/two-groups.yaml", import.meta.url), "utf8");
    const document = parsed(text);
    const [campus, guests] = Object.values(document.groups);
    assert.ok(campus && guests);
    const [shared = ""] = Object.keys(campus.addresses);
    const addressesOf = (group: typeof campus, more: readonly string[]) => ({
      ...group.addresses,
      [shared]: [...(group.addresses[shared] ?? []), ...more],
    });
    const groups = {
      campus: { ...campus, addresses: addressesOf(campus, ["fe80::51:1/64", "169.254.0.1/16"]) },
      guests: { ...guests, addresses: addressesOf(guests, ["fe80::52:1/64", "fd00:9::1/64"]) },
    };
    const source = { configFile: "/cluster.yaml", runDirectory: "/run/t", stateDirectory: "/var/t" };
    const settings = nodeSettings({ document: { ...document, groups }, node: "gw1", ...source }, []);
    for (const { name, faces } of settings.groups)
      for (const face of faces) {
        const expected = face.name === shared ? ["fe80::51:1", "fe80::52:1"] : [];
        assert.deepEqual(face.virtualLinkLocals, expected, `${name} on ${face.name}`);
      }
  });
});

/** By what this node knows, with everything else equal. */
function higherOf(text: string, node: string, groupName: string): string {
  const source = { configFile: "/cluster.yaml", runDirectory: "/run/t", stateDirectory: "/var/t" };
  const settings = nodeSettings({ document: parsed(text), node, ...source }, []);
  const group = settings.groups.find(({ name }) => name === groupName);
  assert.ok(group);
  const equal = { tableComplete: true, effectivePriority: 100 };
  const [other] = electionPeers(settings, group);
  const [self] = electionPeers(
    { ...settings, peers: [{ name: node, syncAddress: "", addresses: [] }] },
    group,
  );
  assert.ok(self !== undefined && other !== undefined);
  const ownOnFaces = group.faces.flatMap(({ addresses }) => addresses);
  assert.deepEqual(group.addresses[node], ownOnFaces, "what others know of this node is what it has there");
  return compareRank({ ...equal, ...self }, { ...equal, ...other }) > 0 ? node : other.name;
}
