import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { type DoctorCheck, type Examination, finding } from "./examination.ts";

export const foreignRouterCheck: DoctorCheck = {
  name: "foreign-routers",
  good: "no other VRRP router is active for our virtual router ids",
  find: (node, { document }) =>
    node.foreignRouters.map(({ group, interface: name, address, priority }) => {
      const id = document.groups[group]?.virtualRouterId ?? 0;
      const device = node.interfaces.find((one) => one.name === name)?.device ?? name;
      return finding(node, "warning", "foreign-router", {
        on: device,
        what: `${address} on ${name} is no node of the document, and says that it is active for virtual router id ${id} (group ${group}) with priority ${priority}`,
        why: "Two clusters with one id take each other's role. Only where it is meant as the other router of this cluster, as a keepalived may be, is it right.",
        command: `tcpdump -c 3 -evni ${device} 'ip proto 112 or ip6 proto 112'`,
      });
    }),
};

export const duplicateAddressCheck: DoctorCheck = {
  name: "duplicate-addresses",
  good: "nobody else answers for the virtual addresses",
  find: (node, examination) => {
    const own = ownMacs(examination);
    return node.answers.flatMap(({ interface: name, address, macs }) => {
      const strangers = macs.filter((mac) => !own.has(mac));
      if (!isDuplicate({ node, strangers, macs }, examination)) return [];
      // A foreign router that is active holds the addresses, and is a finding of its own, unless a node holds them as well.
      const hasRival = node.foreignRouters.some((one) => one.interface === name);
      if (hasRival && macs.length === strangers.length) return [];
      const device = node.interfaces.find((one) => one.name === name)?.device ?? name;
      const command = address.includes(":")
        ? `ndisc6 -m ${address} ${device}; ip -6 neigh show dev ${device}`
        : `arping -c 3 -I ${device} ${address}`;
      return [
        finding(node, "error", "duplicate-address", {
          on: address,
          what: `${strangers.join(" and ")} on ${name} answers for ${address}, and is no node of this cluster`,
          why: "Hosts send their packets to whoever answers last: some of them lose the gateway.",
          command,
        }),
      ];
    });
  },
};

function isDuplicate(
  of: { readonly node: NodeFacts; readonly strangers: readonly string[]; readonly macs: readonly string[] },
  { nodes, document }: Examination,
): boolean {
  if (of.strangers.length === 0) return false;
  // A node that was not asked may be the one that answers; two at a time cannot both be it.
  return nodes.length === Object.keys(document.nodes).length || of.macs.length > 1;
}

function ownMacs({ nodes, document }: Examination): ReadonlySet<string> {
  const ids = Object.values(document.groups).map(({ virtualRouterId }) =>
    virtualRouterId.toString(16).padStart(2, "0"),
  );
  // The virtual router's own hardware addresses (RFC 9568 7.3), which pass from node to node.
  const virtual = ids.flatMap((id) => [`00:00:5e:00:01:${id}`, `00:00:5e:00:02:${id}`]);
  return new Set([...nodes.flatMap(({ macs }) => macs), ...virtual]);
}

interface Rival {
  readonly why: string;
  readonly severity: "warning" | "note";
  readonly unit: string;
}

/** Programs by the name of their process. */
const rivals: Readonly<Record<string, Rival>> = {
  keepalived: {
    severity: "warning",
    unit: "keepalived",
    why: "It moves virtual addresses on this machine as well: both would hold or remove them.",
  },
  ucarp: { severity: "warning", unit: "ucarp", why: "It moves virtual addresses on this machine as well." },
  vrrpd: { severity: "warning", unit: "frr", why: "It moves virtual addresses on this machine as well." },
  heartbeat: { severity: "warning", unit: "heartbeat", why: "It moves addresses on this machine as well." },
  conntrackd: {
    severity: "warning",
    unit: "conntrackd",
    why: "It writes connections into the kernel's table as well, translated differently, and doubles the work of every event.",
  },
  firewalld: {
    severity: "warning",
    unit: "firewalld",
    why: "It loads rules of its own that drop forwarded packets, and loads them again whenever it pleases.",
  },
  ufw: { severity: "warning", unit: "ufw", why: "It loads rules of its own that drop forwarded packets." },
};

export const programsCheck: DoctorCheck = {
  name: "programs",
  good: "no other program does the same work",
  find: (node) =>
    node.programs.flatMap(({ name, pid }) => {
      const rival = rivals[name];
      if (rival === undefined) return [];
      return [
        finding(node, rival.severity, "program-fights", {
          on: name,
          what: `${name} runs in this node's network (process ${pid})`,
          why: rival.why,
          command: `systemctl disable --now ${rival.unit}`,
        }),
      ];
    }),
};

/** Of this many names no other is looked for in the list of processes. */
export const rivalNames: readonly string[] = Object.keys(rivals);

export const foreignChainsCheck: DoctorCheck = {
  name: "other-rules",
  good: "no other rules drop forwarded packets",
  find: (node) =>
    node.foreignChains.flatMap(({ family, table, chain, dropsByPolicy, droppingRules, owner }) => {
      const on = `${family} ${table} ${chain}`;
      const isLegacy = family.includes("legacy");
      if (dropsByPolicy) {
        const who = owner === "docker" ? "Docker's chain" : "the chain";
        return [
          finding(node, "warning", "forward-policy-drop", {
            on,
            what: `${who} ${chain} of table ${family} ${table} drops every forwarded packet that it does not accept`,
            why:
              owner === "docker"
                ? 'The gateway forwards nothing. Docker sets it whenever it starts, unless its daemon.json has "ip-forward-no-drop": true.'
                : "Whatever tocha's own rules say, a packet must pass all tables.",
            command: isLegacy
              ? `iptables-legacy -P ${chain} ACCEPT`
              : `nft 'chain ${family} ${table} ${chain} { policy accept; }'`,
          }),
        ];
      }
      if (droppingRules === 0) return [];
      return [
        finding(node, "note", "forward-rules-drop", {
          on,
          what: `the chain ${chain} of table ${family} ${table} has ${droppingRules === 1 ? "a rule that drops" : `${droppingRules} rules that drop`} forwarded packets`,
          why: "If it is not meant so, connections through the gateway fail although its own rules let them pass.",
          command: isLegacy ? `iptables-legacy -S ${chain}` : `nft -a list chain ${family} ${table} ${chain}`,
        }),
      ];
    }),
};
