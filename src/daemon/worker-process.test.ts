import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { goodDocument } from "../contract/bad-documents.test-data.ts";
import { readDocument } from "../contract/read-document.ts";
import { Log } from "./log.ts";
import { nodeSettings } from "./node-settings.ts";
import { WorkerProcess } from "./worker-process.ts";

const NOBODY = 65_534;
const LIMIT_MS = 10_000;
/** What the api role does in its first moment; it ends by itself, should nobody kill it. */
const PLAIN_USER = `process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});
  console.log("a plain user"); setTimeout(() => {}, ${2 * LIMIT_MS});`;

/** Runs something as a supervisor without CAP_KILL: no right of root counts for another user's effective rights. */
function withoutCapabilities(run: () => void): void {
  process.seteuid?.(1);
  try {
    run();
  } finally {
    process.seteuid?.(0);
  }
}

it("counts a role that it may not kill as still there, and says so", async (context: TestContext) => {
  assert.equal(process.geteuid?.(), 0, "this test needs root: run it with sudo");
  const { document } = readDocument(goodDocument, "cluster.yaml");
  assert.ok(document);
  const places = { configFile: "/c.yaml", runDirectory: "/", stateDirectory: "/" };
  const log = new Log("gw1", { fixed: undefined, level: "info" });
  const said: string[] = [];
  context.mock.method(log, "write", (...words: string[]) => said.push(words.join(" ")));
  const ends: string[] = [];
  const worker = new WorkerProcess({
    ...{ role: "api", log, runtimeOptions: ["--eval", PLAIN_USER] },
    settings: nodeSettings({ document, node: "gw1", ...places }, [new Uint8Array(32)]),
    events: { receive: () => {}, ended: (_worker, cause) => ends.push(cause) },
  });
  worker.start();
  context.after(() => worker.kill());
  await until(() => said.includes("api info a plain user"));
  const { pid } = worker.report(performance.now());

  withoutCapabilities(() => worker.kill());
  assert.deepEqual(ends, []);
  assert.ok(worker.isRunning);
  assert.equal(worker.report(performance.now()).pid, pid);
  assert.match(
    said.at(-1) ?? "",
    new RegExp(`^supervisor error api \\(process ${pid}\\) .* EPERM; .*CAP_KILL`),
  );

  worker.kill();
  await until(() => ends.length > 0);
  assert.deepEqual(ends, ["SIGKILL"]);
  assert.ok(!worker.isRunning);
});

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!isSo() && performance.now() < endMs) await sleep(5);
  assert.ok(isSo());
}
