// Classic BPF (uapi linux/filter.h): struct sock_filter is code u16, jump if true u8, jump if false u8, operand u32.
const BPF_LOAD_WORD = 0x20;
const BPF_LOAD_BYTE = 0x30;
const BPF_JUMP_EQUAL = 0x15;
const BPF_RETURN = 0x06;
const INSTRUCTION_BYTES = 8;
const WHOLE_FRAME = 0xffff;
const DROP = 0;
/** SKF_AD_OFF + SKF_AD_PKTTYPE: whom the frame is for. */
const PACKET_TYPE = 0xffff_f000 + 4;
/** SKF_AD_OFF + SKF_AD_IFINDEX: the device that the kernel takes the frame to have come in by. */
const DEVICE_INDEX = 0xffff_f000 + 8;
/** uapi linux/if_packet.h */
const PACKET_OTHERHOST = 3;

/**
 * A filter that keeps frames of the device's own network in which each byte has its value: on a busy gateway all others
 * are dropped uncopied.
 *
 * A socket for one type of frames, bound to a device, also gets what came in by it and is another device's: frames with
 * the tag of a VLAN, the tag taken away. If the tag has a device, the frame has its index by now; if it has none, it is
 * for another host. Nothing else is left of the tag here (`__netif_receive_skb_core` in net/core/dev.c).
 *
 * @returns the filter (`struct sock_filter[]`) for the device that has this index
 */
export function byteFilter(
  bytes: readonly { readonly offset: number; readonly value: number }[],
): (deviceIndex: number) => Uint8Array {
  return (deviceIndex) => {
    const count = bytes.length * 2 + 6;
    const program: (readonly [number, number, number, number])[] = [];
    // Jumps count from the next instruction; the last one of all drops.
    const toDrop = () => count - program.length - 2;
    program.push([BPF_LOAD_WORD, 0, 0, DEVICE_INDEX]);
    program.push([BPF_JUMP_EQUAL, 0, toDrop(), deviceIndex]);
    program.push([BPF_LOAD_WORD, 0, 0, PACKET_TYPE]);
    program.push([BPF_JUMP_EQUAL, toDrop(), 0, PACKET_OTHERHOST]);
    for (const { offset, value } of bytes) {
      program.push([BPF_LOAD_BYTE, 0, 0, offset]);
      program.push([BPF_JUMP_EQUAL, 0, toDrop(), value]);
    }
    program.push([BPF_RETURN, 0, 0, WHOLE_FRAME], [BPF_RETURN, 0, 0, DROP]);
    return encode(program);
  };
}

function encode(program: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(index * INSTRUCTION_BYTES, code, true);
    view.setUint8(index * INSTRUCTION_BYTES + 2, ifTrue);
    view.setUint8(index * INSTRUCTION_BYTES + 3, ifFalse);
    view.setUint32(index * INSTRUCTION_BYTES + 4, operand, true);
  }
  return new Uint8Array(view.buffer);
}
