import type { MacAddress } from "../../base/mac.ts";
import { internetChecksum } from "../../wire/internet-checksum.ts";

/** A TCP segment without data. IPv4 addresses are unsigned numbers, as 0x0a000001 for 10.0.0.1. */
export interface TcpSegment {
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
}

export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_ACK = 0x10;

//    +----------------------+-----------------------+--------------------+
//    | destination MAC (6)  | source MAC (6)        | 0x0800             |   Ethernet, 14 bytes
//    +-------+-------+------+-----+---------+-------+-----+--------------+
//    | 45 00 | length 40    | id 0 | DF      | TTL   | 6   | checksum     |   IPv4 (RFC 791), 20 bytes
//    | source address               | destination address                |
//    +--------------+---------------+------------------------------------+
//    | source port  | destination p | sequence (4) | acknowledgment (4)  |   TCP (RFC 9293), 20 bytes
//    | 5 words, flags               | window       | checksum, urgent    |
//    +------------------------------+------------------------------------+
const IP = 14;
const TCP = 34;
const FRAME_BYTES = 54;
const TTL = 64;
const PROTOCOL_TCP = 6;
const WINDOW = 65_535;

const pseudoHeader = new DataView(new ArrayBuffer(12));

export function encodeTcpFrame(to: MacAddress, from: MacAddress, segment: TcpSegment): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  const view = new DataView(frame.buffer);
  frame.set(to, 0);
  frame.set(from, 6);
  view.setUint16(12, 0x0800);
  view.setUint16(IP, 0x4500);
  view.setUint16(IP + 2, FRAME_BYTES - IP);
  view.setUint16(IP + 6, 0x4000); // don't fragment
  view.setUint8(IP + 8, TTL);
  view.setUint8(IP + 9, PROTOCOL_TCP);
  view.setUint32(IP + 12, segment.source);
  view.setUint32(IP + 16, segment.destination);
  view.setUint16(IP + 10, internetChecksum(frame.subarray(IP, TCP)));
  view.setUint16(TCP, segment.sourcePort);
  view.setUint16(TCP + 2, segment.destinationPort);
  view.setUint32(TCP + 4, segment.sequence);
  view.setUint32(TCP + 8, segment.acknowledgment);
  view.setUint16(TCP + 12, (5 << 12) | segment.flags);
  view.setUint16(TCP + 14, WINDOW);
  pseudoHeader.setUint32(0, segment.source);
  pseudoHeader.setUint32(4, segment.destination);
  pseudoHeader.setUint16(8, PROTOCOL_TCP);
  pseudoHeader.setUint16(10, FRAME_BYTES - TCP);
  view.setUint16(TCP + 16, internetChecksum(new Uint8Array(pseudoHeader.buffer), frame.subarray(TCP)));
  return frame;
}

/** Reads a frame that the socket's filter has selected; undefined when it is no TCP segment after all. */
export function decodeTcpFrame(frame: DataView, length: number): TcpSegment | undefined {
  if (length < FRAME_BYTES || frame.getUint8(IP) !== 0x45) return undefined;
  if (frame.getUint8(IP + 9) !== PROTOCOL_TCP) return undefined;
  return {
    source: frame.getUint32(IP + 12),
    destination: frame.getUint32(IP + 16),
    sourcePort: frame.getUint16(TCP),
    destinationPort: frame.getUint16(TCP + 2),
    sequence: frame.getUint32(TCP + 4),
    acknowledgment: frame.getUint32(TCP + 8),
    flags: frame.getUint8(TCP + 13),
  };
}

export interface DestinationFilterOptions {
  /** Of the network; a /16's, if none is given. */
  readonly mask?: number;
  /** Only TCP or UDP packets with this port at one of their ends. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

/**
 * A socket filter (classic BPF, uapi linux/filter.h) that selects IPv4 packets to one network. Ports are looked for behind a
 * header without options, which all frames of the lab's traffic have.
 *
 * @param network its first address, as a number
 */
export function destinationFilter(
  network: number,
  { mask = 0xffff_0000, sourcePort, destinationPort }: DestinationFilterOptions = {},
): Uint8Array {
  const conditions = [
    { load: [LOAD_WORD, IP + 16, mask], is: network },
    ...(sourcePort === undefined ? [] : [{ load: [LOAD_HALF, TCP, 0xffff], is: sourcePort }]),
    ...(destinationPort === undefined ? [] : [{ load: [LOAD_HALF, TCP + 2, 0xffff], is: destinationPort }]),
  ];
  const checks = conditions.flatMap(({ load: [code = 0, at = 0, bits = 0], is }, index) => [
    [code, 0, 0, at],
    [AND, 0, 0, bits],
    // Otherwise on to the last instruction: over the checks that are left, and over the one before the last.
    [JUMP_IF_EQUAL, 0, 3 * (conditions.length - 1 - index) + 1, is],
  ]);
  const instructions = [...checks, [RETURN, 0, 0, 0xffff], [RETURN, 0, 0, 0]];
  const program = new DataView(new ArrayBuffer(instructions.length * 8));
  for (const [index, [code = 0, ifTrue = 0, ifFalse = 0, operand = 0]] of instructions.entries()) {
    program.setUint16(index * 8, code, true);
    program.setUint8(index * 8 + 2, ifTrue);
    program.setUint8(index * 8 + 3, ifFalse);
    program.setUint32(index * 8 + 4, operand, true);
  }
  return new Uint8Array(program.buffer);
}
