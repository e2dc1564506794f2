import assert from "node:assert/strict";
import type { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";

/**
 * A server answers what a client asks it over TCP through the gateway, and sees the question come from this address: the first
 * time that it answers at all, for whoever became active a moment ago may not serve yet, and from then on.
 */
export async function assertAnsweredThrough(
  client: NamespaceAgent,
  { host, port, seen }: { readonly host: string; readonly port: number; readonly seen: string },
  explain: () => string,
): Promise<void> {
  const ask = { do: "ask", protocol: "tcp", host, port } as const;
  const first = await waitFor(
    `an answer from ${host}`,
    async () => {
      const answer = await client.request(ask);
      return "seen" in answer ? answer : undefined;
    },
    { explain },
  );
  const answers = [first, await client.request(ask)];
  assert.deepEqual(answers, [{ seen }, { seen }], `through the virtual address to ${host}\n${explain()}`);
}
