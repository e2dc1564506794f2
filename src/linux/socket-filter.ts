import { addressOf, setSocketOption } from "./libc.ts";

// uapi asm-generic/socket.h
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** One instruction of classic BPF (uapi linux/filter.h, struct sock_filter): code, jump if true, jump if false, operand. */
export type FilterInstruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** Loads of a byte and of two bytes in network order, at a fixed offset; a jump; the verdict. */
export const LOAD_BYTE = 0x30;
export const LOAD_HALF = 0x28;
export const JUMP_EQUAL = 0x15;
export const RETURN = 0x06;

/** What RETURN says to keep a message whole, and to drop it. */
export const KEEP = 0xffff_ffff;
export const DROP = 0;

/** Lets the kernel drop what a socket does not want before it wakes anybody. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const code = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, [operation, ifTrue, ifFalse, operand]] of program.entries()) {
    code.setUint16(index * 8, operation, true);
    code.setUint8(index * 8 + 2, ifTrue);
    code.setUint8(index * 8 + 3, ifFalse);
    code.setUint32(index * 8 + 4, operand, true);
  }
  const instructions = new Uint8Array(code.buffer);
  // struct sock_fprog: u16 length, padding, pointer. The kernel copies it during the call.
  const description = new DataView(new ArrayBuffer(16));
  description.setUint16(0, program.length, true);
  description.setBigUint64(8, addressOf(instructions), true);
  setSocketOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(description.buffer));
}
