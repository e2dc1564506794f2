import {
  equalIp,
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  networkBase,
  networkContains,
  parseNetwork,
} from "../../base/ip.ts";
import type { HostDevice, HostNetwork } from "./host-network.ts";

/** What a device of a gateway is for. */
export const gatewayRoles = ["lan", "wan", "sync"] as const;
export type GatewayRole = (typeof gatewayRoles)[number];

/** A device for a role, and why it was taken for it. */
export interface RoleProposal {
  readonly role: GatewayRole;
  readonly device: HostDevice | undefined;
  readonly why: string;
}

const byName: Readonly<Record<GatewayRole, RegExp>> = {
  lan: /^(br-?)?(lan|int|inside)/i,
  wan: /^(wan|ext|outside|ppp)/i,
  sync: /^(sync|ha|cluster|peer)/i,
};

/** Longer prefixes are for links between two machines. */
const LINK_PREFIX_MIN = 29;

/** Which device is for what. `wishes` go before everything that is concluded. */
export function proposeRoles(
  { devices, routes }: HostNetwork,
  wishes: Readonly<Partial<Record<GatewayRole, string>>>,
): RoleProposal[] {
  const taken = new Set(Object.values(wishes));
  const usable = devices.filter(({ addresses, name }) => addresses.length > 0 && !taken.has(name));
  const proposals = new Map<GatewayRole, RoleProposal>();
  const settle = (role: GatewayRole, device: HostDevice | undefined, why: string) => {
    proposals.set(role, { role, device, why });
    const index = device === undefined ? -1 : usable.indexOf(device);
    if (index >= 0) usable.splice(index, 1);
  };
  for (const role of gatewayRoles) {
    const wish = wishes[role];
    if (wish !== undefined)
      settle(
        role,
        devices.find(({ name }) => name === wish),
        "named",
      );
  }
  for (const role of gatewayRoles) {
    const named = usable.find(({ name }) => byName[role].test(name));
    if (!proposals.has(role) && named !== undefined) settle(role, named, "by its name");
  }
  const defaults = routes.filter(({ to }) => to === "default").map(({ device }) => device);
  if (!proposals.has("wan"))
    settle(
      "wan",
      usable.find(({ name }) => defaults.includes(name)),
      "the default route leaves by it",
    );
  if (!proposals.has("sync")) {
    const link = usable.find(({ addresses }) =>
      addresses.every(
        (text) => !text.includes(":") && (parseNetwork(text)?.prefixLength ?? 0) >= LINK_PREFIX_MIN,
      ),
    );
    // The first of several is for the hosts: whoever adds a card for the other gateway adds the last one.
    const last = usable.length > 1 || proposals.has("lan") ? usable.at(-1) : undefined;
    settle(
      "sync",
      link ?? last,
      link === undefined ? "the last one that is left" : "its network is only for two",
    );
  }
  if (!proposals.has("lan")) settle("lan", usable[0], "the first one that is left");
  return gatewayRoles.flatMap((role) => proposals.get(role) ?? []);
}

/**
 * Addresses that could be the virtual one in a network: near the own one, not those that are taken. On the side of the hosts
 * the first address of the network comes first, for it is what they usually have as their gateway.
 */
export function virtualCandidates(
  own: IpNetwork,
  {
    role,
    taken,
    most,
  }: { readonly role: GatewayRole; readonly taken: readonly IpAddress[]; readonly most: number },
): IpAddress[] {
  const base = networkBase(own);
  // The next one is left to the other machine as long as there is another.
  const near = [...(role === "lan" ? [] : [-1]), 2, 3, 4, 5, 1, -1, -2, -3].map((step) =>
    plus(own.address, step),
  );
  const candidates = role === "lan" ? [plus(base.address, 1), ...near] : near;
  const found: IpAddress[] = [];
  for (const address of candidates) {
    if (address === undefined || !isHost(base, address)) continue;
    if ([own.address, ...taken, ...found].some((one) => equalIp(one, address))) continue;
    found.push(address);
  }
  return found.slice(0, most);
}

/** Neither the network's own address, nor its broadcast. */
function isHost(base: IpNetwork, address: IpAddress): boolean {
  if (!networkContains(base, address) || equalIp(base.address, address)) return false;
  if (address.length === 16) return true;
  const next = plus(address, 1);
  return next !== undefined && networkContains(base, next);
}

function plus(address: IpAddress, step: number): IpAddress | undefined {
  const result = Uint8Array.from(address);
  let carry = step;
  for (let index = result.length - 1; index >= 0 && carry !== 0; index--) {
    const sum = (result[index] ?? 0) + carry;
    result[index] = sum & 0xff;
    carry = sum >> 8;
  }
  return carry === 0 ? result : undefined;
}

/** Networks whose hosts' connections are translated: those of the LAN, and those that are routed by it. */
export function lanNetworks(lan: HostDevice, { routes }: HostNetwork): string[] {
  const own = lan.addresses.flatMap((text) => parseNetwork(text) ?? []).map(networkBase);
  const routed = routes
    .filter(({ device, via, to }) => device === lan.name && via !== undefined && to !== "default")
    .flatMap(({ to }) => parseNetwork(to) ?? []);
  return [...new Set([...own, ...routed].map(formatNetwork))];
}

/** Unique local addresses (RFC 4193) and those of RFC 1918 and RFC 6598 are known to nobody outside. */
export function isPrivate(address: IpAddress): boolean {
  const [first = 0, second = 0] = address;
  if (address.length === 16) return (first & 0xfe) === 0xfc;
  return (
    first === 10 ||
    (first === 172 && second >> 4 === 1) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >> 6 === 1)
  );
}

export function addressText(address: IpAddress, prefixLength: number): string {
  return `${formatIp(address)}/${prefixLength}`;
}
