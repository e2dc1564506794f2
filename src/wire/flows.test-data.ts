import fc from "fast-check";
import { formatIp, validIp } from "../base/ip.ts";
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
} from "./conntrack-constants.ts";
import { FlowFields, flowExtra, isIcmp, type TupleFields, zoneDirection } from "./flow-fields.ts";

/** A flow in words that a test can compare: what the layers below the tests exchange as bytes. */
export interface FlowText {
  readonly protocol: number;
  /** `source > destination`: address and port, or for ICMP the address, and `id/type/code` after the destination. */
  readonly original: string;
  readonly reply: string;
  readonly status?: number;
  readonly timeoutSeconds?: number;
  readonly tcpState?: number;
  /** TCP_FLAG_* and window scales, of the original and of the reply direction. */
  readonly tcpFlags?: Pair;
  readonly tcpScales?: Pair;
  readonly mark?: number;
  readonly zone?: number;
  readonly zoneDirection?: number;
  /** What only some flows have; an empty text or list where a flow has none. Labels are hexadecimal. */
  readonly labels?: string;
  readonly helper?: string;
  /** Protocol number and tuple: `6 10.1.0.10 41000 > 192.0.2.80 21`. */
  readonly master?: string;
  readonly sequenceOriginal?: readonly number[];
  readonly sequenceReply?: readonly number[];
  readonly synproxy?: readonly number[];
  readonly sctp?: readonly number[];
  readonly dccp?: readonly number[];
}

type Pair = readonly [number, number];

export function flowText(fields: FlowFields): Required<FlowText> {
  const { protocol, status, timeoutSeconds, tcpState, mark, zone, master } = fields;
  const hasMaster = fields.has(flowExtra.master);
  return {
    ...{ protocol, status, timeoutSeconds, tcpState, mark, zone, zoneDirection: fields.zoneDirection },
    original: tupleText(fields, fields.original, protocol),
    reply: tupleText(fields, fields.reply, protocol),
    tcpFlags: [fields.tcpFlagsOriginal, fields.tcpFlagsReply],
    tcpScales: [fields.tcpScaleOriginal, fields.tcpScaleReply],
    labels: fields.has(flowExtra.labels)
      ? Buffer.from(fields.labels.bytes.subarray(0, fields.labels.length)).toString("hex")
      : "",
    helper: fields.has(flowExtra.helper) ? fields.helper.text : "",
    master: hasMaster ? `${master.protocol} ${tupleText(fields, master, master.protocol)}` : "",
    sequenceOriginal: numbers(fields, "sequenceOriginal"),
    sequenceReply: numbers(fields, "sequenceReply"),
    synproxy: numbers(fields, "synproxy"),
    sctp: numbers(fields, "sctp"),
    dccp: numbers(fields, "dccp"),
  };
}

function numbers(fields: FlowFields, name: (typeof numberExtras)[number]): number[] {
  return fields.has(flowExtra[name]) ? [...fields[name]] : [];
}

const numberExtras = ["sequenceOriginal", "sequenceReply", "synproxy", "sctp", "dccp"] as const;

function tupleText(fields: FlowFields, tuple: TupleFields, protocol: number): string {
  const source = formatIp(tuple.source.slice(0, fields.addressBytes));
  const destination = formatIp(tuple.destination.slice(0, fields.addressBytes));
  if (isIcmp(protocol)) {
    return `${source} > ${destination} ${tuple.icmpId}/${tuple.icmpType}/${tuple.icmpCode}`;
  }
  return `${source} ${tuple.sourcePort} > ${destination} ${tuple.destinationPort}`;
}

/** The flow that is written as flowText() would write it. */
export function flowOf(text: FlowText): FlowFields {
  const fields = new FlowFields();
  fields.protocol = text.protocol;
  fields.family = text.original.includes(":") ? 6 : 4;
  readTuple(text.protocol, text.original, fields.original);
  readTuple(text.protocol, text.reply, fields.reply);
  fields.status = text.status ?? IPS_ASSURED;
  fields.timeoutSeconds = text.timeoutSeconds ?? 300;
  fields.tcpState = text.tcpState ?? 0;
  [fields.tcpFlagsOriginal, fields.tcpFlagsReply] = text.tcpFlags ?? [0, 0];
  [fields.tcpScaleOriginal, fields.tcpScaleReply] = text.tcpScales ?? [0, 0];
  fields.mark = text.mark ?? 0;
  fields.zone = text.zone ?? 0;
  fields.zoneDirection = text.zoneDirection ?? zoneDirection.both;
  readExtras(fields, text);
  return fields;
}

function readExtras(fields: FlowFields, text: FlowText): void {
  if ((text.labels ?? "") !== "") {
    const labels = Buffer.from(text.labels ?? "", "hex");
    fields.labels.set(labels, 0, labels.length);
    fields.extras |= flowExtra.labels;
  }
  if ((text.helper ?? "") !== "") {
    fields.helper.setText(text.helper ?? "");
    fields.extras |= flowExtra.helper;
  }
  const [, protocol, tuple] = text.master?.match(/^(\d+) (.*)$/) ?? [];
  if (tuple !== undefined) {
    fields.master.protocol = Number(protocol);
    readTuple(fields.master.protocol, tuple, fields.master);
    fields.extras |= flowExtra.master;
  }
  for (const name of numberExtras) {
    const values = text[name] ?? [];
    if (values.length === 0) continue;
    fields[name].set(values);
    fields.extras |= flowExtra[name];
  }
}

export function readTuple(protocol: number, text: string, tuple: TupleFields): void {
  const [from = "", to = ""] = text.split(" > ");
  const [source = "", sourcePort] = from.split(" ");
  const [destination = "", last = ""] = to.split(" ");
  tuple.source.set(validIp(source));
  tuple.destination.set(validIp(destination));
  if (isIcmp(protocol)) {
    const [id = 0, type = 0, code = 0] = last.split("/").map(Number);
    Object.assign(tuple, { icmpId: id, icmpType: type, icmpCode: code });
  } else {
    Object.assign(tuple, { sourcePort: Number(sourcePort), destinationPort: Number(last) });
  }
}

const ESTABLISHED = { status: 0x0e, tcpState: 3, timeoutSeconds: 600 };
const STREAM = { status: 0x0e, timeoutSeconds: 300 };

/** The flows that most gateways have: TCP, UDP and ICMP, each family, each translation, mark and zone. */
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

/** FTP's control connection, and what belongs to it. */
const control = "10.1.0.10 41020 > 192.0.2.80 21";
const pptpControl = "10.1.0.10 41029 > 192.0.2.80 1723";
const scaled = { tcpFlags: [0x03, 0x03], tcpScales: [7, 14] } as const;
const pool = Array.from({ length: 16 }, (_, i) => (i === 0 ? "05" : "00")).join("");

/** The rarer kinds: other transports, and what only some flows have. A master comes before what belongs to it. */
export function rareFlows(): Record<string, FlowFields> {
  return {
    "tcp4-scaled-half-closed": flowOf({
      ...{ protocol: IPPROTO_TCP, status: 0x0e, tcpState: 5, timeoutSeconds: 240 },
      ...{ tcpFlags: [0x07, 0x03], tcpScales: [7, 14] },
      original: "10.1.0.10 41019 > 192.0.2.80 443",
      reply: "192.0.2.80 443 > 192.0.2.1 41019",
    }),
    "tcp4-helper-sequence": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, ...scaled, helper: "ftp" },
      ...{ sequenceOriginal: [0x12345678, 0, 2], sequenceReply: [0x9abcdef0, 0xfffffffe, 0xfffffffc] },
      original: control,
      reply: "192.0.2.80 21 > 192.0.2.1 41020",
    }),
    "tcp4-related": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, status: 0x0f, master: `6 ${control}` },
      original: "192.0.2.80 20 > 192.0.2.1 50020",
      reply: "10.1.0.10 50020 > 192.0.2.80 20",
    }),
    "udp6-helper-unreplied": flowOf({
      ...{ protocol: IPPROTO_UDP, status: 0x08, timeoutSeconds: 30, helper: "tftp" },
      original: "fd00:1::10 41021 > 2001:db8::80 69",
      reply: "2001:db8::80 69 > 2001:db8::1 41021",
    }),
    "tcp4-labels-synproxy": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, labels: pool, synproxy: [0x01020304, 5, 0xfffffff0] },
      original: "10.1.0.10 41022 > 192.0.2.80 443",
      reply: "192.0.2.80 443 > 10.1.0.10 41022",
    }),
    "tcp4-zone-original": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, zone: 8, zoneDirection: zoneDirection.original },
      original: "10.1.0.10 41023 > 192.0.2.80 443",
      reply: "192.0.2.80 443 > 192.0.2.1 51023",
    }),
    "udp6-zone-reply": flowOf({
      ...{ protocol: IPPROTO_UDP, ...STREAM, zone: 9, zoneDirection: zoneDirection.reply },
      original: "fd00:1::10 41024 > 2001:db8::80 53",
      reply: "2001:db8::80 53 > fd00:1::10 41024",
    }),
    "udplite4-source": flowOf({
      ...{ protocol: IPPROTO_UDPLITE, ...STREAM },
      original: "10.1.0.10 41025 > 192.0.2.80 5005",
      reply: "192.0.2.80 5005 > 192.0.2.1 51025",
    }),
    "sctp4-source": flowOf({
      ...{ protocol: IPPROTO_SCTP, ...STREAM, sctp: [4, 0xa1a2a3a4, 0xb1b2b3b4] },
      original: "10.1.0.10 41026 > 192.0.2.80 36412",
      reply: "192.0.2.80 36412 > 192.0.2.1 41026",
    }),
    sctp6: flowOf({
      ...{ protocol: IPPROTO_SCTP, ...STREAM, sctp: [5, 1, 2] },
      original: "fd00:1::10 41027 > 2001:db8::80 36412",
      reply: "2001:db8::80 36412 > fd00:1::10 41027",
    }),
    "tcp4-pptp": flowOf({
      ...{ protocol: IPPROTO_TCP, ...ESTABLISHED, helper: "pptp" },
      original: pptpControl,
      reply: "192.0.2.80 1723 > 192.0.2.1 41029",
    }),
    "gre4-call": flowOf({
      // Over ctnetlink the kernel translates addresses of GRE, but not its keys.
      ...{ protocol: IPPROTO_GRE, ...STREAM, status: 0x0f, master: `6 ${pptpControl}` },
      original: "10.1.0.10 6001 > 192.0.2.80 6002",
      reply: "192.0.2.80 6002 > 192.0.2.1 6001",
    }),
    dccp4: flowOf({
      ...{ protocol: IPPROTO_DCCP, ...STREAM, dccp: [4, 1, 0x1234, 0x56789abc] },
      original: "10.1.0.10 41028 > 192.0.2.80 5001",
      reply: "192.0.2.80 5001 > 10.1.0.10 41028",
    }),
  };
}

const port = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const rarely = <T>(value: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(otherwise) }, { weight: 1, arbitrary: value });

const transports = {
  ...{ tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP, dccp: IPPROTO_DCCP },
  ...{ gre: IPPROTO_GRE, udplite: IPPROTO_UDPLITE },
};
const three = fc.array(u32, { minLength: 3, maxLength: 3 });

const anyExtras = fc.record(
  {
    labels: fc.constantFrom(pool, "ff".repeat(16), "01020304"),
    helper: fc.constantFrom("ftp", "sip", "fifteen-letters"),
    master: fc.constantFrom(
      { v4: `6 ${control}`, v6: "17 fd00:1::10 1 > 2001:db8::80 69" },
      { v4: "1 10.1.0.10 > 192.0.2.80 9/8/0", v6: "6 fd00:1::10 65535 > 2001:db8::80 1" },
    ),
    sequenceOriginal: three,
    sequenceReply: three,
    synproxy: three,
    sctp: three.map(([state = 0, ...tags]) => [state & 0xff, ...tags]),
    dccp: three.map(([state = 0, ...halves]) => [state & 0xff, state >>> 31, ...halves]),
  },
  { requiredKeys: [] },
);

/** Any flow that can be replicated: of any shape, with any numbers. */
export const anyFlow: fc.Arbitrary<FlowFields> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    kind: fc.constantFrom("tcp", "udp", "icmp", "sctp", "dccp", "gre", "udplite"),
    source: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    destination: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sourcePort: port,
    destinationPort: port,
    icmpType: fc.constantFrom(8, 0, 13, 14, 15, 16, 17, 18, 128, 129, 3),
    translatedSource: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 })),
    translatedSourcePort: fc.option(port),
    translatedDestination: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 })),
    translatedDestinationPort: fc.option(port),
    status: fc.constantFrom(0, 0x01, 0x02, 0x04, 0x06, 0x07, 0x400, 0x407).map((bits) => bits | 0x08),
    timeoutSeconds: fc.integer({ min: 0, max: 0x7f_ffff }),
    tcpState: fc.integer({ min: 0, max: 15 }),
    tcpFlags: fc.tuple(fc.nat(7), fc.nat(7)),
    tcpScales: fc.tuple(fc.nat(14), fc.nat(14)),
    mark: rarely(u32, 0),
    zone: rarely(port, 0),
    zoneDirection: fc.constantFrom(...Object.values(zoneDirection)),
    extras: rarely(anyExtras, {}),
  })
  .map((made) => {
    const fields = new FlowFields();
    fields.family = made.family;
    const icmp = made.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    fields.protocol = { ...transports, icmp }[made.kind];
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
    if (zone !== 0) fields.zoneDirection = made.zoneDirection;
    if (made.kind === "tcp") {
      fields.tcpState = made.tcpState;
      [fields.tcpFlagsOriginal, fields.tcpFlagsReply] = made.tcpFlags;
      [fields.tcpScaleOriginal, fields.tcpScaleReply] = made.tcpScales;
    }
    const { sctp, dccp, master, ...extras } = made.extras;
    readExtras(fields, {
      ...{ protocol: 0, original: "", reply: "", ...extras },
      ...(made.kind === "sctp" ? { sctp: sctp ?? [] } : {}),
      ...(made.kind === "dccp" ? { dccp: dccp ?? [] } : {}),
      ...(master === undefined ? {} : { master: made.family === 4 ? master.v4 : master.v6 }),
    });
    return fields;
  });
