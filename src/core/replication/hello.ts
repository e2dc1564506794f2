import { FLOW_SYNC_VERSION, FLOW_SYNC_VERSION_OLDEST, type SyncFrame } from "../../wire/flow-sync.ts";

/** A peer that says nothing for this long is gone, whatever TCP believes. */
export const SILENCE_MS = 3_000;

/** Why these two nodes must not replicate to each other, or undefined. */
export function helloMismatch(
  hello: SyncFrame & { type: "hello" },
  own: { readonly cluster: string; readonly expected: string },
): string | undefined {
  // Both speak every version from their oldest to their newest: the lower of the newest is the one to use.
  if (Math.min(hello.version, FLOW_SYNC_VERSION) < Math.max(hello.oldestVersion, FLOW_SYNC_VERSION_OLDEST)) {
    const theirs = versions(hello.oldestVersion, hello.version);
    const ours = versions(FLOW_SYNC_VERSION_OLDEST, FLOW_SYNC_VERSION);
    return `${hello.node} speaks flow-sync ${theirs}, this node ${ours}: install the same release on both`;
  }
  if (hello.cluster !== own.cluster)
    return `${hello.node} belongs to cluster ${hello.cluster}, not ${own.cluster}`;
  if (hello.node !== own.expected)
    return `the peer calls itself ${hello.node}, its certificate says ${own.expected}`;
  return undefined;
}

function versions(oldest: number, newest: number): string {
  return oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
}
