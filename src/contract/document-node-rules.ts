import type { IpNetwork } from "../base/ip.ts";
import { equalIp, formatIp, formatNetwork, isLinkLocal, networkBase, networkContains } from "../base/ip.ts";
import { closestName } from "./closest-name.ts";
import type { DocumentFacts, Fact, NodeFacts } from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import { type Finding, formatPath } from "./finding.ts";

/** Pulses carry a node number in the peers' tables; beyond this the tables and the election are not tested. */
const nodesMax = 16;

/** What must hold for the nodes, their interfaces, and the link between them. */
export function checkNodes(facts: DocumentFacts): Finding[] {
  return [
    ...checkNodeCount(facts),
    ...checkRoles(facts.nodes),
    ...facts.nodes.flatMap(checkDevices),
    ...checkOwnAddresses(facts.nodes),
    ...facts.nodes.flatMap(checkOverlaps),
    ...checkPrefixLengths(facts.nodes),
    ...checkSync(facts),
    ...checkMetrics(facts),
    ...checkApi(facts),
    ...checkPulses(facts),
    ...checkArbiter(facts),
    ...checkPorts(facts),
  ];
}

function checkNodeCount({ nodes, nodesPath }: DocumentFacts): Finding[] {
  if (nodesPath === undefined || (nodes.length > 0 && nodes.length <= nodesMax)) return [];
  const few = nodes.length === 0;
  return [
    {
      code: few ? "too-few-nodes" : "too-many-nodes",
      path: nodesPath,
      on: "key",
      message: few ? "the cluster has no nodes" : `the cluster has ${nodes.length} nodes`,
      hint: few ? "Add the gateways, usually two." : `At most ${nodesMax} nodes are possible.`,
    },
  ];
}

/** The first node is the model: every other has the same interface roles. */
function checkRoles(nodes: readonly NodeFacts[]): Finding[] {
  const [model, ...others] = nodes;
  if (model?.interfacesPath === undefined) return [];
  const wanted = model.interfaces.map((one) => one.role);
  return others.flatMap((node): Finding[] => {
    if (node.interfacesPath === undefined) return [];
    const missing = new Set(wanted.filter((role) => !node.interfaces.some((one) => one.role === role)));
    const findings: Finding[] = [];
    for (const { role, path } of node.interfaces) {
      if (wanted.includes(role)) continue;
      const meant = closestName(role, missing);
      if (meant !== undefined) missing.delete(meant);
      findings.push({
        code: "unknown-interface",
        path,
        on: "key",
        message: `${node.name} has an interface "${clip(role)}", which ${model.name} does not have`,
        hint:
          meant === undefined
            ? `All nodes have the same interfaces: ${wanted.join(", ")}.`
            : `Did you mean "${meant}"?`,
      });
    }
    for (const role of missing) {
      findings.push({
        code: "missing-interface",
        path: node.interfacesPath,
        on: "key",
        message: `${node.name} lacks the interface "${clip(role)}", which ${model.name} has`,
        hint: `Add ${clip(role)} with this node's device and addresses: all nodes have the same interfaces.`,
      });
    }
    return findings;
  });
}

function checkDevices(node: NodeFacts): Finding[] {
  const users = new Map<string, string>();
  return node.interfaces.flatMap(({ role, device }): Finding[] => {
    if (device === undefined) return [];
    const user = users.get(device.value);
    if (user === undefined) {
      users.set(device.value, role);
      return [];
    }
    return [
      {
        code: "duplicate-device",
        path: device.path,
        on: "value",
        message: `${clip(device.value)} is the device of "${user}" already`,
        hint: "Every interface of a node has a device of its own; VLANs are devices too (eth0.100).",
      },
    ];
  });
}

function checkOwnAddresses(nodes: readonly NodeFacts[]): Finding[] {
  const owners = new Map<string, string>();
  return eachAddress(nodes).flatMap(({ fact, role }): Finding[] => {
    const address = formatIp(fact.value.address);
    // Link-local addresses mean something on their link only.
    const key = isLinkLocal(fact.value.address) ? `${role} ${address}` : address;
    const owner = owners.get(key);
    if (owner === undefined) {
      owners.set(key, formatPath(fact.path.slice(0, -2)));
      return [];
    }
    return [
      {
        code: "duplicate-address",
        path: fact.path,
        on: "value",
        message: `${address} is an address of ${owner} already`,
        hint: "Give every node its own address; the ones that move belong under groups.",
      },
    ];
  });
}

function eachAddress(nodes: readonly NodeFacts[]): { node: string; role: string; fact: Fact<IpNetwork> }[] {
  return nodes.flatMap((node) =>
    node.interfaces.flatMap(({ role, addresses }) =>
      addresses.items.map((fact) => ({ node: node.name, role, fact })),
    ),
  );
}

/** Two interfaces of one node in one network: the kernel would route by one and answer ARP on both. */
function checkOverlaps(node: NodeFacts): Finding[] {
  const seen: { role: string; network: IpNetwork }[] = [];
  return eachAddress([node]).flatMap(({ role, fact }): Finding[] => {
    if (isLinkLocal(fact.value.address)) return [];
    const other = seen.find((one) => one.role !== role && overlaps(one.network, fact.value));
    seen.push({ role, network: fact.value });
    // The same address twice is reported as such.
    if (other === undefined || equalIp(other.network.address, fact.value.address)) return [];
    return [
      {
        code: "overlapping-networks",
        path: fact.path,
        on: "value",
        message: `${formatNetwork(networkBase(fact.value))} overlaps ${formatNetwork(networkBase(other.network))} of "${clip(other.role)}"`,
        hint: "Every interface of a node has networks of its own: correct the address or the prefix length.",
      },
    ];
  });
}

export function overlaps(a: IpNetwork, b: IpNetwork): boolean {
  const [wide, narrow] = a.prefixLength <= b.prefixLength ? [a, b] : [b, a];
  return networkContains(wide, narrow.address);
}

/** Nodes on one link must agree how large its network is. */
function checkPrefixLengths(nodes: readonly NodeFacts[]): Finding[] {
  const seen: { node: string; role: string; network: IpNetwork }[] = [];
  return eachAddress(nodes).flatMap(({ node, role, fact }): Finding[] => {
    const other = seen.find(
      (one) =>
        one.node !== node &&
        one.role === role &&
        one.network.prefixLength !== fact.value.prefixLength &&
        overlaps(one.network, fact.value),
    );
    seen.push({ node, role, network: fact.value });
    if (other === undefined) return [];
    return [
      {
        code: "prefix-length-mismatch",
        path: fact.path,
        on: "value",
        message: `${formatNetwork(fact.value)} and ${formatNetwork(other.network)} of ${other.node} are in one network, but differ in prefix length`,
        hint: "Give both the prefix length that the network really has.",
      },
    ];
  });
}

function checkSync({ nodes, syncInterface }: DocumentFacts): Finding[] {
  if (syncInterface === undefined || nodes.length === 0) return [];
  return checkRoleExists(nodes, syncInterface) ?? checkSyncAddresses(nodes, syncInterface.value);
}

function checkMetrics({ nodes, metricsInterface }: DocumentFacts): Finding[] {
  if (metricsInterface === undefined || nodes.length === 0) return [];
  return checkRoleExists(nodes, metricsInterface) ?? [];
}

function checkApi({ nodes, apiInterface, apiFiles }: DocumentFacts): Finding[] {
  const [only, ...others] = apiFiles;
  const place = apiInterface === undefined || nodes.length === 0 ? [] : checkRoleExists(nodes, apiInterface);
  if (only === undefined || others.length > 0) return place ?? [];
  return [
    ...(place ?? []),
    {
      code: "api-keys",
      path: only.path,
      on: "value",
      message: `${formatPath(only.path)} stands alone`,
      hint: "A certificate needs its key: name certificateFile and keyFile, or neither for the node's own.",
    },
  ];
}

function checkArbiter({ arbiterFiles }: DocumentFacts): Finding[] {
  const [only, ...others] = arbiterFiles;
  if (only === undefined || others.length > 0) return [];
  return [
    {
      code: "arbiter-keys",
      path: only.path,
      on: "value",
      message: `${formatPath(only.path)} stands alone`,
      hint: "A certificate for clients needs its key: name certificateFile and keyFile, or neither.",
    },
  ];
}

function checkPulses({ nodes, pulsesWithout, syncInterface }: DocumentFacts): Finding[] {
  if (nodes.length === 0) return [];
  return pulsesWithout.flatMap((fact): Finding[] => {
    if (fact.value !== syncInterface?.value) return checkRoleExists(nodes, fact) ?? [];
    return [
      {
        code: "pulses-need-sync",
        path: fact.path,
        on: "value",
        message: `pulses cannot do without "${clip(fact.value)}", the interface between the nodes`,
        hint: "Name only interfaces with virtual addresses here.",
      },
    ];
  });
}

/** @returns undefined when the interface exists */
function checkRoleExists(nodes: readonly NodeFacts[], { value, path }: Fact<string>): Finding[] | undefined {
  const roles = new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
  if (roles.has(value)) return undefined;
  if (nodes.some((node) => node.interfacesPath === undefined)) return [];
  const meant = closestName(value, roles);
  const known = `Interfaces: ${[...roles].map(clip).join(", ")}.`;
  return [
    {
      code: "unknown-interface",
      path,
      on: "value",
      message: `no node has an interface "${clip(value)}"`,
      hint: meant === undefined ? known : `Did you mean "${meant}"?`,
    },
  ];
}

/** Nodes speak to each other by the first address of the interface. */
function checkSyncAddresses(nodes: readonly NodeFacts[], role: string): Finding[] {
  const firsts = nodes.flatMap((node) =>
    node.interfaces.flatMap((one) => {
      const [first] = one.addresses.items;
      return one.role === role && one.addresses.complete && first !== undefined
        ? [{ node: node.name, ...first }]
        : [];
    }),
  );
  const [model, ...others] = firsts;
  if (model === undefined) return [];
  const linkLocal = firsts
    .filter(({ value }) => value.address.length === 16 && isLinkLocal(value.address))
    .map(
      ({ value, path }): Finding => ({
        code: "sync-network-mismatch",
        path,
        on: "value",
        message: `${formatNetwork(value)} is a link-local address, and the first of the interface between the nodes`,
        hint: "Put an address first that needs no interface to be understood, such as 10.255.0.1/24 or fd00:255::1/64.",
      }),
    );
  if (linkLocal.length > 0) return linkLocal;
  return others
    .filter(({ value }) => !networkContains(model.value, value.address))
    .map(
      ({ value, path }): Finding => ({
        code: "sync-network-mismatch",
        path,
        on: "value",
        message: `${formatNetwork(value)} is not in the network of ${formatNetwork(model.value)}, by which ${model.node} speaks to the other nodes`,
        hint: "The first addresses of the interface between the nodes must be in one network.",
      }),
    );
}

function checkPorts({ ports }: DocumentFacts): Finding[] {
  const users = new Map<number, string>();
  return ports.flatMap(({ name, port }): Finding[] => {
    const user = users.get(port.value);
    users.set(port.value, name);
    if (user === undefined || Number.isNaN(port.value)) return [];
    return [
      {
        code: "duplicate-port",
        path: port.path,
        on: "value",
        message: `TCP port ${port.value} is that of ${user} already`,
        hint: "Choose another port for one of the two.",
      },
    ];
  });
}
