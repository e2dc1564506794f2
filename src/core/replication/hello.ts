import { FLOW_SYNC_VERSION, FLOW_SYNC_VERSION_OLDEST, type SyncFrame } from "../../wire/flow-sync.ts";

/** A peer that says nothing for this long is gone, whatever TCP believes. */
export const SILENCE_MS = 3_000;

/** What a node says first. @param flows entries in its connection table */
export function hello(
  {
    cluster,
    node,
    groups,
  }: { readonly cluster: string; readonly node: string; readonly groups: readonly string[] },
  flows: number,
): SyncFrame & { type: "hello" } {
  return {
    ...({ type: "hello", version: FLOW_SYNC_VERSION, oldestVersion: FLOW_SYNC_VERSION_OLDEST } as const),
    ...{ cluster, node, flows, groupNames: groupNamesHash(groups) },
  };
}

/** Why these two nodes must not replicate to each other, or undefined. */
export function helloMismatch(
  theirHello: SyncFrame & { type: "hello" },
  own: { readonly cluster: string; readonly expected: string; readonly groups: readonly string[] },
): string | undefined {
  // Both speak every version from their oldest to their newest: the lower of the newest is the one to use.
  if (
    Math.min(theirHello.version, FLOW_SYNC_VERSION) <
    Math.max(theirHello.oldestVersion, FLOW_SYNC_VERSION_OLDEST)
  ) {
    const theirs = versions(theirHello.oldestVersion, theirHello.version);
    const ours = versions(FLOW_SYNC_VERSION_OLDEST, FLOW_SYNC_VERSION);
    return `${theirHello.node} speaks flow-sync ${theirs}, this node ${ours}: install the same release on both`;
  }
  if (theirHello.cluster !== own.cluster)
    return `${theirHello.node} belongs to cluster ${theirHello.cluster}, not ${own.cluster}`;
  if (theirHello.node !== own.expected)
    return `the peer calls itself ${theirHello.node}, its certificate says ${own.expected}`;
  // A set of groups would mean others there.
  if (theirHello.groupNames !== groupNamesHash(own.groups))
    return `the document of ${theirHello.node} has other failover groups: use the same document on both`;
  return undefined;
}

/** FNV-1a (32 bits) over the names, each ended by a zero byte. They are ASCII, and in one order on all nodes. */
export function groupNamesHash(names: readonly string[]): number {
  let hash = 0x811c9dc5;
  const put = (byte: number) => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  for (const name of names) {
    for (let i = 0; i < name.length; i++) put(name.charCodeAt(i));
    put(0);
  }
  return hash >>> 0;
}

function versions(oldest: number, newest: number): string {
  return oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
}
