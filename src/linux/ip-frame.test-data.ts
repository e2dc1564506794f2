import { validIp } from "../base/ip.ts";

const UDP = 17;

/** An Ethernet frame with an IP header and eight bytes of nothing. */
export function ipFrame(source: string, destination: string, protocol = UDP): Uint8Array {
  const [from, to] = [validIp(source), validIp(destination)];
  const bytes = new Uint8Array(14 + 40 + 8);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...(from.length === 4 ? [0x08, 0x00] : [0x86, 0xdd])]);
  const [header, protocolAt, sourceAt]: [number[], number, number] =
    from.length === 4 ? [[0x45, 0, 0, 28], 9, 12] : [[0x60, 0, 0, 0, 0, 8], 6, 8];
  bytes.set(header, 14);
  bytes[14 + protocolAt] = protocol;
  bytes.set(from, 14 + sourceAt);
  bytes.set(to, 14 + sourceAt + from.length);
  return bytes;
}
