import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { parsed } from "../core/config/changes.test-data.ts";
import { groupPolicies } from "./group-policies.ts";
import { nodeSettings } from "./node-settings.ts";

it("a group knows whether pulses take all of its faces", () => {
  const text = readFileSync(new URL("../../examples/two-groups.yaml", import.meta.url), "utf8");
  const onAllFaces = (document: string) => {
    const source = { configFile: "/cluster.yaml", runDirectory: "/run/t", stateDirectory: "/var/t" };
    const settings = nodeSettings({ document: parsed(document), node: "gw1", ...source }, []);
    return groupPolicies(settings).map(({ name, pulsesOnAllFaces }) => [name, pulsesOnAllFaces]);
  };
  assert.deepEqual(onAllFaces(text), [
    ["campus", true],
    ["guests", true],
  ]);
  assert.deepEqual(onAllFaces(`${text}\npulses: { without: [guests] }\n`), [
    ["campus", true],
    ["guests", false],
  ]);
});
