import { compareIp, type IpAddress, isLinkLocal } from "../../base/ip.ts";

/**
 * Who goes first among nodes: one that holds every connection before one that does not, for what it would cost to decide
 * otherwise is what the cluster exists for; then the higher priority, then the higher address (RFC 9568 6.4.3).
 */
export interface Rank {
  readonly name: string;
  /** Undefined when it is not known, or must not count. */
  readonly tableComplete: boolean | undefined;
  readonly effectivePriority: number;
  /** Of all faces; link-local ones do not count, since no peer can know them for sure. */
  readonly addresses: readonly IpAddress[];
}

/** Positive if `a` ranks above `b`. Nodes that hear the same come to the same result: they hold one document. */
export function compareRank(a: Rank, b: Rank): number {
  const isTableKnown = a.tableComplete !== undefined && b.tableComplete !== undefined;
  if (isTableKnown && a.tableComplete !== b.tableComplete) return a.tableComplete ? 1 : -1;
  if (a.effectivePriority !== b.effectivePriority) return a.effectivePriority - b.effectivePriority;
  const byAddress = compareIp(highest(a.addresses), highest(b.addresses));
  if (byAddress !== 0) return byAddress;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

const LOWEST: IpAddress = new Uint8Array(0);

function highest(addresses: readonly IpAddress[]): IpAddress {
  let best: IpAddress = LOWEST;
  for (const address of addresses) {
    if (!isLinkLocal(address) && compareIp(address, best) > 0) best = address;
  }
  return best;
}

/** Of our addresses on a face, the one that a VRRP router with this source address compares with its own. */
export function primaryAddress(addresses: readonly IpAddress[], source: IpAddress): IpAddress | undefined {
  const sameFamily = addresses.filter((address) => address.length === source.length);
  return sameFamily.find((address) => isLinkLocal(address) === isLinkLocal(source)) ?? sameFamily[0];
}
