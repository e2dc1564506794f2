import type { GatewayRole } from "./network-proposal.ts";

/** Everything that the first document of a cluster says. */
export interface Draft {
  readonly cluster: string;
  readonly node: string;
  readonly interfaces: Readonly<Record<GatewayRole, DraftInterface>>;
  readonly virtualRouterId: number;
  /** With prefix lengths. */
  readonly virtual: Readonly<Record<"lan" | "wan", readonly string[]>>;
  readonly nat: readonly { readonly id: string; readonly from: readonly string[]; readonly to: string }[];
}

export interface DraftInterface {
  readonly device: string;
  readonly addresses: readonly string[];
}

/** The text of the document, with what people need to know beside what they may change. */
export function draftText(draft: Draft): string {
  const { cluster, node, interfaces, virtual, nat, virtualRouterId } = draft;
  const line = (role: GatewayRole) =>
    `      ${role}: { device: ${interfaces[role].device}, addresses: ${list(interfaces[role].addresses)} }`;
  const rules = nat.map(({ id, from, to }) => {
    const networks = from.length === 1 ? quoted(from[0] ?? "") : list(from);
    return `    - { id: ${id}, from: ${networks}, out: wan, to: ${quoted(to)} }`;
  });
  return `# The document of a Tocha cluster: the same on every node. Every key is in the guide (document.md).
#
#   tocha check FILE     says whether it is right
#   tocha token          lets another machine join, which adds it here

cluster: ${cluster}

nodes:
  # The gateways with their own addresses, which stay with them and never move.
  ${node}:
    interfaces:
${line("lan")} # to the hosts
${line("wan")} # to the provider
${line("sync")} # to the other gateways

groups:
  gateway:
    virtualRouterId: ${virtualRouterId} # 1 to 255; no other router on these links may use the same (VRRP)
    interval: 100ms # another gateway takes over a little more than three of these after this one's death
    # pulseInterval: 10ms # ten times faster, on machines that always have a processor to spare
    preempt: false # who comes back stays standby until someone asks it to take over
    priorities: { ${node}: 110 } # the highest is preferred when all start
    addresses: # the virtual addresses: whichever gateway is active has them
      lan: ${list(virtual.lan)} # the default gateway of the hosts
      wan: ${list(virtual.wan)} # what the provider routes to

nat:
  ${nat.length === 0 ? "source: [] # nothing is translated" : `source: # the first rule that matches counts\n${rules.join("\n")}`}

replication:
  interface: sync # heartbeats, copies of connections and control go by the first address of this interface

keys: { directory: keys } # beside this file; secrets are never written into the document
`;
}

function list(addresses: readonly string[]): string {
  return `[${addresses.map(quoted).join(", ")}]`;
}

function quoted(address: string): string {
  return address.includes(":") ? `"${address}"` : address;
}
