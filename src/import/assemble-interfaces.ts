import { formatIp, type IpNetwork, networkContains, parseIp, parseNetwork } from "../base/ip.ts";
import { documentName, freeName } from "./config-values.ts";
import type { VirtualAddress, VrrpInstance } from "./keepalived-instance.ts";
import type { NodeConfig } from "./node-config.ts";
import type { Remarks } from "./remark.ts";

/** What people know and no configuration file says. */
export interface InterfaceWishes {
  /** Devices by the name of their role; on all nodes, or on one. */
  readonly devices: readonly { readonly node?: string; readonly role: string; readonly device: string }[];
  /** Own addresses, with prefix length, by role or device. */
  readonly addresses: readonly {
    readonly node: string;
    readonly interface: string;
    readonly address: string;
  }[];
}

export const SYNC = "sync";

interface Role {
  name: string | undefined;
  /** By node. */
  readonly devices: Map<string, string>;
  /** Whether source translations leave by it. */
  isOut: boolean;
}

/**
 * The interfaces of all nodes by the name of their role. Devices belong to one role when they have the same virtual
 * addresses on different nodes, when a wish says so, or when they are the link of conntrackd.
 */
export class Interfaces {
  readonly nodes: readonly string[];
  readonly #roles: Role[] = [];
  readonly #byAddress = new Map<string, Role>();
  readonly #own = new Map<string, IpNetwork[]>();

  constructor(nodes: readonly NodeConfig[], wishes: InterfaceWishes, remarks: Remarks) {
    this.nodes = nodes.map((node) => node.name);
    for (const wish of wishes.devices) this.#wish(wish);
    for (const node of nodes) this.#faces(node);
    for (const node of nodes) this.#links(node, remarks);
    this.#nameAll();
    if (this.#named(SYNC) === undefined) this.#roles.push({ name: SYNC, devices: new Map(), isOut: false });
    this.#wishedAddresses(wishes);
    this.#knownAddresses(nodes);
  }

  get roles(): readonly string[] {
    return this.#roles.flatMap((role) => role.name ?? []);
  }

  deviceOf(node: string, role: string): string | undefined {
    return this.#named(role)?.devices.get(node);
  }

  roleOf(node: string, device: string): string | undefined {
    return this.#roles.find((role) => role.devices.get(node) === device)?.name;
  }

  /** The role on which a virtual address is. */
  roleOfAddress(address: string): string | undefined {
    return this.#byAddress.get(address)?.name;
  }

  own(node: string, role: string): readonly IpNetwork[] {
    return this.#own.get(`${node}/${role}`) ?? [];
  }

  #named(name: string): Role | undefined {
    return this.#roles.find((role) => role.name === name);
  }

  #role(name: string | undefined): Role {
    const known = name === undefined ? undefined : this.#named(name);
    if (known !== undefined) return known;
    const role: Role = { name, devices: new Map(), isOut: false };
    this.#roles.push(role);
    return role;
  }

  #wish({ node, role, device }: InterfaceWishes["devices"][number]): void {
    const target = this.#role(role);
    for (const name of node === undefined ? this.nodes : [node]) target.devices.set(name, device);
  }

  #faces(node: NodeConfig): void {
    for (const { address, device } of virtualAddresses(node)) {
      const text = formatIp(address.network.address);
      const known =
        this.#withDevice(node.name, device) ??
        this.#byAddress.get(text) ??
        this.#withSameDevice(node.name, device);
      if (known === undefined && device === undefined) continue;
      const role = known ?? this.#role(undefined);
      if (device !== undefined && !role.devices.has(node.name)) role.devices.set(node.name, device);
      if (!this.#byAddress.has(text)) this.#byAddress.set(text, role);
    }
    for (const { device, to } of node.translations) {
      const known =
        device === undefined
          ? this.#byAddress.get(canonical(to))
          : (this.#withDevice(node.name, device) ?? this.#withSameDevice(node.name, device));
      const role = known ?? (device === undefined ? undefined : this.#role(undefined));
      if (role === undefined) continue;
      role.isOut = true;
      if (device !== undefined) role.devices.set(node.name, device);
    }
  }

  #withDevice(node: string, device: string | undefined): Role | undefined {
    if (device === undefined) return undefined;
    return this.#roles.find((role) => role.devices.get(node) === device);
  }

  /** Where nothing else tells, a device is what the device of this name is on the other nodes. */
  #withSameDevice(node: string, device: string | undefined): Role | undefined {
    if (device === undefined) return undefined;
    return this.#roles.find((role) => !role.devices.has(node) && [...role.devices.values()].includes(device));
  }

  #links(node: NodeConfig, remarks: Remarks): void {
    const chosen = chosenLink(node);
    for (const link of node.links) {
      if (link === chosen) continue;
      remarks.lost(
        link.at,
        "the document has one interface for the streams between the nodes",
        "Pulses take every network that the nodes share; a bond of two links protects the streams.",
      );
    }
    if (chosen?.device === undefined || this.#named(SYNC)?.devices.has(node.name) === true) return;
    this.#role(SYNC).devices.set(node.name, chosen.device);
  }

  #nameAll(): void {
    const taken = new Set(this.roles);
    const unnamed = () => this.#roles.filter((role) => role.name === undefined);
    const out = unnamed().find((role) => role.isOut);
    if (out !== undefined && !taken.has("wan")) out.name = freeName("wan", taken);
    const [only, ...others] = unnamed();
    if (only !== undefined && others.length === 0 && !taken.has("lan")) only.name = freeName("lan", taken);
    for (const role of unnamed())
      role.name = freeName(documentName([...role.devices.values()][0] ?? "", "link"), taken);
  }

  #add(node: string, role: string, network: IpNetwork): void {
    const key = `${node}/${role}`;
    const list = this.#own.get(key) ?? [];
    const text = formatIp(network.address);
    if (!list.some((one) => formatIp(one.address) === text)) this.#own.set(key, [...list, network]);
  }

  #wishedAddresses({ addresses }: InterfaceWishes): void {
    for (const { node, interface: place, address } of addresses) {
      const network = parseNetwork(address);
      const role = this.#named(place)?.name ?? this.roleOf(node, place);
      if (network !== undefined && role !== undefined) this.#add(node, role, network);
    }
  }

  /** Own addresses that configurations tell: without prefix length, which other addresses of the link may have. */
  #knownAddresses(nodes: readonly NodeConfig[]): void {
    for (const { node, role, address } of ownAddresses(nodes, this)) {
      const length = this.#prefixLength(role, address, nodes);
      if (length !== undefined) this.#add(node, role, { address, prefixLength: length });
    }
  }

  #prefixLength(role: string, address: Uint8Array, nodes: readonly NodeConfig[]): number | undefined {
    const own = this.nodes.flatMap((node) => this.own(node, role));
    const virtual = nodes
      .flatMap((node) => virtualAddresses(node))
      .filter(({ address: one }) => this.roleOfAddress(formatIp(one.network.address)) === role)
      .flatMap(({ address: one }) => (one.hasLength ? [one.network] : []));
    const around = [...own, ...virtual].filter(
      (one) => one.prefixLength < one.address.length * 8 && networkContains(one, address),
    );
    return around[0]?.prefixLength;
  }
}

/** The link that carries the streams: the default one, or the first. */
function chosenLink({ links }: NodeConfig) {
  return links.find((link) => link.isDefault) ?? links[0];
}

export function virtualAddresses(
  node: NodeConfig,
): { address: VirtualAddress; device: string | undefined; instance: VrrpInstance }[] {
  return node.keepalived.instances.flatMap((instance) =>
    instance.addresses.map((address) => ({ address, device: address.device ?? instance.device, instance })),
  );
}

function canonical(text: string): string {
  const network = parseNetwork(text);
  return network === undefined ? text : formatIp(network.address);
}

/** Own addresses as configurations tell them: sources of packets, the peers of two nodes, conntrackd's link. */
function ownAddresses(
  nodes: readonly NodeConfig[],
  interfaces: Interfaces,
): { node: string; role: string; address: Uint8Array }[] {
  const files = nodes.flatMap((node) => [...new Set(node.links.map((link) => link.at.file))]);
  const told = nodes.flatMap((node) => {
    const other = nodes.length === 2 ? nodes.find((one) => one !== node)?.name : undefined;
    const faces = node.keepalived.instances.flatMap((instance) => {
      const role = instance.device === undefined ? undefined : interfaces.roleOf(node.name, instance.device);
      const [peer, ...more] = instance.peers;
      return [
        { node: node.name, role, text: instance.sourceAddress },
        { node: other, role, text: more.length === 0 ? peer : undefined },
      ];
    });
    // One file for several nodes cannot tell the own address of each.
    const links = node.links.flatMap(({ at, device, address }) => {
      const isShared = files.filter((file) => file === at.file).length > 1;
      const role = device === undefined ? undefined : interfaces.roleOf(node.name, device);
      return isShared ? [] : [{ node: node.name, role, text: address }];
    });
    return [...faces, ...links];
  });
  return told.flatMap(({ node, role, text }) => {
    const address = text === undefined ? undefined : parseIp(text);
    return node === undefined || role === undefined || address === undefined ? [] : [{ node, role, address }];
  });
}
