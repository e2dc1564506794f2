// What the writer and the reader of records agree on; docs/protocol/flow-sync.md tells it byte by byte.
//
// A record begins with what it is about, in bytes that two records about the same thing have in common:
//
//   0        1        2
//   +--------+--------+----------------------------+-------------------------+
//   | shape  |protocol| source, destination (4 or 16 bytes each)             |
//   +--------+--------+----------------------------+-------------------------+
//   | source port u16 | destination port u16       |   ICMP: id u16, type u8, code u8
//   +-----------------+--------+-------------------+
//   | zone u16        | direction u8               |   if shape says so
//   +-----------------+--------+-------------------+

export const SHAPE_DELETE = 0x01;
export const SHAPE_IPV6 = 0x02;
export const SHAPE_SOURCE_NAT = 0x04;
export const SHAPE_DESTINATION_NAT = 0x08;
export const SHAPE_MARK = 0x10;
export const SHAPE_ZONE = 0x20;
export const SHAPE_EXTENSIONS = 0x40;
export const SHAPE_EXPECTATION = 0x80;

/** Low half of the state byte: the bits of IPS_* that travel; the high half is TCP's state. */
export const STATE_EXPECTED = 0x01;
export const STATE_SEEN_REPLY = 0x02;
export const STATE_ASSURED = 0x04;
export const STATE_FIXED_TIMEOUT = 0x08;

/** Over the timer of 23 bits: translations keep the port (ICMP: the id), so that none follows them. */
export const SAME_PORT = 0x80_0000;
export const TIMEOUT_SECONDS_MAX = 0x7f_ffff;

/** Tags of extensions. Records with unknown ones are understood without them. */
export const extension = {
  labels: 1,
  helper: 2,
  master: 3,
  sequenceOriginal: 4,
  sequenceReply: 5,
  synproxy: 6,
  sctp: 7,
  dccp: 8,
  expectationNat: 9,
  expectationFunction: 10,
} as const;

/** Extensions of one record, behind the byte that says how many bytes they are. */
export const EXTENSION_BYTES_MAX = 255;

/** The longest record, an expectation over IPv6: identity, mask, master, timer, flags and class, extensions. */
export const FLOW_RECORD_BYTES_MAX = 41 + 18 + 37 + 5 + 1 + EXTENSION_BYTES_MAX;

/** Bytes that say what a record is about. */
export function identityBytes(shape: number): number {
  return 2 + 2 * addressBytes(shape) + 4 + ((shape & SHAPE_ZONE) !== 0 ? 3 : 0);
}

function addressBytes(shape: number): number {
  return (shape & SHAPE_IPV6) !== 0 ? 16 : 4;
}

/** What to do with the flow, or with the reader's expectation. */
export type RecordKind = "upsert" | "delete" | "expect" | "unexpect";

/** Why bytes are not a record: cut, or with a shape, zone or extension that cannot be. */
export type RecordFault = "record-short" | "record-shape" | "record-zone" | "record-extension";
