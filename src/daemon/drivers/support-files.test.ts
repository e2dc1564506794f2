import assert from "node:assert/strict";
import { it } from "node:test";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { nodeSettings } from "../node-settings.ts";
import { knownSecrets } from "./support-files.ts";

it("knows what the variable of the arbiter's user holds, to keep it out of bundles", () => {
  const name = `TOCHA_TEST_USER_${process.pid}`;
  const arbiter = `arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, userEnvironment: ${name} }\n`;
  const { document, problems } = readDocument(`${goodDocument}${arbiter}`, "cluster.yaml");
  assert.ok(document, JSON.stringify(problems));
  const settings = nodeSettings(
    {
      ...{ document, node: "gw1", configFile: "/nowhere/cluster.yaml" },
      ...{ runDirectory: "/nowhere", stateDirectory: "/nowhere" },
    },
    [],
  );
  process.env[name] = "root:swordfish";
  try {
    assert.ok(knownSecrets(settings).includes("swordfish"));
  } finally {
    delete process.env[name];
  }
  assert.ok(!knownSecrets(settings).includes("swordfish"));
});
