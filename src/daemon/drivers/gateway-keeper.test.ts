import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runIp } from "../../../tests/network/test-host.ts";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { nodeSettings } from "../node-settings.ts";
import { GatewayKeeper } from "./gateway-keeper.ts";

const folder = mkdtempSync(join(tmpdir(), "tocha-keeper-"));
const path = process.env["PATH"];
after(() => {
  process.env["PATH"] = path;
  rmSync(folder, { recursive: true });
});

it("tells of a failure once, however often it tries, and of its end", { timeout: 60_000 }, async () => {
  const { document } = readDocument(goodDocument, "cluster.yaml");
  assert.ok(document);
  const places = { configFile: join(folder, "c.yaml"), runDirectory: folder, stateDirectory: folder };
  const settings = nodeSettings({ document, node: "gw1", ...places }, [new Uint8Array(32)]);
  const said: string[] = [];
  runIp(["link add eth0 type veth peer name eth1"]);
  // Nothing to load the rules with.
  process.env["PATH"] = folder;
  const keeper = new GatewayKeeper({
    ...{ settings, first: async () => {}, onReady: () => {} },
    log: (level, text) => said.push(`${level}: ${text}`),
  });
  await keeper.tried;
  // Two more tries.
  await sleep(11_000);
  const failure = "nft refused the rules: cannot run nft: spawn nft ENOENT";
  const about = (word: string) => said.filter((line) => line.includes(word));
  assert.deepEqual(about("refused"), [`error: ${failure}`]);
  assert.deepEqual(about("tried again"), [
    "info: this is tried again every 5 s, and told again when it changes",
  ]);
  assert.equal(about("all rules are loaded").length, 1);
  assert.deepEqual(keeper.problems.map(({ code, message }) => [code, message]).at(-1), [
    "gateway-not-loaded",
    failure,
  ]);
  process.env["PATH"] = path;
  for (let turn = 0; turn < 100 && !keeper.isReady; turn++) await sleep(100);
  assert.equal(said.at(-1), "info: rules and sysctls are in the kernel");
  assert.deepEqual(keeper.problems, []);
});
