import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from "./conntrack-constants.ts";

/** Zones apply to both directions of a flow, or to one (nf_conntrack_zones_common.h, `NF_CT_ZONE_DIR_*`). */
export const zoneDirection = { original: 1, reply: 2, both: 3 } as const;

/** What only some flows have: bits of `FlowFields.extras`. The fields of an absent one mean nothing. */
export const flowExtra = {
  labels: 0x01,
  helper: 0x02,
  master: 0x04,
  sequenceOriginal: 0x08,
  sequenceReply: 0x10,
  synproxy: 0x20,
  sctp: 0x40,
  dccp: 0x80,
} as const;

/**
 * One direction of a flow: addresses in network byte order (the first 4 or all 16 bytes count), and what identifies
 * the conversation beside them. For ICMP the ports are unused; for GRE they are the keys (PPTP: call ids).
 */
export class TupleFields {
  readonly source = new Uint8Array(16);
  readonly destination = new Uint8Array(16);
  /** Of a tuple that stands alone (a master's); a flow's protocol is in `FlowFields`. */
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  icmpId = 0;
  icmpType = 0;
  icmpCode = 0;
  /** Zone of this direction alone, as the kernel writes it. */
  zone = 0;

  clear(): void {
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.icmpId = 0;
    this.icmpType = 0;
    this.icmpCode = 0;
    this.zone = 0;
  }

  /** Becomes the tuple of an answer to `tuple` that nothing has translated. */
  setInverse(tuple: TupleFields, protocol: number): void {
    // A loop, not set(): these are short, and this runs for every record.
    for (let i = 0; i < 16; i++) {
      this.source[i] = tuple.destination[i] ?? 0;
      this.destination[i] = tuple.source[i] ?? 0;
    }
    this.protocol = protocol;
    this.sourcePort = tuple.destinationPort;
    this.destinationPort = tuple.sourcePort;
    this.icmpId = tuple.icmpId;
    this.icmpType = isIcmp(protocol) ? answeringType(protocol, tuple.icmpType) : 0;
    this.icmpCode = tuple.icmpCode;
    this.zone = 0;
  }
}

/** A short text of the kernel's (a helper's name) as bytes, used again for each record. */
export class NameBytes {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** @returns false when it does not fit */
  set(source: Uint8Array, start: number, length: number): boolean {
    if (length > this.bytes.length) return false;
    this.length = length;
    for (let i = 0; i < length; i++) this.bytes[i] = source[start + i] ?? 0;
    return true;
  }

  setText(text: string): void {
    this.set(new TextEncoder().encode(text), 0, text.length);
  }

  get text(): string {
    return String.fromCharCode(...this.bytes.subarray(0, this.length));
  }
}

/** NF_CT_HELPER_NAME_LEN (nf_conntrack_tuple_common.h and nf_conntrack_helper.h), its final zero left out. */
export const HELPER_NAME_BYTES_MAX = 15;
/** 128 labels (nf_conntrack_labels.h). */
export const LABEL_BYTES_MAX = 16;

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
  /** As in `tcpStates`; 0 for other protocols, and where an event does not say. */
  tcpState = 0;
  /** TCP_FLAG_* of each direction; 0 where an event does not say. */
  tcpFlagsOriginal = 0;
  tcpFlagsReply = 0;
  /** Shift counts (RFC 7323), 0 to 14; they count only where both directions have TCP_FLAG_WINDOW_SCALE. */
  tcpScaleOriginal = 0;
  tcpScaleReply = 0;
  mark = 0;
  zone = 0;
  /** What this kernel calls the very entry, so that a later one with the same tuples is not taken for it; 0 when not known. */
  kernelId = 0;
  /** One of `zoneDirection`. */
  zoneDirection: number = zoneDirection.both;

  /** Bits of `flowExtra`: which of the following the flow has. */
  extras = 0;
  readonly labels = new NameBytes(LABEL_BYTES_MAX);
  /** The kernel's name of the helper that watches the flow, such as `ftp`. */
  readonly helper = new NameBytes(HELPER_NAME_BYTES_MAX);
  /** The original tuple of the flow that this one belongs to. */
  readonly master = new TupleFields();
  /** For each direction: position of the last correction, offsets before and after it (struct nf_ct_seqadj). */
  readonly sequenceOriginal = new Uint32Array(3);
  readonly sequenceReply = new Uint32Array(3);
  /** Initial sequence, timestamp's start, timestamp's offset (struct nf_conn_synproxy). */
  readonly synproxy = new Uint32Array(3);
  /** State (`enum sctp_conntrack`), verification tags of the original and of the reply direction. */
  readonly sctp = new Uint32Array(3);
  /** State (`enum ct_dccp_states`), role of the original direction, sequence of the handshake in two halves, high first. */
  readonly dccp = new Uint32Array(4);

  get addressBytes(): number {
    return this.family === 4 ? 4 : 16;
  }

  get isIcmp(): boolean {
    return isIcmp(this.protocol);
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

  /** The same conversation with the same translation, in the same zone. */
  sameTuples(other: FlowFields): boolean {
    return (
      this.family === other.family &&
      this.protocol === other.protocol &&
      this.zone === other.zone &&
      (this.zone === 0 || this.zoneDirection === other.zoneDirection) &&
      sameTuple(this.original, other.original, this.addressBytes) &&
      sameTuple(this.reply, other.reply, this.addressBytes)
    );
  }

  has(extra: number): boolean {
    return (this.extras & extra) !== 0;
  }

  clear(): void {
    this.original.clear();
    this.reply.clear();
    this.protocol = 0;
    this.status = 0;
    this.timeoutSeconds = 0;
    this.tcpState = 0;
    this.tcpFlagsOriginal = 0;
    this.tcpFlagsReply = 0;
    this.tcpScaleOriginal = 0;
    this.tcpScaleReply = 0;
    this.mark = 0;
    this.zone = 0;
    this.kernelId = 0;
    this.zoneDirection = zoneDirection.both;
    this.extras = 0;
  }

  /** The reply direction as it is without any translation. */
  invertOriginal(): void {
    this.reply.setInverse(this.original, this.protocol);
  }
}

export function isIcmp(protocol: number): boolean {
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
}

/** The ICMP type that answers a query (net/netfilter/nf_conntrack_proto_icmp.c and _icmpv6.c, `invmap`). */
function answeringType(protocol: number, type: number): number {
  if (protocol === IPPROTO_ICMPV6) {
    if (type === 128) return 129;
    return type === 129 ? 128 : type;
  }
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
