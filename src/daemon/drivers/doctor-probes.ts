import { DecodeError } from "../../base/decode-error.ts";
import {
  formatIp,
  type IpAddress,
  type IpFamily,
  ipFamily,
  isLinkLocal,
  parseNetwork,
  validIp,
} from "../../base/ip.ts";
import { formatMac } from "../../base/mac.ts";
import { virtualAddressesOf } from "../../contract/cluster-document.ts";
import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { IcmpSocket, type IcmpSocketOptions } from "../../linux/icmp-socket.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import { openNeighbourSocket } from "../../linux/neighbour-socket.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import { decodeArpReply, encodeArpRequest } from "../../wire/arp.ts";
import { decodeEchoReply, encodeEchoRequest } from "../../wire/icmp-echo.ts";
import { decodeNeighborAdvertisement, encodeNeighborSolicitation } from "../../wire/ndp.ts";
import type { NodeSettings } from "../node-settings.ts";
import { readSetting } from "./doctor-facts-sysctls.ts";
import { awaitAnswer } from "./probe.ts";

const PACKET_BYTES_MAX = 65_535;
const ANSWER_LIMIT_MS = 400;
/** A packet may get lost; one that the path does not carry is lost each time. */
const ATTEMPTS = 3;
const ICMP_HEADER_BYTES = 8;
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

/** Asks every other node on every interface with a ping of full size that may not be cut, and with a small one. */
export async function fullSizeProbes({ document, node }: NodeSettings): Promise<NodeFacts["probes"]> {
  const own = document.nodes[node]?.interfaces ?? {};
  const questions = Object.entries(document.nodes)
    .filter(([peer]) => peer !== node)
    .flatMap(([peer, { interfaces }]) =>
      Object.entries(own).flatMap(([name, { device, addresses }]) => {
        const pair = sameFamily(addresses, interfaces[name]?.addresses ?? []);
        const mtu = Number(readSetting(`/sys/class/net/${device}/mtu`) ?? 0);
        return pair === undefined || mtu === 0 ? [] : [{ ...pair, interface: name, peer, device, mtu }];
      }),
    );
  return await Promise.all(
    questions.map(async ({ source, target, device, mtu, peer, interface: name }) => {
      const question = { source, target, device };
      // An IP packet cannot be longer than its length field says.
      const bytes = Math.min(mtu, PACKET_BYTES_MAX);
      const dataBytes = bytes - IP_HEADER_BYTES[ipFamily(target)] - ICMP_HEADER_BYTES;
      const small = await isAnswered(question, undefined);
      const full = small && (await isAnswered(question, dataBytes));
      return { interface: name, peer, address: formatIp(target), bytes, small, full };
    }),
  );
}

function sameFamily(own: readonly string[], others: readonly string[]) {
  for (const source of own.map(addressOf))
    for (const target of others.map(addressOf))
      if (ipFamily(source) === ipFamily(target)) return { source, target };
  return undefined;
}

function addressOf(text: string): IpAddress {
  return parseNetwork(text)?.address ?? validIp(text);
}

async function isAnswered(
  {
    source,
    target,
    device,
  }: { readonly source: IpAddress; readonly target: IpAddress; readonly device: string },
  dataBytes: number | undefined,
): Promise<boolean> {
  const family = ipFamily(target);
  const socket = openWhole({ family, device, source });
  // Without the device or the address nothing can be asked: that is a finding of its own.
  if (socket === undefined) return false;
  const identifier = Math.floor(Math.random() * 0x1_0000);
  const into = new Uint8Array(PACKET_BYTES_MAX);
  try {
    for (let sequence = 1; sequence <= ATTEMPTS; sequence++) {
      const size = dataBytes === undefined ? {} : { dataBytes };
      socket.send(encodeEchoRequest(family, { identifier, sequence, ...size }), target);
      const answered = await awaitAnswer(() => {
        for (let got = socket.receive(into); got !== undefined; got = socket.receive(into)) {
          const echo = decodeEchoReply(family, into.subarray(0, got.length));
          if (!(echo instanceof DecodeError) && echo.identifier === identifier) return true;
        }
        return false;
      }, ANSWER_LIMIT_MS);
      if (answered) return true;
    }
    return false;
  } finally {
    socket.close();
  }
}

function openWhole(options: Omit<IcmpSocketOptions, "whole">): IcmpSocket | undefined {
  try {
    return new IcmpSocket({ ...options, whole: true });
  } catch (error) {
    if (error instanceof KernelError && ["EADDRNOTAVAIL", "ENODEV"].includes(error.code)) return undefined;
    throw error;
  }
}

/** So long everybody who has an address may take to say so. */
const NEIGHBOURS_WAIT_MS = 500;
const POLL_MS = 10;
/** A question is a broadcast: not more of them at once on one link. */
const ADDRESSES_MAX = 32;
const FRAME_BYTES_MAX = 2_048;

/** Asks who has each virtual address, and keeps every hardware address that answers, but for this node's own. */
export async function addressAnswers(settings: NodeSettings): Promise<NodeFacts["answers"]> {
  const { document, node } = settings;
  const virtual = virtualAddressesOf(document);
  const route = new RouteSocket();
  try {
    const links = route.links();
    const ownMacs = new Set(links.map(({ mac }) => formatMac(mac)));
    const addresses = route.addresses();
    const asked = [...virtual].flatMap(([name, list]) => {
      const device = document.nodes[node]?.interfaces[name]?.device;
      const link = links.find((one) => one.name === device);
      if (device === undefined || link === undefined || !link.up) return [];
      return ([4, 6] as const).flatMap((family) => {
        const targets = list.map(addressOf).filter((one) => ipFamily(one) === family);
        const sender = addresses.find(
          ({ deviceIndex, address }) =>
            deviceIndex === link.index &&
            ipFamily(address) === family &&
            !targets.some((one) => formatIp(one) === formatIp(address)) &&
            (family === 4 || isLinkLocal(address)),
        )?.address;
        if (targets.length === 0 || sender === undefined) return [];
        return [{ name, device, family, mac: link.mac, sender, targets: targets.slice(0, ADDRESSES_MAX) }];
      });
    });
    const answers = await Promise.all(asked.map((one) => answersOn(one, ownMacs)));
    return answers.flat();
  } finally {
    route.close();
  }
}

interface NeighbourQuestion {
  readonly name: string;
  readonly device: string;
  readonly family: IpFamily;
  readonly mac: Uint8Array;
  readonly sender: IpAddress;
  readonly targets: readonly IpAddress[];
}

async function answersOn(
  question: NeighbourQuestion,
  ownMacs: ReadonlySet<string>,
): Promise<NodeFacts["answers"]> {
  const { name, device, family, mac, sender, targets } = question;
  const socket = openNeighbourSocket(device, family);
  const found = new Map(targets.map((target) => [formatIp(target), new Set<string>()]));
  const into = new Uint8Array(FRAME_BYTES_MAX);
  try {
    for (const target of targets)
      socket.send(
        family === 4
          ? encodeArpRequest({ mac, sender, target })
          : encodeNeighborSolicitation({ mac, sender, target }),
      );
    const endMs = performance.now() + NEIGHBOURS_WAIT_MS;
    while (performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      for (let length = socket.receive(into); length > 0; length = socket.receive(into)) {
        const frame = into.subarray(0, length);
        const answer = family === 4 ? decodeArpReply(frame) : decodeNeighborAdvertisement(frame);
        if (!("address" in answer)) continue;
        const from = formatMac(answer.mac);
        if (!ownMacs.has(from)) found.get(formatIp(answer.address))?.add(from);
      }
    }
  } finally {
    socket.close();
  }
  return [...found].map(([address, macs]) => ({ interface: name, address, macs: [...macs] }));
}
