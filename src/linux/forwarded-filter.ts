import type { IpAddress, IpNetwork } from "../base/ip.ts";

// Classic BPF (uapi linux/filter.h, linux/bpf_common.h): struct sock_filter is code u16, jump if true u8, jump if false u8,
// operand u32. Conditional jumps reach 255 instructions, so every test of an address ends within itself.
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
/** SKF_AD_OFF + SKF_AD_PKTTYPE: how the frame comes by the device. */
const PACKET_TYPE = 0xffff_f000 + 4;
const PACKET_OUTGOING = 4;
/** SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT: the device is to put in a tag, which is not in the frame yet. */
const HAS_VLAN_TAG = 0xffff_f000 + 48;

const ETHERTYPE_OFFSET = 12;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

interface FamilyLayout {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly icmp: number;
}
/** Offsets in the frame (RFC 791 3.1, RFC 8200 3). */
const layouts: Readonly<Record<4 | 6, FamilyLayout>> = {
  4: { source: 26, destination: 30, protocol: 23, icmp: 1 },
  6: { source: 22, destination: 38, protocol: 20, icmp: 58 },
};

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const ACCEPT: Instruction = [RETURN, 0, 0, 0xffff];
const REJECT: Instruction = [RETURN, 0, 0, 0];

export interface ForwardedFilterOptions {
  /** Addresses that the node itself sends from: what comes from them is not forwarded. */
  readonly local: readonly IpAddress[];
  /** Addresses that sources are translated to; of these only ICMP may be the node's own. */
  readonly translated: readonly IpAddress[];
  /** Networks that sources are translated to, and that no node has an address of; none when undefined. */
  readonly routed?: readonly IpNetwork[];
  /** Only what goes to these networks, or comes from a translated address; everything when undefined. */
  readonly destinations?: readonly IpNetwork[] | undefined;
}

/**
 * A program for a packet socket of one device: IP packets that leave by it, not by a VLAN on it, and come from somebody
 * else.
 */
export function forwardedFilter(options: ForwardedFilterOptions): Uint8Array {
  const v4 = family(4, options);
  const v6 = family(6, options);
  return encode([
    [LOAD_WORD, 0, 0, PACKET_TYPE],
    [JUMP_EQUAL, 1, 0, PACKET_OUTGOING],
    REJECT,
    [LOAD_WORD, 0, 0, HAS_VLAN_TAG],
    [JUMP_EQUAL, 1, 0, 0],
    REJECT,
    [LOAD_HALF, 0, 0, ETHERTYPE_OFFSET],
    [JUMP_EQUAL, 1, 0, ETHERTYPE_IPV4],
    [JUMP, 0, 0, v4.length],
    ...v4,
    [JUMP_EQUAL, 1, 0, ETHERTYPE_IPV6],
    REJECT,
    ...v6,
  ]);
}

function family(version: 4 | 6, options: ForwardedFilterOptions): Instruction[] {
  const { local, translated, routed = [], destinations } = options;
  const layout = layouts[version];
  const isOurs = (address: IpAddress) => address.length === (version === 4 ? 4 : 16);
  const notIcmp: Instruction[] = [
    [LOAD_BYTE, 0, 0, layout.protocol],
    [JUMP_EQUAL, 0, 1, layout.icmp],
    REJECT,
  ];
  return [
    ...notAbroad(version, layout),
    ...local.filter(isOurs).flatMap((one) => ifEqual(layout.source, one, 8 * one.length, [REJECT])),
    ...translated
      .filter(isOurs)
      .flatMap((one) => ifEqual(layout.source, one, 8 * one.length, [...notIcmp, ACCEPT])),
    ...routed
      .filter(({ address }) => isOurs(address))
      .flatMap(({ address, prefixLength }) => ifEqual(layout.source, address, prefixLength, [ACCEPT])),
    ...(destinations ?? [])
      .filter(({ address }) => isOurs(address))
      .flatMap(({ address, prefixLength }) => ifEqual(layout.destination, address, prefixLength, [ACCEPT])),
    destinations === undefined ? ACCEPT : REJECT,
  ];
}

/** Multicast, broadcast and link-local packets are never forwarded. */
function notAbroad(version: 4 | 6, { source, destination }: FamilyLayout): Instruction[] {
  if (version === 4)
    return [
      [LOAD_WORD, 0, 0, destination],
      [JUMP_EQUAL, 0, 1, 0xffff_ffff],
      REJECT,
      [AND, 0, 0, 0xf000_0000],
      [JUMP_EQUAL, 0, 1, 0xe000_0000],
      REJECT,
    ];
  return [
    [LOAD_BYTE, 0, 0, destination],
    [JUMP_EQUAL, 0, 1, 0xff],
    REJECT,
    [LOAD_HALF, 0, 0, source],
    [AND, 0, 0, 0xffc0],
    [JUMP_EQUAL, 0, 1, 0xfe80],
    REJECT,
  ];
}

/** What is done when the first bits of the frame's address are equal; otherwise the program goes on behind it. */
function ifEqual(
  offset: number,
  address: IpAddress,
  prefixLength: number,
  then: readonly Instruction[],
): Instruction[] {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  let program: Instruction[] = [...then];
  for (let word = Math.ceil(prefixLength / 32) - 1; word >= 0; word--) {
    const bits = Math.min(32, prefixLength - 32 * word);
    const mask = bits === 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
    const value = (view.getUint32(4 * word) & mask) >>> 0;
    const masked: Instruction[] = bits === 32 ? [] : [[AND, 0, 0, mask]];
    program = [
      [LOAD_WORD, 0, 0, offset + 4 * word],
      ...masked,
      [JUMP_EQUAL, 0, program.length, value],
      ...program,
    ];
  }
  return program;
}

function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, ifTrue);
    view.setUint8(index * 8 + 3, ifFalse);
    view.setUint32(index * 8 + 4, operand, true);
  }
  return new Uint8Array(view.buffer);
}
