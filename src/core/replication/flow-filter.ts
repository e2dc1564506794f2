import { equalIp, type IpAddress } from "../../base/ip.ts";
import { IPPROTO_TCP, IPPROTO_UDP, IPS_ASSURED } from "../../wire/conntrack-constants.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";

/** TCP `ESTABLISHED`, as conntrack numbers states. */
const TCP_ESTABLISHED = 3;

/**
 * Which flows are mirrored: established ones that pass through this node. Flows that begin or end at the node itself
 * (its own management, the traffic of the cluster) die with it anyway; half-open ones and single exchanges cost their
 * users one retry.
 */
export class FlowFilter {
  readonly #virtual: readonly IpAddress[];
  #own: readonly IpAddress[] = [];

  constructor(ownAddresses: readonly IpAddress[], virtualAddresses: readonly IpAddress[]) {
    this.#virtual = virtualAddresses;
    this.setOwnAddresses(ownAddresses);
  }

  /** Replaces the addresses of this node; virtual ones that it holds now may be among them. */
  setOwnAddresses(addresses: readonly IpAddress[]): void {
    this.#own = addresses.filter((one) => !this.#virtual.some((virtual) => equalIp(virtual, one)));
  }

  /** True for a flow to mirror; completes what an event leaves out. */
  accepts(fields: FlowFields): boolean {
    if ((fields.status & IPS_ASSURED) === 0) return false;
    if (fields.protocol === IPPROTO_TCP) {
      // An event for `assured` carries no protocol state: a TCP flow becomes assured when it is established.
      if (fields.tcpState === 0) fields.tcpState = TCP_ESTABLISHED;
    } else if (fields.protocol !== IPPROTO_UDP) {
      return false;
    }
    const { original, reply } = fields;
    // It begins or ends here; or it is translated to an address that never moves, as by masquerading.
    if (isOneOf(this.#own, original.source, fields) || isOneOf(this.#own, reply.source, fields)) return false;
    if (isOneOf(this.#own, reply.destination, fields)) return false;
    return !isOneOf(this.#virtual, original.source, fields) && !isOneOf(this.#virtual, reply.source, fields);
  }
}

function isOneOf(addresses: readonly IpAddress[], address: Uint8Array, fields: FlowFields): boolean {
  const length = fields.addressBytes;
  for (const own of addresses) {
    if (own.length !== length) continue;
    let i = 0;
    while (i < length && own[i] === address[i]) i++;
    if (i === length) return true;
  }
  return false;
}
