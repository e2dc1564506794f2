import { parseIp } from "../base/ip.ts";
import { type FlowFields, zoneDirection } from "./flow-fields.ts";

// A line of /proc/net/nf_conntrack (net/netfilter/nf_conntrack_standalone.c, ct_seq_show). What is before the answer's direction:
//
//   ipv4  2 tcp  6 431999 ESTABLISHED src=10.1.0.10 dst=192.0.2.9 sport=40000 dport=443 packets=3 bytes=160 src=...
//
// with ICMP's type, code and id, or GRE's two keys, or nothing in place of the ports; and near the end zone=5, or zone-orig=5
// right behind the tuple if the zone counts for that direction alone. (zone-reply=5 does not say where the original is found.)

const head = /^ipv[46] +(2|10) +\S+ +(\d+) /;
const tuple =
  / src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+) |type=(\d+) code=(\d+) id=(\d+) |srckey=0x([\da-f]+) dstkey=0x([\da-f]+) )?(?:zone-orig=(\d+) )?/;
const zoneOfBoth = / zone=(\d+) /;

const AF_INET_TEXT = "2";

/**
 * Reads which flow a line of /proc/net/nf_conntrack is about: family, protocol, original tuple and zone, as `writeGet` needs
 * them. All else of `into` is cleared.
 *
 * @returns false for what is no such line
 */
export function parseFlowLine(line: string, into: FlowFields): boolean {
  const begin = head.exec(line);
  const found = tuple.exec(line);
  const source = parseIp(found?.[1] ?? "");
  const destination = parseIp(found?.[2] ?? "");
  if (begin === null || found === null || source === undefined || destination === undefined) return false;
  into.clear();
  into.family = begin[1] === AF_INET_TEXT ? 4 : 6;
  if (source.length !== into.addressBytes || destination.length !== into.addressBytes) return false;
  into.protocol = Number(begin[2]);
  const { original } = into;
  original.source.set(source);
  original.destination.set(destination);
  const [, , , sourcePort, destinationPort, type, code, id, sourceKey, destinationKey, zone] = found;
  original.sourcePort = sourceKey === undefined ? Number(sourcePort ?? 0) : Number.parseInt(sourceKey, 16);
  original.destinationPort =
    destinationKey === undefined ? Number(destinationPort ?? 0) : Number.parseInt(destinationKey, 16);
  original.icmpType = Number(type ?? 0);
  original.icmpCode = Number(code ?? 0);
  original.icmpId = Number(id ?? 0);
  if (zone === undefined) {
    into.zone = Number(zoneOfBoth.exec(line)?.[1] ?? 0);
  } else {
    into.zone = Number(zone);
    into.zoneDirection = zoneDirection.original;
  }
  return true;
}
