import type { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

/** A sweep of the shortest period that a document may ask for is due 10 s after a change, and takes a moment. */
const MENDED_LIMIT_MS = 25_000;

/** What makes the flows of a node, without what differs between nodes all the time: timers, states, counters. */
export async function mirrored(lab: TestLab, node: string): Promise<string[]> {
  const lines = [...(await lab.flows(node)), ...(await lab.flows(node, "ipv6"))];
  return lines
    .filter((line) => line.includes("[ASSURED]"))
    .map((line) => (line.match(/(?:src|dst|sport|dport|mark)=\S+/g) ?? []).join(" "))
    .sort();
}

/** Waits until two nodes hold the same established connections. @param without lines that have this do not count */
export async function assertTablesEqual(
  lab: TestLab,
  active: string,
  standby: string,
  options: { readonly without?: string; readonly limitMs?: number } = {},
): Promise<void> {
  const { without, limitMs = MENDED_LIMIT_MS } = options;
  const counted = async (node: string) => {
    const lines = await mirrored(lab, node);
    return new Set(without === undefined ? lines : lines.filter((line) => !line.includes(without)));
  };
  let last = "";
  await waitFor(
    "the tables to be equal",
    async () => {
      const [theirs, ours] = await Promise.all([counted(active), counted(standby)]);
      const missing = [...theirs].filter((one) => !ours.has(one));
      const stale = [...ours].filter((one) => !theirs.has(one));
      last = `${missing.length} missing, ${stale.length} stale\n${[...missing, ...stale].slice(0, 20).join("\n")}`;
      return missing.length + stale.length === 0;
    },
    { limitMs, explain: () => last },
  );
}
