import { type IpAddress, type IpNetwork, isLinkLocal } from "../../base/ip.ts";
import { IPPROTO_TCP } from "../../wire/conntrack-constants.ts";
import type { ExpectationFields } from "../../wire/expectation-fields.ts";
import type { FlowFields, TupleFields } from "../../wire/flow-fields.ts";

/** As conntrack numbers TCP's states (`enum tcp_conntrack`): those after it are states of a connection that ends. */
const TCP_ESTABLISHED = 3;

/** A set of failover groups: bit i is the i-th group of the document, in the order of the names (groupsOf). At most 8. */
export type GroupSet = number;

export interface OwnerGroup {
  /** The group's virtual addresses, each with the prefix length of its network. */
  readonly virtualAddresses: readonly IpNetwork[];
  /** Networks whose addresses are translated to, and that routers send to the group; none when undefined. */
  readonly routedNetworks?: readonly IpNetwork[];
}

/**
 * Says which failover group a flow belongs to. All nodes must say the same of a flow, so only the document and the flow's own tuples
 * count, and not where it was seen:
 *
 * 1. with one group, that one;
 * 2. the group that has, or has routed to it, the address that it is translated to, or that it was sent to (a port forward);
 * 3. else the group whose networks contain its source, or if that are several or none, its destination;
 * 4. else none.
 *
 * A flow of no group may be forwarded by any node that is active for something, so no table is the truth about it: nodes tell each
 * other of it as it happens, and remove nothing because another node does not have it.
 */
export class FlowOwner {
  readonly #groups: readonly {
    readonly set: GroupSet;
    readonly addresses: readonly IpAddress[];
    readonly routed: readonly IpNetwork[];
    readonly networks: readonly IpNetwork[];
  }[];

  constructor(groups: readonly OwnerGroup[]) {
    this.#groups = groups.map(({ virtualAddresses, routedNetworks = [] }, index) => ({
      set: 1 << index,
      addresses: virtualAddresses.map(({ address }) => address),
      routed: routedNetworks,
      networks: virtualAddresses.filter(({ address }) => !isLinkLocal(address)),
    }));
  }

  /** All groups. */
  get all(): GroupSet {
    return (1 << this.#groups.length) - 1;
  }

  /** There is one group, and so nothing to find out. */
  get isOnlyOne(): boolean {
    return this.#groups.length === 1;
  }

  /** The flow belongs to one of these groups. Allocates nothing. */
  isOneOf(groups: GroupSet, fields: FlowFields): boolean {
    return (this.groupOf(fields) & groups) !== 0;
  }

  /** Whether a node that is active for these groups tells the others of a change of the flow, or of its end. */
  tells(groups: GroupSet, fields: FlowFields, ended: boolean): boolean {
    const group = this.groupOf(fields);
    if (group !== 0) return (group & groups) !== 0;
    // It may be a copy whose time is up, while the flow goes on elsewhere. Only packets through this node close a connection here.
    return !ended || (fields.protocol === IPPROTO_TCP && fields.tcpState > TCP_ESTABLISHED);
  }

  /** Whether the flow is part of a copy of everything. */
  isCopied(groups: GroupSet, fields: FlowFields): boolean {
    const group = this.groupOf(fields);
    return group === 0 || (group & groups) !== 0;
  }

  /** @returns a set of one group, or of none */
  groupOf(fields: FlowFields): GroupSet {
    if (this.isOnlyOne) return 1;
    const { original, reply, addressBytes } = fields;
    return (
      this.#holderOf(reply.destination, addressBytes) ||
      this.#holderOf(original.destination, addressBytes) ||
      this.#neighbourOf(original.source, addressBytes) ||
      this.#neighbourOf(original.destination, addressBytes)
    );
  }

  /** As groupOf, of an expectation whose flow is not known any more: by what it says of that. */
  groupOfExpectation({ master, addressBytes }: ExpectationFields): GroupSet {
    if (this.isOnlyOne) return 1;
    return this.#groupOfTuple(master, addressBytes);
  }

  #groupOfTuple({ source, destination }: TupleFields, length: number): GroupSet {
    return (
      this.#holderOf(destination, length) ||
      this.#neighbourOf(source, length) ||
      this.#neighbourOf(destination, length)
    );
  }

  #holderOf(address: Uint8Array, length: number): GroupSet {
    for (const { set, addresses, routed } of this.#groups) {
      for (const own of addresses)
        if (own.length === length && sameBits(own, address, 8 * length)) return set;
      for (const { address: base, prefixLength } of routed)
        if (base.length === length && sameBits(base, address, prefixLength)) return set;
    }
    return 0;
  }

  /** The one group with a network that contains the address; none when several have one. */
  #neighbourOf(address: Uint8Array, length: number): GroupSet {
    let found: GroupSet = 0;
    for (const { set, networks } of this.#groups) {
      for (const network of networks) {
        if (network.address.length === length && sameBits(network.address, address, network.prefixLength))
          found |= set;
      }
    }
    const isOne = (found & (found - 1)) === 0;
    return isOne ? found : 0;
  }
}

/** Of arrays that may be longer than the address. */
function sameBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  return (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}
