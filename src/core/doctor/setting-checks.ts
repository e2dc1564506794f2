import type { NodeFacts } from "../../contract/doctor-facts.ts";
import { type DoctorCheck, type Examination, finding } from "./examination.ts";

/** Without these nothing is forwarded, or every takeover breaks connections. */
const vital: ReadonlySet<string> = new Set(["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);

export const sysctlCheck: DoctorCheck = {
  name: "sysctls",
  good: "every kernel setting is what the node has set",
  find: (node) =>
    node.sysctls.flatMap(({ name, wanted, found, why, setBy }) => {
      if (found === null) {
        // A device that is not there has no settings: that is a finding of its own.
        if (node.interfaces.some(({ device, present }) => !present && isOf(device, name))) return [];
        return [
          finding(node, "warning", "sysctl-missing", {
            on: name,
            what: `this kernel has no setting ${name}`,
            why,
            command: `modprobe nf_conntrack; sysctl ${name}`,
          }),
        ];
      }
      // Before the daemon has run, nobody has set them.
      if (!node.daemonRuns || found === String(wanted)) return [];
      const files =
        setBy.length === 0 ? "" : `; ${setBy.join(" and ")} ${setBy.length === 1 ? "sets" : "set"} it so`;
      return [
        finding(node, vital.has(name) ? "error" : "warning", "sysctl-differs", {
          on: name,
          what: `${name} is ${found}, the node has set ${wanted}: somebody has changed it${files}`,
          why,
          command: `sysctl -w ${name}=${wanted}`,
        }),
      ];
    }),
};

function isOf(device: string, setting: string): boolean {
  return setting.startsWith(`net.ipv4.conf.${device.replaceAll(".", "/")}.`);
}

/** ip-sysctl: 1 is the strict mode of RFC 3704, 2 the loose one. */
const STRICT = 1;

export const reversePathCheck: DoctorCheck = {
  name: "reverse-path-filter",
  good: "no packet is dropped because its answer would leave by another interface",
  find: (node, { document }) =>
    node.interfaces
      .filter(({ reversePathFilter }) => reversePathFilter === STRICT)
      .map(({ name, device }) => {
        const astray = node.routes.filter((route) => leadsAstray(route, { name, device }, node, document));
        const command = `sysctl -w net.ipv4.conf.all.rp_filter=0 ${`net.ipv4.conf.${device.replaceAll(".", "/")}.rp_filter=2`}`;
        const on = device;
        if (astray.length === 0) {
          return finding(node, "note", "reverse-path-filter", {
            ...{ on, command },
            what: `${device} has a strict reverse-path filter (rp_filter=1)`,
            why: "It drops packets from every network whose route does not lead back through this device, also after a change of routes.",
          });
        }
        const networks = [...new Set(astray.map(({ network }) => network))].join(", ");
        return finding(node, "warning", "reverse-path-filter", {
          ...{ on, command },
          what: `${device} has a strict reverse-path filter (rp_filter=1), and the route to ${networks} leads elsewhere`,
          why: "Packets from there are dropped without a word when they come in by this device.",
        });
      }),
};

/** Packets of this network may come in by the interface, and answers to them would not leave by it. */
function leadsAstray(
  route: NodeFacts["routes"][number],
  { name, device }: { readonly name: string; readonly device: string },
  node: NodeFacts,
  document: Examination["document"],
): boolean {
  if (route.device === device || route.address.includes(":")) return false;
  if (route.interface !== null) return route.interface === name;
  // Nobody says where it is. Not behind the interface that its packets leave by, nor on the link between the nodes.
  if (route.out === name || document.replication.interface === name) return false;
  return !isInside(route, node, document);
}

/** The route leads to an interface that packets of the network may come in by. */
function isInside(
  { device, out }: NodeFacts["routes"][number],
  { interfaces }: NodeFacts,
  { groups }: Examination["document"],
): boolean {
  const found = interfaces.find((one) => one.device === device);
  if (found === undefined || found.name === out) return false;
  return Object.values(groups).some(({ addresses }) => Object.hasOwn(addresses, found.name));
}

export const routeCheck: DoctorCheck = {
  name: "routes",
  good: "every network is reached through the interface with its virtual address",
  find: (node, { document }) =>
    node.routes.flatMap((route) => {
      const { network, address, device, out } = route;
      const own = node.interfaces.find(({ name }) => name === route.interface);
      if (own === undefined ? isInside(route, node, document) : own.device === device) return [];
      const wished = own === undefined ? "an interface with a virtual address" : own.device;
      const elsewhere = device === null ? "there is no route" : `the route leads through ${device}`;
      const isOut = node.interfaces.some((one) => one.name === out && one.device === device);
      return [
        finding(node, "warning", "asymmetric-route", {
          on: network,
          what: `${elsewhere} to ${network}, which is translated when it leaves by ${out}; it should lead through ${wished}`,
          why: isOut
            ? "Answers go back to where they come from, and never to the hosts that asked."
            : "Answers take another way than questions, or none: hosts there reach nothing.",
          command: `ip route get ${address}; ip route show`,
        }),
      ];
    }),
};

export const routerAdvertisementCheck: DoctorCheck = {
  name: "router-advertisements",
  good: "no interface is configured by what routers say",
  find: (node) =>
    node.interfaces
      .filter(
        ({ acceptRa, forwarding6 }) => acceptRa === 2 || (acceptRa === 1 && node.daemonRuns && !forwarding6),
      )
      .map(({ device, acceptRa }) =>
        finding(node, "warning", "accepts-router-advertisements", {
          on: device,
          what: `${device} accepts router advertisements (accept_ra=${acceptRa})`,
          why: "Anybody on the link can give the gateway addresses and a default route.",
          command: `sysctl -w net.ipv6.conf.${device.replaceAll(".", "/")}.accept_ra=0`,
        }),
      ),
};

export const automaticHelpersCheck: DoctorCheck = {
  name: "helpers",
  good: "connections have helpers only where the document says so",
  find: (node) =>
    node.automaticHelpers !== true
      ? []
      : [
          finding(node, "warning", "automatic-helpers", {
            on: "net.netfilter.nf_conntrack_helper",
            what: "net.netfilter.nf_conntrack_helper is 1",
            why: "Whoever sends the right bytes to a known port opens further ports; the document's nat.helpers say where that is wanted.",
            command: "sysctl -w net.netfilter.nf_conntrack_helper=0",
          }),
        ],
};
