import { internetChecksum } from "../../../src/wire/internet-checksum.ts";

//   offset   Ethernet, IPv4 (RFC 791) without options, TCP (RFC 9293) without options or UDP (RFC 768)
//        0   destination MAC (6)   source MAC (6)   0x0800
//       14   45 00  length   id 0  DF   TTL  protocol  checksum
//       26   source address   destination address
//       34   source port   destination port
//       38   TCP: sequence (4)   acknowledgment (4)   5 words, flags   window   checksum   urgent
//       38   UDP: length   checksum   12 bytes of data
const IP = 14;
const PROTOCOL = 23;
const IP_CHECKSUM = 24;
const SOURCE = 26;
const DESTINATION = 30;
const SOURCE_PORT = 34;
const DESTINATION_PORT = 36;
const SEQUENCE = 38;
const ACKNOWLEDGMENT = 42;
const FLAGS = 46;
const WINDOW = 48;
const TCP_CHECKSUM = 50;
const UDP_LENGTH = 38;
const UDP_CHECKSUM = 40;

/** All frames of the generator have this length: then the lengths in a batch never change. */
export const FRAME_BYTES = 54;
/** The place for a frame in a batch. */
export const SLOT_BYTES = 64;

export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

// Every connection has the same numbers, so that the way from one segment to its answer is one constant.
const CLIENT = 1_000;
const SERVER = 5_000;

/** The segments of a connection's life: sequence, acknowledgment, flags. */
export const segments = {
  syn: { sequence: CLIENT, acknowledgment: 0, flags: SYN },
  synAck: { sequence: SERVER, acknowledgment: CLIENT + 1, flags: SYN | ACK },
  established: { sequence: CLIENT + 1, acknowledgment: SERVER + 1, flags: ACK },
  fin: { sequence: CLIENT + 1, acknowledgment: SERVER + 1, flags: FIN | ACK },
  finAnswer: { sequence: SERVER + 1, acknowledgment: CLIENT + 2, flags: FIN | ACK },
  closed: { sequence: CLIENT + 2, acknowledgment: SERVER + 2, flags: ACK },
  reset: { sequence: CLIENT + 1, acknowledgment: SERVER + 1, flags: RST | ACK },
} as const;

interface Segment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
}

/** What a frame of the generator is, seen from its flags and sequence number. */
export type SegmentName = keyof typeof segments | "other";

/** Reads which segment of a connection's life a received TCP frame is. */
export function segmentAt(view: DataView, frame: number): SegmentName {
  const flags = view.getUint8(frame + FLAGS + 1);
  if (flags === SYN) return "syn";
  if (flags === (SYN | ACK)) return "synAck";
  if (flags === (FIN | ACK)) return view.getUint32(frame + SEQUENCE) === CLIENT + 1 ? "fin" : "finAnswer";
  if (flags === ACK) return view.getUint32(frame + SEQUENCE) === CLIENT + 1 ? "established" : "closed";
  return (flags & RST) !== 0 ? "reset" : "other";
}

export function protocolAt(view: DataView, frame: number): number {
  return view.getUint8(frame + PROTOCOL);
}

export function destinationAt(view: DataView, frame: number): number {
  return view.getUint32(frame + DESTINATION);
}

export function sourcePortAt(view: DataView, frame: number): number {
  return view.getUint16(frame + SOURCE_PORT);
}

export function destinationPortAt(view: DataView, frame: number): number {
  return view.getUint16(frame + DESTINATION_PORT);
}

/** A frame that begins an exchange, with everything but addresses and ports filled in; written many times. */
export class FrameTemplate {
  readonly #bytes = new Uint8Array(FRAME_BYTES);
  readonly #checksumAt: number;
  /** Sums of what does not change, for the two checksums. */
  readonly #ipSum: number;
  readonly #transportSum: number;

  /** @param segment absent for UDP */
  constructor(to: Uint8Array, from: Uint8Array, segment?: Segment) {
    const view = new DataView(this.#bytes.buffer);
    this.#bytes.set(to, 0);
    this.#bytes.set(from, 6);
    view.setUint16(12, 0x0800);
    view.setUint16(IP, 0x4500);
    view.setUint16(IP + 2, FRAME_BYTES - IP);
    view.setUint16(IP + 6, 0x4000); // don't fragment
    view.setUint16(IP + 8, (64 << 8) | (segment === undefined ? PROTOCOL_UDP : PROTOCOL_TCP));
    if (segment === undefined) {
      view.setUint16(UDP_LENGTH, FRAME_BYTES - SOURCE_PORT);
      this.#checksumAt = UDP_CHECKSUM;
    } else {
      writeSegment(view, 0, segment);
      view.setUint16(WINDOW, 0xffff);
      this.#checksumAt = TCP_CHECKSUM;
    }
    this.#ipSum = ~internetChecksum(this.#bytes.subarray(IP, SOURCE_PORT)) & 0xffff;
    const pseudoHeader = (segment === undefined ? PROTOCOL_UDP : PROTOCOL_TCP) + (FRAME_BYTES - SOURCE_PORT);
    this.#transportSum = (~internetChecksum(this.#bytes.subarray(SOURCE_PORT)) & 0xffff) + pseudoHeader;
  }

  /** Writes the frame into memory. Addresses are unsigned numbers in host order. */
  write(area: Uint8Array, view: DataView, frame: number, flow: FrameFlow): void {
    area.set(this.#bytes, frame);
    const { source, destination, sourcePort, destinationPort } = flow;
    view.setUint32(frame + SOURCE, source);
    view.setUint32(frame + DESTINATION, destination);
    view.setUint16(frame + SOURCE_PORT, sourcePort);
    view.setUint16(frame + DESTINATION_PORT, destinationPort);
    const addresses = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
    view.setUint16(frame + IP_CHECKSUM, ~fold(this.#ipSum + addresses) & 0xffff);
    const sum = fold(this.#transportSum + addresses + sourcePort + destinationPort);
    view.setUint16(frame + this.#checksumAt, ~sum & 0xffff);
  }
}

/** The changing fields of a frame; one object is used again and again. */
export interface FrameFlow {
  source: number;
  destination: number;
  sourcePort: number;
  destinationPort: number;
}

/** A step from a received segment to its answer. Swapping both sides changes no checksum; the rest is one constant. */
export class AnswerStep {
  readonly #segment: Segment;
  readonly #difference: number;

  constructor(received: Segment, answer: Segment) {
    this.#segment = answer;
    this.#difference = sumOf(answer) + 0xffff - sumOf(received);
  }

  /** Turns a received frame into its answer, in memory that holds a copy of it. */
  apply(area: Uint8Array, view: DataView, frame: number): void {
    swapSides(area, view, frame);
    writeSegment(view, frame, this.#segment);
    const sum = fold((~view.getUint16(frame + TCP_CHECKSUM) & 0xffff) + this.#difference);
    view.setUint16(frame + TCP_CHECKSUM, ~sum & 0xffff);
  }
}

/** Sends a frame back to where it came from: hardware addresses, addresses and ports change sides. */
export function swapSides(area: Uint8Array, view: DataView, frame: number): void {
  for (let i = 0; i < 6; i++) {
    const byte = area[frame + i] ?? 0;
    area[frame + i] = area[frame + 6 + i] ?? 0;
    area[frame + 6 + i] = byte;
  }
  const source = view.getUint32(frame + SOURCE);
  view.setUint32(frame + SOURCE, view.getUint32(frame + DESTINATION));
  view.setUint32(frame + DESTINATION, source);
  const ports = view.getUint32(frame + SOURCE_PORT);
  view.setUint32(frame + SOURCE_PORT, (ports >>> 16) | (ports << 16));
}

function writeSegment(view: DataView, frame: number, { sequence, acknowledgment, flags }: Segment): void {
  view.setUint32(frame + SEQUENCE, sequence);
  view.setUint32(frame + ACKNOWLEDGMENT, acknowledgment);
  view.setUint16(frame + FLAGS, (5 << 12) | flags);
}

/** The sum of the words of a segment that differ between segments; all of them are below 65,536. */
function sumOf({ sequence, acknowledgment, flags }: Segment): number {
  return sequence + acknowledgment + flags;
}

/** Brings the carries of a sum of 16-bit words back in (RFC 1071). */
function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
