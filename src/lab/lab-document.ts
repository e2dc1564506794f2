import {
  bareAddress,
  type LabSettings,
  labAddresses,
  labSwitches,
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
  const [virtual4 = "", virtual6 = ""] = labAddresses.virtual.wan.map(bareAddress);
  const [lan4, lan6] = labAddresses.lanNetworks;
  return `# Written by "tocha lab up" for the lab "${settings.name}".
cluster: ${settings.name}
nodes:
${nodes.map((node) => nodeLines(settings, node)).join("\n")}
groups:
  gateway:
    virtualRouterId: 51
    interval: ${settings.intervalMs}ms
    preempt: ${settings.preempt}
    priorities: { ${priorities} }
    addresses:
      lan: [${list(withFamilies(labAddresses.virtual.lan, settings.ipv6))}]
      wan: [${list(withFamilies(labAddresses.virtual.wan, settings.ipv6))}]
nat:
  helpers: [${settings.helpers.join(", ")}]
  source:
    - { id: lan-out, from: [${list([lan4, labAddresses.subscribers])}], out: wan, to: ${virtual4} }
${settings.ipv6 ? `    - { id: lan6-out, from: "${lan6}", out: wan, to: "${virtual6}" }\n` : ""}replication:
  interface: sync
  refresh: ${settings.refreshMs}ms
  shortExchanges: ${settings.shortExchanges}
  marks: ${settings.marks}
keys: { directory: keys }
`;
}

function nodeLines(settings: LabSettings, node: string): string {
  const interfaces = labSwitches.map((network) => {
    const addresses = list(nodeAddresses(node, network, settings));
    return `      ${network}: { device: ${network}, addresses: [${addresses}] }`;
  });
  return `  ${node}:\n    interfaces:\n${interfaces.join("\n")}`;
}

function list(addresses: readonly string[]): string {
  return addresses.map((address) => `"${address}"`).join(", ");
}
