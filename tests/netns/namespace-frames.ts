import { ByteReader, ByteWriter } from "../../src/base/bytes.ts";
import { formatIp, type IpAddress, validIp } from "../../src/base/ip.ts";
import { type LabSwitch, labSwitches, nodeNumber } from "../../src/lab/lab-plan.ts";
import { internetChecksum, pseudoHeader } from "../../src/wire/internet-checksum.ts";

const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_TCP = 6;
const TCP_BYTES = 20;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

/** The hardware addresses of a lab, as topology.ts gives them. */
export function gatewayMac(node: string, network: LabSwitch): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, nodeNumber(node), labSwitches.indexOf(network) + 1);
}
export const clientMac = Uint8Array.of(2, 0, 0, 0, 0xc1, 1);
export const serverMac = Uint8Array.of(2, 0, 0, 0, 0x5e, 1);

export interface Segment {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly flags: number;
}

/** A TCP segment of either family in an Ethernet frame, as hexadecimal text. */
export function segmentFrame(toMac: Uint8Array, fromMac: Uint8Array, segment: Segment): string {
  const source = validIp(segment.source);
  const destination = validIp(segment.destination);
  const tcp = encodeTcp(segment, source, destination);
  const isV4 = source.length === 4;
  const frame = new ByteWriter(ETHERNET_BYTES + (isV4 ? 20 : 40) + tcp.length);
  frame
    .put(toMac)
    .put(fromMac)
    .u16(isV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  if (isV4) {
    frame
      .u16(0x4500)
      .u16(20 + tcp.length)
      .u16(0)
      .u16(0x4000)
      .u8(64)
      .u8(PROTOCOL_TCP)
      .u16(0);
    frame.put(source).put(destination);
    const end = frame.offset;
    frame.offset = ETHERNET_BYTES + 10;
    frame.u16(internetChecksum(frame.bytes.subarray(ETHERNET_BYTES, end)));
    frame.offset = end;
  } else {
    frame.u32(0x6000_0000).u16(tcp.length).u8(PROTOCOL_TCP).u8(64).put(source).put(destination);
  }
  return Buffer.from(frame.put(tcp).bytes).toString("hex");
}

function encodeTcp(segment: Segment, source: IpAddress, destination: IpAddress): Uint8Array {
  const tcp = new ByteWriter(TCP_BYTES);
  tcp.u16(segment.sourcePort).u16(segment.destinationPort).u32(1_000_001).u32(2_000_002);
  tcp
    .u16((5 << 12) | segment.flags)
    .u16(65_535)
    .u32(0);
  const covered = pseudoHeader({ source, destination, protocol: PROTOCOL_TCP, length: TCP_BYTES });
  const checksum = internetChecksum(covered, tcp.bytes);
  tcp.offset = 16;
  tcp.u16(checksum);
  return tcp.bytes;
}

/** The TCP segment in a frame, or undefined. */
export function readSegment(hex: string): Segment | undefined {
  const frame = new ByteReader(Buffer.from(hex, "hex"));
  frame.take(12);
  const etherType = frame.u16();
  const isV4 = etherType === ETHERTYPE_IPV4;
  if (!isV4 && etherType !== ETHERTYPE_IPV6) return undefined;
  frame.take(isV4 ? 9 : 6);
  if (frame.u8() !== PROTOCOL_TCP) return undefined;
  frame.take(isV4 ? 2 : 1);
  const source = formatIp(frame.take(isV4 ? 4 : 16));
  const destination = formatIp(frame.take(isV4 ? 4 : 16));
  const sourcePort = frame.u16();
  const destinationPort = frame.u16();
  frame.take(9);
  const flags = frame.u8();
  return frame.failed ? undefined : { source, sourcePort, destination, destinationPort, flags };
}
