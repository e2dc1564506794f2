import { DecodeError } from "../../base/decode-error.ts";
import { formatIp, type IpFamily } from "../../base/ip.ts";
import { type ClusterDocument, groupsOf } from "../../contract/cluster-document.ts";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import type { PacketSocket } from "../../linux/packet-socket.ts";
import { openVrrpSocket } from "../../linux/vrrp-socket.ts";
import { decodeAdvertisementFrame, type VrrpPacket } from "../../wire/vrrp.ts";
import type { NodeSettings } from "../node-settings.ts";

/** Twice the interval that VRRP routers have unless they are told otherwise, and a little more. */
const LISTEN_MS = 2_200;
const POLL_MS = 20;
const FRAME_BYTES_MAX = 2_048;

type ForeignRouter = NodeFacts["foreignRouters"][number];

/**
 * Listens for VRRP routers that are no nodes and use a virtual router id of ours. The failover role only hears those that speak its
 * own version; this hears all, such as a keepalived that speaks version 2.
 */
export async function listenForRouters({
  document,
  node,
}: Pick<NodeSettings, "document" | "node">): Promise<ForeignRouter[]> {
  const ears = openEars(document, node);
  const found = new Map<string, ForeignRouter>();
  const into = new Uint8Array(FRAME_BYTES_MAX);
  try {
    const endMs = performance.now() + LISTEN_MS;
    while (ears.length > 0 && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      for (const { name, socket } of ears) {
        for (let length = socket.receive(into); length > 0; length = socket.receive(into)) {
          const router = foreignRouter(document, name, into.subarray(0, length));
          if (router !== undefined) found.set(`${router.interface} ${router.address}`, router);
        }
      }
    }
  } finally {
    for (const { socket } of ears) socket.close();
  }
  return [...found.values()];
}

function openEars(document: ClusterDocument, node: string): { name: string; socket: PacketSocket }[] {
  const names = new Set(groupsOf(document).flatMap(({ addresses }) => Object.keys(addresses)));
  const families: readonly IpFamily[] = [4, 6];
  return [...names].flatMap((name) => {
    const device = document.nodes[node]?.interfaces[name]?.device;
    if (device === undefined) return [];
    return families.flatMap((family) => {
      try {
        return [{ name, socket: openVrrpSocket(device, family) }];
      } catch (error) {
        if (error instanceof KernelError && error.code === "ENODEV") return []; // That is a finding of its own.
        throw error;
      }
    });
  });
}

/** @returns the router that sent this frame on an interface, if it is active for an id of ours and no node */
export function foreignRouter(
  document: ClusterDocument,
  name: string,
  frame: Uint8Array,
): ForeignRouter | undefined {
  const packet = decodeAnyVersion(frame);
  if (packet === undefined || packet.advertisement.priority === 0) return undefined;
  const { virtualRouterId, priority, addresses } = packet.advertisement;
  const group = groupsOf(document).find(
    (one) => one.virtualRouterId === virtualRouterId && Object.hasOwn(one.addresses, name),
  );
  if (group === undefined) return undefined;
  const address = formatIp(packet.source);
  const bare = (texts: readonly string[]) => texts.map((text) => text.split("/")[0]);
  const own = Object.values(document.nodes).flatMap(({ interfaces }) =>
    bare(interfaces[name]?.addresses ?? []),
  );
  if (own.includes(address)) return undefined;
  // Over IPv6 a node speaks from a link-local address that no document holds: it is known by what it advertises.
  const virtual = bare(group.addresses[name] ?? []);
  if (address.includes(":") && addresses.some((one) => virtual.includes(formatIp(one)))) return undefined;
  return { group: group.name, interface: name, address, priority };
}

function decodeAnyVersion(frame: Uint8Array): VrrpPacket | undefined {
  for (const version of [3, 2] as const) {
    const packet = decodeAdvertisementFrame(frame, version);
    if (!(packet instanceof DecodeError)) return packet;
  }
  return undefined;
}
