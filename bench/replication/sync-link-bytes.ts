import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { ACTIVE, STANDBY } from "./contenders.ts";

/** What both nodes have sent on the sync link so far. */
export interface SyncLinkBytes {
  /** As the devices count: with the Ethernet header, without preamble and checksum. */
  readonly deviceBytes: number;
  readonly devicePackets: number;
  readonly tcpSegments: number;
  readonly datagrams: number;
}

/** Ethernet, IPv4, TCP with the timestamp option. */
const TCP_HEADER_BYTES = 14 + 20 + 32;

export async function syncLinkBytes(lab: string): Promise<SyncLinkBytes> {
  const both = await Promise.all([ACTIVE, STANDBY].map((node) => sent(lab, node)));
  return {
    deviceBytes: both.reduce((sum, one) => sum + one.deviceBytes, 0),
    devicePackets: both.reduce((sum, one) => sum + one.devicePackets, 0),
    tcpSegments: both.reduce((sum, one) => sum + one.tcpSegments, 0),
    datagrams: both.reduce((sum, one) => sum + one.datagrams, 0),
  };
}

async function sent(lab: string, node: string): Promise<SyncLinkBytes> {
  const statistics = "/sys/class/net/sync/statistics";
  // ip netns exec mounts the namespace's own /sys.
  const text = await runCommand("ip", [
    ...["netns", "exec", namespaceOf(lab, node), "cat"],
    ...[`${statistics}/tx_bytes`, `${statistics}/tx_packets`, "/proc/net/snmp"],
  ]);
  const [bytes, packets] = text.split("\n");
  return {
    deviceBytes: Number(bytes),
    devicePackets: Number(packets),
    tcpSegments: snmp(text, "Tcp", "OutSegs"),
    datagrams: snmp(text, "Udp", "OutDatagrams"),
  };
}

/** A counter of /proc/net/snmp: a line of names, then a line of values. */
function snmp(text: string, protocol: string, name: string): number {
  const lines = text.split("\n").filter((line) => line.startsWith(`${protocol}: `));
  const [names = "", values = ""] = lines;
  return Number(values.split(" ")[names.split(" ").indexOf(name)] ?? 0);
}

/**
 * Bytes on the wire between two readings, each frame with its Ethernet header.
 *
 * The devices of a lab take TCP segments of up to 64 KiB whole, as a network card does that divides them in hardware. So the
 * headers of the segments that would be made of them are added: the kernel counts those segments too.
 */
export function wireBytes(from: SyncLinkBytes, to: SyncLinkBytes): number {
  const tcpPackets = to.devicePackets - from.devicePackets - (to.datagrams - from.datagrams);
  const hidden = to.tcpSegments - from.tcpSegments - tcpPackets;
  return to.deviceBytes - from.deviceBytes + Math.max(0, hidden) * TCP_HEADER_BYTES;
}
