import * as z from "zod";
import {
  formatIp,
  type IpAddress,
  type IpNetwork,
  networkBase,
  networkContains,
  parseNetwork,
} from "../../base/ip.ts";
import { virtualAddressesOf } from "../../contract/cluster-document.ts";
import type { InterfaceFacts, NodeFacts } from "../../contract/doctor-facts.ts";
import { sysctlPath } from "../../core/gateway-sysctls.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { ProgramFacts } from "./doctor-facts-programs.ts";
import { readSetting } from "./doctor-facts-sysctls.ts";
import { askForJson, runLimited } from "./limited-program.ts";

const counters = z.object({ packets: z.number(), errors: z.number(), dropped: z.number() });
const linkList = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.number(),
    address: z.string().optional(),
    addr_info: z.array(z.object({ local: z.string().optional() })).default([]),
    stats64: z.object({ rx: counters, tx: counters }).optional(),
  }),
);
type Link = z.output<typeof linkList>[number];

/** The interfaces of the document as they are on this machine, and the hardware addresses of all devices. */
export async function interfaceFacts(
  { document, node }: NodeSettings,
  programs: readonly ProgramFacts[],
): Promise<Pick<NodeFacts, "interfaces" | "macs">> {
  const list = linkList.safeParse(await askForJson("ip", ["-j", "-s", "address", "show"]));
  if (!list.success) throw new Error("ip does not list the devices");
  const links = list.data;
  const managed = await managedDevices(programs);
  const interfaces = Object.entries(document.nodes[node]?.interfaces ?? {}).map(
    ([name, { device, addresses }]) => {
      const link = links.find(({ ifname }) => ifname === device);
      const has = new Set(link?.addr_info.map(({ local }) => local));
      const lackingAddresses = addresses.filter((text) => !has.has(text.split("/")[0]));
      return {
        ...oneInterface(name, device, link),
        ...{ lackingAddresses, managedBy: managed.get(device) ?? null },
      };
    },
  );
  const macs = links.flatMap(({ address }) => (address === undefined ? [] : [address]));
  return { interfaces, macs: [...new Set(macs)] };
}

function oneInterface(
  name: string,
  device: string,
  link: Link | undefined,
): Omit<InterfaceFacts, "managedBy" | "lackingAddresses"> {
  const rx = link?.stats64?.rx;
  const tx = link?.stats64?.tx;
  const sum = (key: keyof z.output<typeof counters>) => (rx?.[key] ?? 0) + (tx?.[key] ?? 0);
  const speed = Number(readSetting(`/sys/class/net/${device}/speed`) ?? -1);
  const filter = (of: string) => Number(readSetting(`/proc/sys/net/ipv4/conf/${of}/rp_filter`) ?? 0);
  const setting6 = (key: string) =>
    Number(readSetting(sysctlPath(`net.ipv6.conf.${device.replaceAll(".", "/")}.${key}`)) ?? 0);
  return {
    ...{ name, device },
    present: link !== undefined,
    up: ["UP", "LOWER_UP"].every((flag) => link?.flags.includes(flag)),
    mtu: link?.mtu ?? 0,
    mac: link?.address ?? "",
    speed: speed > 0 ? speed : null,
    duplex: speed > 0 ? readSetting(`/sys/class/net/${device}/duplex`) : null,
    packets: sum("packets"),
    errors: sum("errors"),
    drops: sum("dropped"),
    reversePathFilter: Math.max(filter("all"), filter(device)),
    acceptRa: setting6("accept_ra"),
    forwarding6: setting6("forwarding") === 1,
  };
}

async function managedDevices(programs: readonly ProgramFacts[]): Promise<ReadonlyMap<string, string>> {
  const managed = new Map<string, string>();
  if (!programs.some(({ name }) => name === "NetworkManager")) return managed;
  const { out } = await runLimited("nmcli", ["-t", "-f", "DEVICE,STATE", "device"]);
  for (const line of out.split("\n")) {
    const [device = "", state = "unmanaged"] = line.split(":");
    if (state !== "unmanaged") managed.set(device, "NetworkManager");
  }
  return managed;
}

/** A document may translate many networks: the first ones are asked for. */
const ROUTES_MAX = 64;
const routeList = z.array(z.object({ dev: z.string().optional(), type: z.string().optional() }));

/** Where the kernel would send to hosts of the networks that the document translates. */
export async function routeFacts(settings: NodeSettings): Promise<NodeFacts["routes"]> {
  const questions = routeQuestions(settings).slice(0, ROUTES_MAX);
  return await Promise.all(
    questions.map(async (question) => {
      const list = routeList.safeParse(await askForJson("ip", ["-j", "route", "get", question.address]));
      const route = list.success ? list.data[0] : undefined;
      return { ...question, device: route?.dev ?? null };
    }),
  );
}

type RouteQuestion = Omit<NodeFacts["routes"][number], "device">;

export function routeQuestions({ document, node }: Pick<NodeSettings, "document" | "node">): RouteQuestion[] {
  const own = document.nodes[node]?.interfaces ?? {};
  const virtual = virtualAddressesOf(document);
  // Never an address of the gateways themselves: the way there says nothing about hosts.
  const taken = new Set(
    [
      ...Object.values(document.nodes).flatMap((one) => Object.values(one.interfaces)),
      ...[...virtual.values()].map((addresses) => ({ addresses })),
    ]
      .flatMap(({ addresses }) => addresses)
      .map((text) => text.split("/")[0]),
  );
  return document.nat.source.flatMap(({ from, out }) =>
    from.flatMap((text) => {
      const network = parseNetwork(text);
      if (network === undefined) return [];
      const inside = [...virtual.keys()]
        .filter((name) => name !== out)
        .flatMap((name) =>
          (own[name]?.addresses ?? []).flatMap((address) => {
            const common = commonNetwork(network, parseNetwork(address));
            return common === undefined ? [] : [{ name, common }];
          }),
        );
      const places: { name: string | null; common: IpNetwork }[] =
        inside.length > 0 ? inside : [{ name: null, common: network }];
      return places.flatMap(({ name, common }) => {
        const address = hostIn(common, taken);
        return address === undefined ? [] : [{ network: text, address, interface: name, out }];
      });
    }),
  );
}

/** The smaller of two networks, when it lies in the other. */
function commonNetwork(a: IpNetwork, b: IpNetwork | undefined): IpNetwork | undefined {
  if (b === undefined || a.address.length !== b.address.length) return undefined;
  const [large, small] = a.prefixLength <= b.prefixLength ? [a, b] : [b, a];
  return networkContains(large, small.address) ? networkBase(small) : undefined;
}

const HOSTS_TRIED = 64;

/** The first address of a network that is a host's: not that of the network itself, nor taken. */
function hostIn(network: IpNetwork, taken: ReadonlySet<string | undefined>): string | undefined {
  const bits = 8 * network.address.length - network.prefixLength;
  const first = bits >= 2 ? 1 : 0;
  const last = bits >= 8 ? HOSTS_TRIED : Math.min(HOSTS_TRIED, 2 ** bits - first - 1);
  for (let host = first; host <= last; host++) {
    const address: IpAddress = networkBase(network).address;
    const end = address.length - 1;
    address[end] = (address[end] ?? 0) + host;
    const text = formatIp(address);
    if (!taken.has(text)) return text;
  }
  return undefined;
}
