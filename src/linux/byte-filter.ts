// Classic BPF (uapi linux/filter.h): struct sock_filter is code u16, jump if true u8, jump if false u8, operand u32.
const BPF_LOAD_BYTE = 0x30;
const BPF_JUMP_EQUAL = 0x15;
const BPF_RETURN = 0x06;
const INSTRUCTION_BYTES = 8;
const WHOLE_FRAME = 0xffff;

/** A filter that keeps frames in which each byte has its value: on a busy gateway all others are dropped uncopied. */
export function byteFilter(
  bytes: readonly { readonly offset: number; readonly value: number }[],
): Uint8Array {
  const count = bytes.length * 2 + 2;
  const program: (readonly [number, number, number, number])[] = [];
  for (const { offset, value } of bytes) {
    program.push([BPF_LOAD_BYTE, 0, 0, offset]);
    // Jumps count from the next instruction; the last one of all drops.
    program.push([BPF_JUMP_EQUAL, 0, count - program.length - 2, value]);
  }
  program.push([BPF_RETURN, 0, 0, WHOLE_FRAME], [BPF_RETURN, 0, 0, 0]);
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    view.setUint16(index * INSTRUCTION_BYTES, code, true);
    view.setUint8(index * INSTRUCTION_BYTES + 2, ifTrue);
    view.setUint8(index * INSTRUCTION_BYTES + 3, ifFalse);
    view.setUint32(index * INSTRUCTION_BYTES + 4, operand, true);
  }
  return new Uint8Array(view.buffer);
}
