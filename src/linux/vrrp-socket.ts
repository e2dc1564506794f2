import type { IpFamily } from "../base/ip.ts";
import { VRRP_MULTICAST_MAC_V4, VRRP_MULTICAST_MAC_V6, VRRP_PROTOCOL } from "../wire/vrrp.ts";
import { PacketSocket } from "./packet-socket.ts";

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

// Classic BPF (uapi linux/filter.h): struct sock_filter is code u16, jump if true u8, jump if false u8, operand u32.
const BPF_LOAD_BYTE = 0x30;
const BPF_JUMP_EQUAL = 0x15;
const BPF_RETURN = 0x06;

/** Offset in the frame of the IP header's protocol, or next header. */
const PROTOCOL_OFFSET = { 4: 14 + 9, 6: 14 + 6 } as const;

/** Frames with VRRP straight in IP: on a busy gateway all others are dropped before they are copied. */
function vrrpFilter(family: IpFamily): Uint8Array {
  const program = [
    [BPF_LOAD_BYTE, 0, 0, PROTOCOL_OFFSET[family]],
    [BPF_JUMP_EQUAL, 0, 1, VRRP_PROTOCOL],
    [BPF_RETURN, 0, 0, 0xffff],
    [BPF_RETURN, 0, 0, 0],
  ] as const;
  const view = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, ifTrue);
    view.setUint8(index * 8 + 3, ifFalse);
    view.setUint32(index * 8 + 4, operand, true);
  }
  return new Uint8Array(view.buffer);
}

/** Opens a socket for VRRP advertisements of one family on one device. Throws KernelError, such as ENODEV. */
export function openVrrpSocket(device: string, family: IpFamily): PacketSocket {
  return new PacketSocket({
    device,
    etherType: family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6,
    filter: vrrpFilter(family),
    multicast: [family === 4 ? VRRP_MULTICAST_MAC_V4 : VRRP_MULTICAST_MAC_V6],
  });
}
