import {
  bareAddress,
  type LabSettings,
  labAddresses,
  labNetworks,
  namespaceOf,
  nodeAddresses,
  nodeNames,
  nodeNumber,
  withFamilies,
} from "./lab-plan.ts";
import { ipBatch, runCommand, setSysctls, tryCommand } from "./run-command.ts";

// Duplicate address detection would hold back every IPv6 address for a second, and router advertisements
// could change routes. Values for "default" count for links that are made later.
const hostSysctls = {
  "net.ipv6.conf.all.accept_dad": 0,
  "net.ipv6.conf.default.accept_dad": 0,
  "net.ipv6.conf.all.accept_ra": 0,
  "net.ipv6.conf.default.accept_ra": 0,
  // A namespace with all its connections stays in memory until its last TCP socket is gone, and one whose other end vanished
  // would send its goodbye for more than a minute. With three retries it is a few seconds.
  "net.ipv4.tcp_orphan_retries": 3,
  "net.ipv4.tcp_fin_timeout": 3,
};

// New namespaces inherit IPv4 settings from the host: a host that forwards must not make routers of these two.
const endHostSysctls = {
  ...hostSysctls,
  "net.ipv4.ip_forward": 0,
  "net.ipv6.conf.all.forwarding": 0,
  "net.ipv4.conf.all.rp_filter": 0,
  "net.ipv4.conf.default.rp_filter": 0,
};

// The switches have no addresses of their own, and a host with Docker must not filter what they forward.
const switchSysctls = {
  "net.ipv6.conf.all.disable_ipv6": 1,
  "net.ipv6.conf.default.disable_ipv6": 1,
  "net.bridge.bridge-nf-call-iptables": 0,
  "net.bridge.bridge-nf-call-ip6tables": 0,
  "net.bridge.bridge-nf-call-arptables": 0,
};

/** Builds the switches, the client, the server and all nodes. Nothing runs in them yet. */
export async function buildTopology(settings: LabSettings, signal?: AbortSignal): Promise<void> {
  const net = await createNamespace(settings.name, "net", switchSysctls, signal);
  await ipBatch(
    net,
    labNetworks(settings).flatMap((name) => [
      // Without spanning tree and forward delay a port forwards as soon as it is up; without snooping,
      // VRRP's multicast needs no querier.
      `link add dev ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set dev ${name} up`,
    ]),
    signal,
  );
  await buildClient(settings, signal);
  await buildServer(settings, signal);
  for (const node of nodeNames(settings)) await buildNode(settings, node, signal);
}

/** A node as it is after power-on: a namespace with links, its own addresses, static routes, and nothing else. */
export async function buildNode(settings: LabSettings, node: string, signal?: AbortSignal): Promise<void> {
  const namespace = await createNamespace(settings.name, node, hostSysctls, signal);
  for (const network of labNetworks(settings)) await connectNode(settings, node, network, signal);
  await ipBatch(
    namespace,
    [
      "link set dev lo up",
      `route add ${labAddresses.subscribers} via ${bareAddress(labAddresses.client[0])}`,
      `route add ${labAddresses.services} via ${bareAddress(labAddresses.server[0])}`,
    ],
    signal,
  );
}

/** A network card of a node, with its addresses; also in place of one that was taken out. */
export async function connectNode(
  settings: LabSettings,
  node: string,
  network: string,
  signal?: AbortSignal,
): Promise<void> {
  // A fixed hardware address: a machine keeps its network cards when it boots.
  const mac = `02:00:00:00:${hex(nodeNumber(node))}:${hex(labNetworks(settings).indexOf(network) + 1)}`;
  await connect(settings.name, node, `${node}-${network}`, network, network, mac, signal);
  const addresses = nodeAddresses(node, network, settings).map((address) => addAddress(address, network));
  await ipBatch(namespaceOf(settings.name, node), [`link set dev ${network} up`, ...addresses], signal);
}

/** Takes a network card out of a node: its device is gone, and what was plugged in. */
export async function disconnectNode(settings: LabSettings, node: string, network: string): Promise<void> {
  await runCommand("ip", ["-n", namespaceOf(settings.name, node), "link", "del", "dev", network]);
}

async function buildClient(settings: LabSettings, signal?: AbortSignal): Promise<void> {
  const namespace = await createNamespace(settings.name, "lan", endHostSysctls, signal);
  await connect(settings.name, "lan", "client", "lan", "eth0", "02:00:00:00:c1:01", signal);
  const gateways = withFamilies(labAddresses.virtual.lan, settings.ipv6).map(bareAddress);
  await ipBatch(
    namespace,
    [
      "link set dev lo up",
      "link set dev eth0 up",
      ...withFamilies(labAddresses.client, settings.ipv6).map((address) => addAddress(address, "eth0")),
      ...gateways.map((gateway) => `route add default via ${gateway}`),
    ],
    signal,
  );
  if (settings.groups === 2) await useSecondGroup(settings, namespace, signal);
}

/** The client's second addresses have default routes of their own. */
async function useSecondGroup(settings: LabSettings, namespace: string, signal?: AbortSignal): Promise<void> {
  const [, from4 = "", , from6 = ""] = labAddresses.client.map(bareAddress);
  const table = ["table", "2"];
  for (const gateway of withFamilies(labAddresses.second.lan, settings.ipv6).map(bareAddress)) {
    const isV6 = gateway.includes(":");
    // A batch cannot change the family that a rule is for.
    const ip = ["-n", namespace, isV6 ? "-6" : "-4"];
    await runCommand("ip", [...ip, "rule", "add", "from", isV6 ? from6 : from4, ...table], { signal });
    await runCommand("ip", [...ip, "route", "add", "default", "via", gateway, ...table], { signal });
  }
}

async function buildServer(settings: LabSettings, signal?: AbortSignal): Promise<void> {
  const namespace = await createNamespace(settings.name, "wan", endHostSysctls, signal);
  await connect(settings.name, "wan", "server", "wan", "eth0", "02:00:00:00:5e:01", signal);
  await ipBatch(
    namespace,
    [
      "link set dev lo up",
      "link set dev eth0 up",
      ...withFamilies(labAddresses.server, settings.ipv6).map((address) => addAddress(address, "eth0")),
    ],
    signal,
  );
}

/** Takes a node away: first its cables, then its namespace. What ran in it must be dead already. */
export async function removeNode(settings: LabSettings, node: string): Promise<void> {
  for (const network of labNetworks(settings)) {
    await tryCommand("ip", [
      "-n",
      namespaceOf(settings.name, "net"),
      "link",
      "del",
      "dev",
      `${node}-${network}`,
    ]);
  }
  await runCommand("ip", ["netns", "del", namespaceOf(settings.name, node)]);
}

async function createNamespace(
  lab: string,
  part: string,
  sysctls: Readonly<Record<string, number>>,
  signal?: AbortSignal,
): Promise<string> {
  const namespace = namespaceOf(lab, part);
  await runCommand("ip", ["netns", "add", namespace], { signal });
  await setSysctls(namespace, sysctls, signal);
  return namespace;
}

/** One cable: a veth pair with `port` on the switch and `device` in the namespace of `part`. */
async function connect(
  lab: string,
  part: string,
  port: string,
  network: string,
  device: string,
  mac: string,
  signal?: AbortSignal,
): Promise<void> {
  await ipBatch(
    namespaceOf(lab, "net"),
    [
      `link add name ${port} type veth peer name ${device} address ${mac} netns ${namespaceOf(lab, part)}`,
      `link set dev ${port} master ${network}`,
      `link set dev ${port} up`,
    ],
    signal,
  );
}

function addAddress(address: string, device: string): string {
  return `address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}
