import { PART_MASK } from "./flow-plan.ts";

const DESTINATION = 30;

/**
 * A socket filter (classic BPF, uapi linux/filter.h) that selects the IPv4 packets to one part's half of a network.
 *
 * @param network the half's first address, as a number
 */
export function partFilter(network: number): Uint8Array {
  const instructions = [
    [0x20, 0, 0, DESTINATION], // load the word at the destination address
    [0x54, 0, 0, PART_MASK], // and with the mask
    [0x15, 0, 1, network], // equal: go on; otherwise skip one
    [0x06, 0, 0, 0xffff], // the whole packet
    [0x06, 0, 0, 0], // nothing
  ] as const;
  const program = new DataView(new ArrayBuffer(instructions.length * 8));
  for (const [index, [code, ifTrue, ifFalse, operand]] of instructions.entries()) {
    program.setUint16(index * 8, code, true);
    program.setUint8(index * 8 + 2, ifTrue);
    program.setUint8(index * 8 + 3, ifFalse);
    program.setUint32(index * 8 + 4, operand, true);
  }
  return new Uint8Array(program.buffer);
}
