import {
  bareAddress,
  groupAddresses,
  type LabSettings,
  labAddresses,
  labNetworks,
  nodeAddresses,
  nodeNames,
  nodeNumber,
  withFamilies,
} from "./lab-plan.ts";

/** The cluster document of a lab: what a user would write for machines wired like this. */
export function labDocument(settings: LabSettings): string {
  const nodes = nodeNames(settings);
  // gw1 ranks highest, so that every lab starts with the same node active.
  const priorities = nodes.map((node) => `${node}: ${120 - 10 * nodeNumber(node)}`).join(", ");
  const reversed = nodes.map((node) => `${node}: ${20 + 10 * nodeNumber(node)}`).join(", ");
  const { virtual, second } = labAddresses;
  const [virtual4 = "", virtual6 = ""] = virtual.wan.map(bareAddress);
  const [lan4, lan6] = labAddresses.lanNetworks;
  return `# Written by "tocha lab up" for the lab "${settings.name}".
cluster: ${settings.name}
nodes:
${nodes.map((node) => nodeLines(settings, node)).join("\n")}
groups:
${groupLines(settings, { name: "gateway", virtualRouterId: 51, priorities, addresses: groupAddresses(settings) })}
${
  settings.groups === 2
    ? `${groupLines(settings, { name: "second", virtualRouterId: 52, priorities: reversed, addresses: second })}\n`
    : ""
}nat:
  helpers: [${settings.helpers.join(", ")}]
  source:
${settings.groups === 2 ? secondRules(settings) : ""}    - { id: lan-out, from: [${list([lan4, labAddresses.subscribers])}], out: wan, to: ${virtual4} }
${settings.ipv6 ? `    - { id: lan6-out, from: "${lan6}", out: wan, to: "${virtual6}" }\n` : ""}replication:
  interface: sync
  refresh: ${settings.refreshMs}ms
  shortExchanges: ${settings.shortExchanges}
  marks: ${settings.marks}
keys: { directory: keys }
`;
}

function groupLines(
  { intervalMs, pulseIntervalMs, preempt, ipv6, checks }: LabSettings,
  group: {
    readonly name: string;
    readonly virtualRouterId: number;
    readonly priorities: string;
    readonly addresses: Readonly<Record<string, readonly string[]>>;
  },
): string {
  return `  ${group.name}:
    virtualRouterId: ${group.virtualRouterId}
    interval: ${intervalMs}ms
${pulseIntervalMs === undefined ? "" : `    pulseInterval: ${pulseIntervalMs}ms\n`}    preempt: ${preempt}
    priorities: { ${group.priorities} }${checks.length === 0 ? "" : `\n    checks:\n      ${checks.join("\n      ")}`}
    addresses:
${Object.entries(group.addresses)
  .map(([network, addresses]) => `      ${network}: [${list(withFamilies(addresses, ipv6))}]`)
  .join("\n")}`;
}

/** The client's second addresses leave by the second group: before the rules for their whole networks. */
function secondRules({ ipv6 }: LabSettings): string {
  const [, from4 = "", , from6 = ""] = labAddresses.client.map(bareAddress);
  const [to4 = "", to6 = ""] = labAddresses.second.wan.map(bareAddress);
  const rule6 = `    - { id: second6-out, from: "${from6}/128", out: wan, to: "${to6}" }\n`;
  return `    - { id: second-out, from: ${from4}/32, out: wan, to: ${to4} }\n${ipv6 ? rule6 : ""}`;
}

function nodeLines(settings: LabSettings, node: string): string {
  const interfaces = labNetworks(settings).map((network) => {
    const addresses = list(nodeAddresses(node, network, settings));
    return `      ${network}: { device: ${network}, addresses: [${addresses}] }`;
  });
  return `  ${node}:\n    interfaces:\n${interfaces.join("\n")}`;
}

function list(addresses: readonly string[]): string {
  return addresses.map((address) => `"${address}"`).join(", ");
}
