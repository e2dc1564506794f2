import { formatIp } from "../../src/base/ip.ts";
import { internetChecksum } from "../../src/wire/internet-checksum.ts";

const IP_AT = 14;
/** Behind an IPv4 header without options, as all of these have it. */
const ICMP_AT = IP_AT + 20;

/** Types of ICMP messages (RFC 792). */
export const icmp = {
  ...{ echoReply: 0, unreachable: 3, redirect: 5, echoRequest: 8, routerSolicitation: 10, timeExceeded: 11 },
} as const;

export interface IcmpFrame {
  readonly hex: string;
  readonly source: string;
  readonly type: number;
  /** Of queries. */
  readonly identifier: number;
}

/** The ICMP messages among frames; those of one type, or all. */
export function icmpFrames(frames: readonly string[], type?: number): IcmpFrame[] {
  return frames.flatMap((hex) => {
    const bytes = Buffer.from(hex, "hex");
    if (bytes.length < ICMP_AT + 8 || bytes.readUInt16BE(12) !== 0x0800 || bytes[IP_AT + 9] !== 1) return [];
    const found = { hex, source: formatIp(bytes.subarray(26, 30)), type: bytes[ICMP_AT] ?? 0 };
    return type === undefined || found.type === type
      ? [{ ...found, identifier: bytes.readUInt16BE(ICMP_AT + 4) }]
      : [];
  });
}

/** What whoever was asked would send back if the host that is meant could not be reached. */
export function errorAbout({ hex }: IcmpFrame): string {
  const asked = Buffer.from(hex, "hex");
  const [to, from, rest] = [asked.subarray(0, 6), asked.subarray(6, 12), asked.subarray(12, IP_AT + 12)];
  const [source, destination] = [asked.subarray(IP_AT + 12, IP_AT + 16), asked.subarray(IP_AT + 16, ICMP_AT)];
  const head = Buffer.from([icmp.unreachable, 1, 0, 0, 0, 0, 0, 0]);
  // The header, and eight bytes of what is behind it (RFC 792).
  const about = asked.subarray(IP_AT, ICMP_AT + 8);
  const error = Buffer.concat([from, to, rest, destination, source, head, about]);
  error.writeUInt16BE(error.length - IP_AT, IP_AT + 2);
  return changedIcmp({ hex: error.toString("hex") }, { ttl: 64 });
}

/** The same message with something else in it; its checksums are right again. */
export function changedIcmp(
  { hex }: Pick<IcmpFrame, "hex">,
  change: { readonly type?: number; readonly ttl?: number; readonly embeddedSourcePort?: number },
): string {
  const bytes = Buffer.from(hex, "hex");
  if (change.type !== undefined) bytes[ICMP_AT] = change.type;
  if (change.ttl !== undefined) bytes[IP_AT + 8] = change.ttl;
  if (change.embeddedSourcePort !== undefined)
    bytes.writeUInt16BE(change.embeddedSourcePort, ICMP_AT + 8 + 20);
  const end = IP_AT + bytes.readUInt16BE(IP_AT + 2);
  for (const [from, to, at] of [
    [IP_AT, ICMP_AT, IP_AT + 10],
    [ICMP_AT, end, ICMP_AT + 2],
  ] as const) {
    bytes.writeUInt16BE(0, at);
    bytes.writeUInt16BE(internetChecksum(bytes.subarray(from, to)), at);
  }
  return bytes.toString("hex");
}

/** The same message with a checksum that is wrong. */
export function brokenIcmp({ hex }: IcmpFrame): string {
  const bytes = Buffer.from(hex, "hex");
  bytes.writeUInt16BE(bytes.readUInt16BE(ICMP_AT + 2) ^ 0x0101, ICMP_AT + 2);
  return bytes.toString("hex");
}
