import type { InterfaceFacts, NodeFacts } from "../../contract/doctor-facts.ts";
import { type DoctorCheck, type Examination, finding, hasOthers } from "./examination.ts";

/** Fewer are chance: a cable that was pulled, a switch that started. */
const FAULTS_MIN = 100;
const ERROR_SHARE = 0.001;
const DROP_SHARE = 0.01;

export const deviceCheck: DoctorCheck = {
  name: "devices",
  good: "every device is there, has its addresses and a carrier, and works without errors",
  find: (node) =>
    node.interfaces.flatMap((one) => {
      const { device, name, present, up, duplex, packets, errors, drops } = one;
      if (!present) {
        return [
          finding(node, "error", "device-missing", {
            on: device,
            what: `this machine has no device ${device}, the document's interface ${name}`,
            why: "The node cannot do its work there.",
            command: "ip -br link",
          }),
        ];
      }
      if (!up) {
        return [
          finding(node, "error", "no-carrier", {
            on: device,
            what: `${device} is down, or has no carrier`,
            why: `Nothing comes or goes on the interface ${name}.`,
            command: `ip link set dev ${device} up; ip -d link show dev ${device}`,
          }),
        ];
      }
      const found = one.lackingAddresses.map((address) =>
        finding(node, "error", "address-missing", {
          on: device,
          what: `${device} does not have ${address}, the node's own address on ${name}`,
          why: "Own addresses are the system's to set, at every start; pulses, advertisements and checks come from them.",
          command: `ip address add ${address} dev ${device}`,
        }),
      );
      if (duplex === "half") {
        found.push(
          finding(node, "warning", "half-duplex", {
            on: device,
            what: `${device} runs in half duplex`,
            why: "One end of the cable was set by hand and the other was not: packets are lost under load.",
            command: `ethtool -s ${device} autoneg on`,
          }),
        );
      }
      if (errors >= FAULTS_MIN && errors > ERROR_SHARE * packets) {
        found.push(
          finding(node, "warning", "device-errors", {
            on: device,
            what: `${device} has counted ${errors} errors in ${packets} packets`,
            why: "A cable, a plug or a card is bad; connections become slow, and pulses get lost.",
            command: `ip -s -s link show dev ${device}`,
          }),
        );
      }
      if (drops >= FAULTS_MIN && drops > DROP_SHARE * packets) {
        found.push(
          finding(node, "note", "device-drops", {
            on: device,
            what: `${device} has dropped ${drops} of ${packets} packets`,
            why: "The machine was too slow for them, or nobody wanted them.",
            command: `ip -s -s link show dev ${device}`,
          }),
        );
      }
      return found;
    }),
};

export const managedCheck: DoctorCheck = {
  name: "managed-devices",
  good: "no other program configures the devices",
  find: (node) =>
    node.interfaces.flatMap(({ device, managedBy }) =>
      managedBy === null
        ? []
        : [
            finding(node, "warning", "device-managed", {
              on: device,
              what: `${managedBy} manages ${device}`,
              why: "It takes addresses away that it does not know, virtual ones among them, when it reconnects.",
              command: `nmcli device set ${device} managed no`,
            }),
          ],
    ),
};

export const speedCheck: DoctorCheck = {
  name: "speed",
  good: "every interface has the same speed on all nodes",
  isTelling: hasOthers,
  find: (node, { nodes }) =>
    node.interfaces.flatMap((own) => {
      const faster = others(node, nodes, own.name).find(({ facts }) => (facts.speed ?? 0) > (own.speed ?? 0));
      if (own.speed === null || faster === undefined) return [];
      return [
        finding(node, "note", "speed-differs", {
          on: own.device,
          what: `${own.device} has ${own.speed} Mbit/s, ${faster.node} has ${faster.facts.speed} Mbit/s on ${own.name}`,
          why: "After a takeover the cluster carries less.",
          command: `ethtool ${own.device}`,
        }),
      ];
    }),
};

export const mtuCheck: DoctorCheck = {
  name: "mtu",
  good: "every interface has the same MTU on all nodes",
  isTelling: hasOthers,
  find: (node, { nodes, document }) =>
    node.interfaces.flatMap((own) => {
      const larger = others(node, nodes, own.name).find(({ facts }) => facts.present && facts.mtu > own.mtu);
      if (!own.present || larger === undefined) return [];
      const isSync = own.name === document.replication.interface;
      return [
        finding(node, "warning", "mtu-differs", {
          on: own.device,
          what: `${own.device} has an MTU of ${own.mtu}, ${larger.node} has ${larger.facts.mtu} on ${own.name}`,
          why: isSync
            ? "Large packets between the nodes do not arrive: the stream of connections stands still under load."
            : "Large packets that others on this link send do not arrive after a takeover.",
          command: `ip link set dev ${own.device} mtu ${larger.facts.mtu}`,
        }),
      ];
    }),
};

function others(
  node: NodeFacts,
  nodes: readonly NodeFacts[],
  name: string,
): { readonly node: string; readonly facts: InterfaceFacts }[] {
  return nodes
    .filter((one) => one.node !== node.node)
    .flatMap((one) => {
      const facts = one.interfaces.find((other) => other.name === name);
      return facts === undefined ? [] : [{ node: one.node, facts }];
    });
}

export const carriedCheck: DoctorCheck = {
  name: "full-size",
  good: "packets of full size reach the other nodes",
  isTelling: ({ probes }) => probes.some(({ small }) => small),
  find: (node, examination) =>
    node.probes
      .filter(({ small, full }) => small && !full)
      .filter((probe) => !hasSmallerMtu(probe, examination))
      .map(({ interface: name, peer, address, bytes }) => {
        const device = node.interfaces.find((one) => one.name === name)?.device ?? name;
        const headers = address.includes(":") ? 48 : 28;
        return finding(node, "warning", "mtu-not-carried", {
          on: device,
          what: `packets of ${bytes} bytes do not come back from ${peer} (${address}) on ${name}, small ones do`,
          why: "Something between the nodes has a smaller MTU, and drops what is larger without a word.",
          command: `ping -c 1 -M do -s ${bytes - headers} -I ${device} ${address}`,
        });
      }),
};

/** Then the smaller MTU is a finding of its own. */
function hasSmallerMtu(
  { interface: name, peer, bytes }: NodeFacts["probes"][number],
  { nodes }: Examination,
) {
  const other = nodes.find(({ node }) => node === peer)?.interfaces.find((one) => one.name === name);
  return other !== undefined && other.mtu < bytes;
}
