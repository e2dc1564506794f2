import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

/** A sweep of the shortest period that a document may ask for is due 10 s after a change, and takes a moment. */
const MENDED_LIMIT_MS = 25_000;

/** A node's own connections, which began before its rules said that they are not tracked. */
const SYNC_NETWORK = "=10.255.0.";

/** What makes the flows through a node, without what differs between nodes all the time: timers, states, counters. */
export async function mirrored(lab: TestLab, node: string): Promise<string[]> {
  const lines = [...(await lab.flows(node)), ...(await lab.flows(node, "ipv6"))];
  return lines
    .filter((line) => line.includes("[ASSURED]") && !line.includes(SYNC_NETWORK))
    .map((line) => (line.match(/(?:src|dst|sport|dport|mark)=\S+/g) ?? []).join(" "))
    .sort();
}

/** Waits until two nodes hold the same established connections. */
export async function assertTablesEqual(lab: TestLab, active: string, standby: string): Promise<void> {
  let last = "";
  await waitFor(
    "the tables to be equal",
    async () => {
      const [theirs, ours] = [new Set(await mirrored(lab, active)), new Set(await mirrored(lab, standby))];
      const missing = [...theirs].filter((one) => !ours.has(one));
      const stale = [...ours].filter((one) => !theirs.has(one));
      last = `${missing.length} missing, ${stale.length} stale\n${[...missing, ...stale].slice(0, 20).join("\n")}`;
      return missing.length + stale.length === 0;
    },
    { limitMs: MENDED_LIMIT_MS, explain: () => last },
  );
}
