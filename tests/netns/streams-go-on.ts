import assert from "node:assert/strict";
import type { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

const LIMIT_MS = 30_000;

/** Every byte of every connection comes through, from now on, and none was ever broken. */
export async function assertAllGoOn(
  lab: TestLab,
  streams: StreamTraffic,
  connections: number,
): Promise<void> {
  await streams.mark();
  const report = await waitFor(
    "every connection to go on",
    async () => {
      const now = await streams.report();
      return now.survived === connections ? now : undefined;
    },
    { limitMs: LIMIT_MS, explain: () => lab.log("gw1") + lab.log("gw2") },
  );
  assert.deepEqual([report.lost, report.corrupted, report.brokenEver], [0, 0, 0]);
}
