import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from "./conntrack-constants.ts";

/**
 * One direction of a flow: addresses in network byte order (the first 4 or all 16 bytes count), and what identifies
 * the conversation beside them. For ICMP the ports are unused.
 */
export class TupleFields {
  readonly source = new Uint8Array(16);
  readonly destination = new Uint8Array(16);
  sourcePort = 0;
  destinationPort = 0;
  icmpId = 0;
  icmpType = 0;
  icmpCode = 0;

  clear(): void {
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.icmpId = 0;
    this.icmpType = 0;
    this.icmpCode = 0;
  }
}

/**
 * A flow (a connection as the kernel tracks it), held in memory that is filled again for each record: the hot path
 * allocates nothing. Copy what must outlive the next record.
 */
export class FlowFields {
  /** 4 or 6. */
  family: 4 | 6 = 4;
  /** IP protocol number. */
  protocol = 0;
  readonly original = new TupleFields();
  /** As replies arrive, so after translation: its destination is the translated source. */
  readonly reply = new TupleFields();
  /** IPS_* bits. */
  status = 0;
  /** Seconds until the kernel forgets the flow. */
  timeoutSeconds = 0;
  /** As in `tcpStates`; 0 for other protocols. */
  tcpState = 0;
  mark = 0;
  /** Conntrack zone of both directions. */
  zone = 0;
  /** What this kernel calls the very entry, so that a later one with the same tuples is not taken for it; 0 when not known. */
  kernelId = 0;

  get addressBytes(): number {
    return this.family === 4 ? 4 : 16;
  }

  get isIcmp(): boolean {
    return this.protocol === IPPROTO_ICMP || this.protocol === IPPROTO_ICMPV6;
  }

  /** The source is translated: replies go to another address or port than the original came from. */
  get sourceTranslated(): boolean {
    if (!equalBytes(this.reply.destination, this.original.source, this.addressBytes)) return true;
    if (this.isIcmp) return this.reply.icmpId !== this.original.icmpId;
    return this.reply.destinationPort !== this.original.sourcePort;
  }

  /** The destination is translated: replies come from another address or port than the original was sent to. */
  get destinationTranslated(): boolean {
    if (!equalBytes(this.reply.source, this.original.destination, this.addressBytes)) return true;
    return !this.isIcmp && this.reply.sourcePort !== this.original.destinationPort;
  }

  /** The same conversation with the same translation. */
  sameTuples(other: FlowFields): boolean {
    return (
      this.family === other.family &&
      this.protocol === other.protocol &&
      sameTuple(this.original, other.original, this.addressBytes) &&
      sameTuple(this.reply, other.reply, this.addressBytes)
    );
  }

  clear(): void {
    this.original.clear();
    this.reply.clear();
    this.protocol = 0;
    this.status = 0;
    this.timeoutSeconds = 0;
    this.tcpState = 0;
    this.mark = 0;
    this.zone = 0;
    this.kernelId = 0;
  }

  /** The reply direction as it is without any translation. */
  invertOriginal(): void {
    const { original, reply } = this;
    reply.source.set(original.destination);
    reply.destination.set(original.source);
    reply.sourcePort = original.destinationPort;
    reply.destinationPort = original.sourcePort;
    reply.icmpId = original.icmpId;
    reply.icmpType = answeringType(this.protocol, original.icmpType);
    reply.icmpCode = original.icmpCode;
  }
}

/** The ICMP type that answers a query (net/netfilter/nf_conntrack_proto_icmp.c and _icmpv6.c, `invmap`). */
function answeringType(protocol: number, type: number): number {
  if (protocol === IPPROTO_ICMPV6) {
    if (type === 128) return 129;
    return type === 129 ? 128 : type;
  }
  if (protocol !== IPPROTO_ICMP) return 0;
  return icmpAnswers.get(type) ?? type;
}

const icmpAnswers: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [0, 8],
  [13, 14],
  [14, 13],
  [15, 16],
  [16, 15],
  [17, 18],
  [18, 17],
]);

function sameTuple(a: TupleFields, b: TupleFields, addressBytes: number): boolean {
  return (
    a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort &&
    a.icmpId === b.icmpId &&
    a.icmpType === b.icmpType &&
    a.icmpCode === b.icmpCode &&
    equalBytes(a.source, b.source, addressBytes) &&
    equalBytes(a.destination, b.destination, addressBytes)
  );
}

function equalBytes(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
