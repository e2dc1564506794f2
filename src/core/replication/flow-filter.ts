import { equalIp, type IpAddress } from "../../base/ip.ts";
import { isTranslatedCall } from "../../wire/call-expectation.ts";
import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPS_ASSURED,
  IPS_EXPECTED,
  IPS_HELPER,
} from "../../wire/conntrack-constants.ts";
import type { ExpectationFields } from "../../wire/expectation-fields.ts";
import { type FlowFields, flowExtra } from "../../wire/flow-fields.ts";

/** TCP states, as conntrack numbers them (`enum tcp_conntrack`). */
const TCP_SYN_SENT = 1;
const TCP_ESTABLISHED = 3;

/** Protocols whose flows the kernel calls assured at some time. */
const lasting: ReadonlySet<number> = new Set([
  ...[IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE, IPPROTO_GRE],
]);
/** Protocols of exchanges that are over with one answer. */
const brief: ReadonlySet<number> = new Set([IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6]);

export interface FlowFilterOptions {
  /** Single exchanges, such as DNS and ICMP echo, are mirrored as well. */
  readonly shortExchanges: boolean;
  /** Flows with labels are mirrored before they are established: the event that tells of the labels comes only once. */
  readonly marks?: boolean;
}

/**
 * Which flows are mirrored: established ones that pass through this node, and those that a helper watches or expects.
 * Flows that begin or end at the node itself (its own management, the traffic of the cluster) die with it anyway;
 * half-open ones and single exchanges cost their users one retry.
 *
 * The end of a flow is judged by the same rules as the flow: what they look at is in every event.
 */
export class FlowFilter {
  readonly #virtual: readonly IpAddress[];
  readonly #shortExchanges: boolean;
  readonly #marks: boolean;
  #own: readonly IpAddress[] = [];

  constructor(
    ownAddresses: readonly IpAddress[],
    virtualAddresses: readonly IpAddress[],
    { shortExchanges, marks = false }: FlowFilterOptions = { shortExchanges: false },
  ) {
    this.#virtual = virtualAddresses;
    this.#shortExchanges = shortExchanges;
    this.#marks = marks;
    this.setOwnAddresses(ownAddresses);
  }

  /** Replaces the addresses of this node; virtual ones that it holds now may be among them. */
  setOwnAddresses(addresses: readonly IpAddress[]): void {
    this.#own = addresses.filter((one) => !this.#virtual.some((virtual) => equalIp(virtual, one)));
  }

  /** True for a flow to mirror; completes what an event leaves out. */
  accepts(fields: FlowFields): boolean {
    if (!this.#isOfKind(fields)) return false;
    const { original, reply, addressBytes } = fields;
    // It begins or ends here; or it is translated to an address that never moves, as by masquerading.
    if (isOneOf(this.#own, original.source, addressBytes)) return false;
    if (isOneOf(this.#own, reply.source, addressBytes)) return false;
    if (isOneOf(this.#own, reply.destination, addressBytes)) return false;
    if (isOneOf(this.#virtual, original.source, addressBytes)) return false;
    return !isOneOf(this.#virtual, reply.source, addressBytes);
  }

  /** True for an expectation to mirror: its master may be mirrored. */
  acceptsExpectation({ master, addressBytes }: ExpectationFields): boolean {
    if (isOneOf(this.#own, master.source, addressBytes)) return false;
    if (isOneOf(this.#own, master.destination, addressBytes)) return false;
    return !isOneOf(this.#virtual, master.source, addressBytes);
  }

  #isOfKind(fields: FlowFields): boolean {
    const { protocol, status } = fields;
    const isAssured = (status & IPS_ASSURED) !== 0;
    if (protocol === IPPROTO_TCP && fields.tcpState === 0) {
      // An event may carry no protocol state: a TCP flow becomes assured when it is established.
      fields.tcpState = isAssured ? TCP_ESTABLISHED : TCP_SYN_SENT;
    }
    // Its kernel would translate it wrongly; it goes as an expectation (FlowRecorder).
    if (isTranslatedCall(fields)) return false;
    if (isAssured && lasting.has(protocol)) return true;
    if ((status & (IPS_EXPECTED | IPS_HELPER)) !== 0) return true;
    if (fields.has(flowExtra.helper | flowExtra.master)) return true;
    if (this.#marks && fields.has(flowExtra.labels)) return true;
    return this.#shortExchanges && brief.has(protocol);
  }
}

function isOneOf(addresses: readonly IpAddress[], address: Uint8Array, length: number): boolean {
  for (const own of addresses) {
    if (own.length !== length) continue;
    let i = 0;
    while (i < length && own[i] === address[i]) i++;
    if (i === length) return true;
  }
  return false;
}
