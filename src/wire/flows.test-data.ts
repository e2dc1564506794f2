import fc from "fast-check";
import { formatIp, validIp } from "../base/ip.ts";
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPS_ASSURED,
} from "./conntrack-constants.ts";
import { FlowFields, type TupleFields } from "./flow-fields.ts";

/** A flow in words that a test can compare: what the layers below the tests exchange as bytes. */
export interface FlowText {
  readonly protocol: number;
  /** `source > destination`: address and port, or for ICMP the address, and `id/type/code` after the destination. */
  readonly original: string;
  readonly reply: string;
  readonly status?: number;
  readonly timeoutSeconds?: number;
  readonly tcpState?: number;
  readonly mark?: number;
  readonly zone?: number;
}

export function flowText(fields: FlowFields): Required<FlowText> {
  const { protocol, status, timeoutSeconds, tcpState, mark, zone } = fields;
  const original = tupleText(fields, fields.original);
  const reply = tupleText(fields, fields.reply);
  return { protocol, original, reply, status, timeoutSeconds, tcpState, mark, zone };
}

function tupleText(fields: FlowFields, tuple: TupleFields): string {
  const source = formatIp(tuple.source.slice(0, fields.addressBytes));
  const destination = formatIp(tuple.destination.slice(0, fields.addressBytes));
  if (fields.isIcmp) return `${source} > ${destination} ${tuple.icmpId}/${tuple.icmpType}/${tuple.icmpCode}`;
  return `${source} ${tuple.sourcePort} > ${destination} ${tuple.destinationPort}`;
}

/** The flow that is written as flowText() would write it. */
export function flowOf(text: FlowText): FlowFields {
  const fields = new FlowFields();
  fields.protocol = text.protocol;
  fields.family = text.original.includes(":") ? 6 : 4;
  readTuple(fields, text.original, fields.original);
  readTuple(fields, text.reply, fields.reply);
  fields.status = text.status ?? IPS_ASSURED;
  fields.timeoutSeconds = text.timeoutSeconds ?? 300;
  fields.tcpState = text.tcpState ?? 0;
  fields.mark = text.mark ?? 0;
  fields.zone = text.zone ?? 0;
  return fields;
}

function readTuple(fields: FlowFields, text: string, tuple: TupleFields): void {
  const [from = "", to = ""] = text.split(" > ");
  const [source = "", sourcePort] = from.split(" ");
  const [destination = "", last = ""] = to.split(" ");
  tuple.source.set(validIp(source));
  tuple.destination.set(validIp(destination));
  if (fields.isIcmp) {
    const [id = 0, type = 0, code = 0] = last.split("/").map(Number);
    Object.assign(tuple, { icmpId: id, icmpType: type, icmpCode: code });
  } else {
    Object.assign(tuple, { sourcePort: Number(sourcePort), destinationPort: Number(last) });
  }
}

const ESTABLISHED = { status: 0x0e, tcpState: 3, timeoutSeconds: 600 };
const STREAM = { status: 0x0e, timeoutSeconds: 300 };

/** One flow of every kind that is replicated: each protocol and family, each translation, mark and zone. */
export function goldenFlows(): Record<string, FlowFields> {
  return {
    tcp4: flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED },
      original: "10.1.0.10 41001 > 192.0.2.80 443",
      reply: "192.0.2.80 443 > 10.1.0.10 41001",
    }),
    "tcp4-source": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED },
      original: "10.1.0.10 41002 > 192.0.2.80 443",
      reply: "192.0.2.80 443 > 192.0.2.1 51002",
    }),
    "tcp4-destination-mark": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, mark: 42 },
      original: "192.0.2.80 41003 > 192.0.2.1 8080",
      reply: "10.1.0.10 80 > 192.0.2.80 41003",
    }),
    "tcp4-both-zone": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, zone: 7 },
      original: "10.1.0.10 41004 > 10.1.0.1 8081",
      reply: "192.0.2.80 80 > 192.0.2.1 41004",
    }),
    "tcp6-source": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED },
      original: "fd00:1::10 41005 > 2001:db8::80 443",
      reply: "2001:db8::80 443 > 2001:db8::1 41005",
    }),
    "udp4-source": flowOf({
      ...{ protocol: IPPROTO_UDP, ...STREAM },
      original: "10.1.0.10 41006 > 192.0.2.80 53",
      reply: "192.0.2.80 53 > 192.0.2.1 41006",
    }),
    udp6: flowOf({
      ...{ protocol: IPPROTO_UDP, ...STREAM },
      original: "fd00:1::10 41007 > 2001:db8::80 53",
      reply: "2001:db8::80 53 > fd00:1::10 41007",
    }),
    "icmp4-source": flowOf({
      ...{ protocol: IPPROTO_ICMP, ...STREAM, status: 0x0a },
      original: "10.1.0.10 > 192.0.2.80 4660/8/0",
      reply: "192.0.2.80 > 192.0.2.1 17/0/0",
    }),
    icmp6: flowOf({
      ...{ protocol: IPPROTO_ICMPV6, ...STREAM, status: 0x0a },
      original: "fd00:1::10 > 2001:db8::80 4660/128/0",
      reply: "2001:db8::80 > fd00:1::10 4660/129/0",
    }),
  };
}

const port = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const rarely = <T>(value: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(otherwise) }, { weight: 1, arbitrary: value });

/** Any flow that can be replicated: of any shape, with any numbers. */
export const anyFlow: fc.Arbitrary<FlowFields> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    kind: fc.constantFrom("tcp", "udp", "icmp", "other"),
    source: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    destination: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sourcePort: port,
    destinationPort: port,
    icmpType: fc.constantFrom(8, 0, 13, 14, 15, 16, 17, 18, 128, 129, 3),
    translatedSource: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 })),
    translatedSourcePort: fc.option(port),
    translatedDestination: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 })),
    translatedDestinationPort: fc.option(port),
    status: port,
    timeoutSeconds: u32,
    tcpState: fc.integer({ min: 1, max: 9 }),
    mark: rarely(u32, 0),
    zone: rarely(port, 0),
  })
  .map((made) => {
    const fields = new FlowFields();
    fields.family = made.family;
    const icmp = made.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    fields.protocol = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, icmp, other: 132 }[made.kind];
    const { original, reply, isIcmp } = fields;
    original.source.set(made.source);
    original.destination.set(made.destination);
    if (isIcmp) Object.assign(original, { icmpId: made.sourcePort, icmpType: made.icmpType });
    else Object.assign(original, { sourcePort: made.sourcePort, destinationPort: made.destinationPort });
    fields.invertOriginal();
    if (made.translatedSource !== null) reply.destination.set(made.translatedSource);
    if (made.translatedSourcePort !== null) {
      if (isIcmp) reply.icmpId = made.translatedSourcePort;
      else reply.destinationPort = made.translatedSourcePort;
    }
    if (made.translatedDestination !== null) reply.source.set(made.translatedDestination);
    if (made.translatedDestinationPort !== null && !isIcmp) reply.sourcePort = made.translatedDestinationPort;
    const { status, timeoutSeconds, mark, zone } = made;
    Object.assign(fields, { status, timeoutSeconds, mark, zone });
    if (made.kind === "tcp") fields.tcpState = made.tcpState;
    return fields;
  });
