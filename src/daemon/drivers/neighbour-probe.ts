import { equalIp, type IpAddress, ipFamily, isLinkLocal, validIp } from "../../base/ip.ts";
import type { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { openNeighbourSocket } from "../../linux/neighbour-socket.ts";
import { decodeArpReply, encodeArpRequest } from "../../wire/arp.ts";
import { decodeNeighborAdvertisement, encodeNeighborSolicitation } from "../../wire/ndp.ts";
import type { LinkState } from "../../wire/route-message.ts";
import { awaitAnswer, orRefusal, type Probe } from "./probe.ts";

const FRAME_BYTES_MAX = 2_048;

export interface NeighbourSettings {
  readonly device: string;
  readonly source: string | undefined;
  readonly target: string;
  readonly timeoutMs: number;
}

/** Whether a host on the link answers to ARP, or to a neighbour solicitation: also one that drops pings. */
export function neighbourProbe(settings: NeighbourSettings, route: BackgroundRouteSocket): Probe {
  const { device, timeoutMs } = settings;
  const target = validIp(settings.target);
  const into = new Uint8Array(FRAME_BYTES_MAX);
  return () =>
    orRefusal(async () => {
      const link = (await route.links()).find(({ name }) => name === device);
      const sender = link === undefined ? undefined : await ownAddress(settings, link, route);
      if (link === undefined || sender === undefined)
        return { good: false, words: `${device} is not there, or has no address to ask from` };
      const socket = openNeighbourSocket(device, ipFamily(target));
      try {
        const question = { mac: link.mac, sender, target };
        const frame = target.length === 4 ? encodeArpRequest(question) : encodeNeighborSolicitation(question);
        if (!socket.send(frame)) return { good: false, words: `${device} is down` };
        const good = await awaitAnswer(() => {
          for (let length = socket.receive(into); length > 0; length = socket.receive(into))
            if (isAnswer(into.subarray(0, length), target)) return true;
          return false;
        }, timeoutMs);
        const words = good ? `${settings.target} is there` : `no answer from ${settings.target} on ${device}`;
        return { good, words };
      } finally {
        socket.close();
      }
    });
}

function isAnswer(frame: Uint8Array, target: IpAddress): boolean {
  const answer = target.length === 4 ? decodeArpReply(frame) : decodeNeighborAdvertisement(frame);
  return "address" in answer && equalIp(answer.address, target);
}

async function ownAddress(
  { source }: NeighbourSettings,
  link: LinkState,
  route: BackgroundRouteSocket,
): Promise<IpAddress | undefined> {
  if (source !== undefined) return validIp(source);
  const own = (await route.addresses()).filter(({ deviceIndex }) => deviceIndex === link.index);
  return own.find(({ address }) => address.length === 16 && isLinkLocal(address))?.address;
}
