import { formatIp } from "../base/ip.ts";
import { type AddressTools, documentAddress } from "./assemble-addresses.ts";
import { assembleChecks } from "./assemble-checks.ts";
import { documentName, durationText, freeName } from "./config-values.ts";
import type { SyncGroup } from "./keepalived-facts.ts";
import type { VrrpInstance } from "./keepalived-instance.ts";
import type { NodeConfig } from "./node-config.ts";

/** Instances of one node that move together. */
export interface InstanceGroup {
  readonly name: string;
  readonly instances: readonly VrrpInstance[];
  readonly syncGroup: SyncGroup | undefined;
}

/** A group as it stands in the document. */
export interface DocumentGroup {
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly [key: string]: unknown;
}

/** The groups of the document, as plain values in the order of the keys that people expect. */
export function assembleGroups(
  nodes: readonly NodeConfig[],
  tools: AddressTools & { readonly without: ReadonlySet<string> },
): Record<string, DocumentGroup> {
  const groups: Record<string, DocumentGroup> = {};
  const taken = new Set<string>();
  const routerIds = new Map<string, Set<number>>();
  for (const all of matchedGroups(nodes)) {
    const [model] = all;
    if (model === undefined) continue;
    const name = freeName(documentName(model.group.name, "gateway"), taken);
    groups[name] = new GroupAssembly(nodes, all, tools).document(routerIds);
  }
  return groups;
}

/** One group, as the nodes have it. */
interface NodeGroup {
  readonly node: NodeConfig;
  readonly group: InstanceGroup;
}

/** The groups of all nodes: those that share a virtual address are one. */
function matchedGroups(nodes: readonly NodeConfig[]): NodeGroup[][] {
  const matched: { addresses: Set<string>; all: NodeGroup[] }[] = [];
  for (const node of nodes) {
    for (const group of instanceGroups(node)) {
      if (group.instances.every((one) => one.addresses.length === 0)) continue;
      const addresses = group.instances.flatMap((one) =>
        one.addresses.map(({ network }) => formatIp(network.address)),
      );
      const known = matched.find(
        (one) =>
          addresses.some((address) => one.addresses.has(address)) &&
          !one.all.some((other) => other.node === node),
      );
      if (known === undefined) matched.push({ addresses: new Set(addresses), all: [{ node, group }] });
      else {
        known.all.push({ node, group });
        for (const address of addresses) known.addresses.add(address);
      }
    }
  }
  return matched.map((one) => one.all);
}

/** Sync groups; and of the other instances those that are the two address families of one virtual router. */
function instanceGroups({ keepalived }: NodeConfig): InstanceGroup[] {
  const grouped = new Set<VrrpInstance>();
  const groups: { name: string; instances: VrrpInstance[]; syncGroup: SyncGroup | undefined }[] = [];
  for (const syncGroup of keepalived.syncGroups) {
    const instances = keepalived.instances.filter(
      (one) => syncGroup.members.includes(one.name) && !grouped.has(one),
    );
    for (const one of instances) grouped.add(one);
    if (instances.length > 0) groups.push({ name: syncGroup.name, instances, syncGroup });
  }
  for (const instance of keepalived.instances) {
    if (grouped.has(instance)) continue;
    const twin = groups.find(
      ({ instances, syncGroup }) =>
        syncGroup === undefined &&
        instances.some(
          (one) => one.device === instance.device && one.virtualRouterId === instance.virtualRouterId,
        ),
    );
    if (twin === undefined) groups.push({ name: instance.name, instances: [instance], syncGroup: undefined });
    else twin.instances.push(instance);
  }
  return groups;
}

class GroupAssembly {
  readonly #nodes: readonly NodeConfig[];
  readonly #all: readonly NodeGroup[];
  readonly #instances: readonly VrrpInstance[];
  readonly #tools: AddressTools & { readonly without: ReadonlySet<string> };

  constructor(
    nodes: readonly NodeConfig[],
    all: readonly NodeGroup[],
    tools: AddressTools & { readonly without: ReadonlySet<string> },
  ) {
    this.#nodes = nodes;
    this.#all = all;
    this.#tools = tools;
    this.#instances = all.flatMap(({ group }) => group.instances);
  }

  /** @param routerIds those that other groups have, by role */
  document(routerIds: Map<string, Set<number>>): DocumentGroup {
    const addresses = this.#addresses();
    const intervalMs = this.#intervalMs();
    const preempt = this.#instances.every((one) => one.preempt);
    const delayMs = Math.max(0, ...this.#instances.map((one) => one.preemptDelayMs));
    const peers = this.#unicastPeers(Object.keys(addresses));
    const checks = this.#checks();
    const rate = this.#all.map(({ node }) => node.keepalived.announceRate).find((one) => one !== undefined);
    return {
      virtualRouterId: this.#routerId(Object.keys(addresses), routerIds),
      interval: durationText(intervalMs),
      preempt,
      ...(preempt ? { preemptDelay: durationText(delayMs) } : {}),
      ...(this.#version(intervalMs) === 2 ? { version: 2 } : {}),
      priorities: this.#priorities(),
      addresses,
      ...(this.#instances.some((one) => one.virtualMac) ? { virtualMac: true } : {}),
      ...(this.#instances.every((one) => one.acceptMode) ? {} : { acceptMode: false }),
      ...(rate === undefined ? {} : { announceRate: rate }),
      ...(Object.keys(peers).length > 0 ? { unicastPeers: peers } : {}),
      ...(Object.keys(checks).length > 0 ? { checks } : {}),
    };
  }

  #addresses(): Record<string, string[]> {
    const { interfaces, remarks, without } = this.#tools;
    const addresses: Record<string, string[]> = {};
    const seen = new Set<string>();
    for (const { instances } of this.#all.map(({ group }) => group)) {
      for (const address of instances.flatMap((one) => one.addresses)) {
        const text = formatIp(address.network.address);
        const role = interfaces.roleOfAddress(text);
        if (role === undefined) {
          remarks.lost(
            address.at,
            "the address has no interface",
            "Add a dev to it, or an interface to its instance.",
          );
        } else if (without.has(text)) {
          remarks.lost(address.at, "it was left out, as asked");
        } else if (!seen.has(text)) {
          seen.add(text);
          const written = documentAddress(address, role, this.#tools);
          if (written !== undefined) addresses[role] = [...(addresses[role] ?? []), written];
        }
      }
    }
    return addresses;
  }

  /** All faces of a group have one router number; groups on one interface have different ones. */
  #routerId(roles: readonly string[], routerIds: Map<string, Set<number>>): number {
    const [model] = this.#all;
    const wished = (model?.group.instances ?? []).flatMap((one) => one.virtualRouterId ?? []);
    const isFree = (id: number) => roles.every((role) => routerIds.get(role)?.has(id) !== true);
    const chosen = wished.find(isFree) ?? wished[0] ?? 1;
    for (const role of roles) routerIds.set(role, new Set([...(routerIds.get(role) ?? []), chosen]));
    for (const instance of this.#instances) {
      if (instance.virtualRouterId === chosen) continue;
      this.#tools.remarks.changed(
        instance.at,
        instance.virtualRouterId === undefined
          ? `it has no virtual_router_id: the group has ${chosen}`
          : `the router number is ${chosen} on all interfaces of the group, not ${instance.virtualRouterId}`,
        "A router that stays needs the same number on this interface.",
      );
    }
    return chosen;
  }

  #intervalMs(): number {
    const [first, ...others] = this.#instances;
    const intervalMs = first?.intervalMs ?? 1_000;
    for (const one of others) {
      if (one.intervalMs === intervalMs) continue;
      this.#tools.remarks.changed(one.at, `the interval of the group is ${durationText(intervalMs)}`);
    }
    return intervalMs;
  }

  /** VRRPv2 is kept where it can be, so that nodes can be moved over one by one beside a keepalived that stays. */
  #version(intervalMs: number): 2 | 3 {
    const old = this.#instances.find(
      (one) => one.version === 2 && one.addresses.some(({ network }) => network.address.length === 4),
    );
    if (old === undefined) return 3;
    const { remarks } = this.#tools;
    if (intervalMs % 1_000 !== 0) {
      remarks.changed(old.at, "VRRPv2 counts in whole seconds: the group speaks version 3");
      return 3;
    }
    remarks.changed(
      old.at,
      "the group speaks VRRPv2, as keepalived does without vrrp_version 3",
      "When all nodes run tocha, take version: 2 away, and shorten the interval: 100ms makes takeovers ten times as fast.",
    );
    return 2;
  }

  #priorities(): Record<string, number> {
    const { remarks } = this.#tools;
    const priorities: Record<string, number> = {};
    const taken = new Set<number>();
    const free = (from: number) => {
      let priority = Math.max(1, from);
      while (taken.has(priority) && priority > 1) priority--;
      while (taken.has(priority)) priority++;
      taken.add(priority);
      return priority;
    };
    for (const { node, group } of this.#all) {
      const [first, ...others] = group.instances;
      if (first === undefined) continue;
      priorities[node.name] = free(first.priority);
      if (priorities[node.name] !== first.priority)
        remarks.changed(
          first.at,
          `another node has priority ${first.priority}: ${node.name} gets ${priorities[node.name]}`,
        );
      for (const one of others) {
        if (one.priority !== first.priority)
          remarks.changed(
            one.at,
            `the group has one priority on each node: ${first.priority} on ${node.name}`,
          );
      }
    }
    const [at] = this.#instances;
    for (const { name } of this.#nodes) {
      if (Object.hasOwn(priorities, name)) continue;
      priorities[name] = free(Math.min(...taken) - 10);
      if (at !== undefined)
        remarks.changed(
          at.at,
          `${name} is told nothing of this instance: it gets priority ${priorities[name]}`,
        );
    }
    return priorities;
  }

  /** Everybody who speaks on that interface: each node leaves itself out. */
  #unicastPeers(roles: readonly string[]): Record<string, string[]> {
    const { interfaces } = this.#tools;
    const peers: Record<string, string[]> = {};
    for (const { node, group } of this.#all) {
      for (const instance of group.instances) {
        const role =
          instance.device === undefined ? undefined : interfaces.roleOf(node.name, instance.device);
        const [first] = instance.peers;
        if (role === undefined || first === undefined || !roles.includes(role)) continue;
        const family = first.includes(":") ? 16 : 4;
        const own = interfaces.nodes.flatMap((name) => {
          const one = interfaces.own(name, role).find(({ address }) => address.length === family);
          return one === undefined ? [] : [formatIp(one.address)];
        });
        peers[role] = [...new Set([...(peers[role] ?? []), ...own, ...instance.peers])];
      }
    }
    return peers;
  }

  #checks(): Record<string, unknown> {
    const [model] = this.#all;
    if (model === undefined) return {};
    return assembleChecks(model.node, model.group, this.#tools);
  }
}
