import { initKeys, issueKeys } from "../keys/key-files.ts";

/** Makes the keys of a lab's cluster: its authority, its shared key, and a certificate for every node. */
export async function writeLabKeys(directory: string, nodes: readonly string[]): Promise<void> {
  await initKeys(directory);
  for (const node of nodes) await issueKeys(directory, node);
}
