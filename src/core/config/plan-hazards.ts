import type { Problem } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ClusterDocument, ClusterGroup } from "../../contract/cluster-document.ts";
import type { ProblemCode } from "../../contract/problem-codes.ts";
import { pulsePaths } from "../../contract/pulse-paths.ts";
import type { KnownUser } from "../access/declared-users.ts";
import { accessHazards } from "./access-hazards.ts";
import { callerHazard } from "./caller-hazard.ts";
import { listText } from "./change-words.ts";
import { removedNodes } from "./node-changes.ts";
import { peerRouteHazards } from "./peer-route-hazards.ts";
import type { ActiveNodes } from "./role-moves.ts";
import { userHazards } from "./user-hazards.ts";

export interface HazardOptions {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  readonly activeNodes: ActiveNodes;
  readonly caller: CallerWay | undefined;
  /** The node that is asked, and would carry it out. */
  readonly carrying: string | undefined;
  /** Whom the nodes keep. */
  readonly knownUsers: readonly KnownUser[];
}

/** What validation cannot see, because it lies between two documents: each of them is right by itself. */
export function planHazards(options: HazardOptions): {
  readonly warnings: Problem[];
  readonly refusals: Problem[];
} {
  const caller = callerHazard(options);
  const access = accessHazards(options);
  const users = userHazards(options);
  const peers = peerRouteHazards(options);
  return {
    refusals: [
      ...caller.refusals,
      ...users.refusals,
      ...access.refusals,
      ...removedActive(options),
      ...syncCut(options),
      ...peers.refusals,
      ...deafNodes(options),
    ],
    warnings: [
      ...caller.warnings,
      ...users.warnings,
      ...access.warnings,
      ...peers.warnings,
      ...pausedStreams(options),
      ...ownAddressesToSet(options),
      ...movedAddresses(options),
      ...otherRouters(options),
      ...movedKeys(options),
      ...removedNodes(options),
    ],
  };
}

function hazard(code: ProblemCode, message: string, hint: string, path?: string): Problem {
  return { code, message, hint, ...(path === undefined ? {} : { path }) };
}

/** The nodes that stay. */
function commonNodes({ before, after }: HazardOptions): string[] {
  return Object.keys(before.nodes).filter((node) => after.nodes[node] !== undefined);
}

function removedActive(options: HazardOptions): Problem[] {
  const { before, after, activeNodes } = options;
  if (commonNodes(options).length === 0) {
    const hint = "Change the nodes one after the other, so that one with every connection is always there.";
    return [hazard("plan-removes-active", "no node of the running cluster stays", hint, "nodes")];
  }
  return Object.keys(before.nodes)
    .filter((node) => after.nodes[node] === undefined)
    .flatMap((node) => {
      const groups = Object.keys(activeNodes).filter((group) => activeNodes[group] === node);
      if (groups.length === 0) return [];
      const message = `${node} would be removed while it is active for ${listText(groups)}`;
      const hint = `Hand over first: tocha node standby ${node} --reason "leaves the cluster".`;
      return [hazard("plan-removes-active", message, hint, `nodes.${node}`)];
    });
}

function syncAddress(document: ClusterDocument, node: string): string | undefined {
  return document.nodes[node]?.interfaces[document.replication.interface]?.addresses[0];
}

/** If every node is somewhere else, none can find the others to go on with the change, or to go back. */
function syncCut(options: HazardOptions): Problem[] {
  const { before, after } = options;
  const nodes = commonNodes(options);
  const isSame = before.replication.interface === after.replication.interface;
  if (!isSame || nodes.length < 2) return [];
  if (nodes.some((node) => syncAddress(before, node) === syncAddress(after, node))) return [];
  const name = after.replication.interface;
  return [
    hazard(
      "plan-cuts-sync",
      `all nodes would change their addresses on ${name} at once, by which they speak to each other`,
      `Let them speak over another interface meanwhile: change replication.interface first, then the addresses of ${name}, then replication.interface back.`,
      "replication.interface",
    ),
  ];
}

/**
 * The nodes take a change one after the other. One that has it and one that has not must hear each other by pulses or by VRRP, or
 * both would be active.
 */
function deafNodes(options: HazardOptions): Problem[] {
  const { before, after } = options;
  if (commonNodes(options).length < 2) return [];
  return Object.entries(before.groups).flatMap(([name, old]) => {
    const now = after.groups[name];
    if (now === undefined || hearsPulses(options, name) || hearsVrrp(old, now)) return [];
    return [
      hazard(
        "plan-nodes-deaf",
        `nodes with the old and the new document would hear nothing of each other in group ${name}, and both be active`,
        "Change what VRRP needs (virtualRouterId, version, unicastPeers) and what pulses need (the cluster's name, ports, addresses, keys) one after the other.",
        `groups.${name}`,
      ),
    ];
  });
}

function hearsPulses(options: HazardOptions, group: string): boolean {
  const { before, after } = options;
  const isSame =
    before.cluster === after.cluster &&
    before.pulses.port === after.pulses.port &&
    before.keys.directory === after.keys.directory;
  if (!isSame) return false;
  const nodes = commonNodes(options);
  const pathsOf = (document: ClusterDocument, node: string) =>
    pulsePaths(document, node).filter(({ groups }) => groups.includes(group));
  return pathsOf(before, nodes[0] ?? "").some(({ name }) =>
    nodes.every((node) => {
      const [old, now] = [before, after].map((document) =>
        pathsOf(document, node).find((path) => path.name === name),
      );
      return old !== undefined && old.address === now?.address;
    }),
  );
}

function hearsVrrp(before: ClusterGroup, after: ClusterGroup): boolean {
  if (before.virtualRouterId !== after.virtualRouterId) return false;
  return Object.keys(before.addresses).some((face) => {
    const isUnicast = [before, after].map(({ unicastPeers }) => face in unicastPeers);
    if (isUnicast[0] !== isUnicast[1]) return false;
    const families = [before, after].map(({ addresses }) => familiesOf(addresses[face] ?? []));
    const has = (family: 4 | 6) => families.every((of) => of.has(family));
    return has(6) || (has(4) && before.version === after.version);
  });
}

function familiesOf(addresses: readonly string[]): ReadonlySet<4 | 6> {
  return new Set(addresses.map((address) => (address.includes(":") ? 6 : 4)));
}

/** Streams between nodes of different documents are refused, or do not find each other (src/core/replication/hello.ts). */
function pausedStreams(options: HazardOptions): Problem[] {
  const { before, after } = options;
  const nodes = commonNodes(options);
  const groups = (document: ClusterDocument) => Object.keys(document.groups).sort().join(" ");
  const causes = [
    ...(before.cluster === after.cluster ? [] : ["the cluster's name"]),
    ...(groups(before) === groups(after) ? [] : ["the failover groups"]),
    ...(before.replication.port === after.replication.port ? [] : ["the port of replication"]),
    ...(nodes.every((node) => syncAddress(before, node) === syncAddress(after, node))
      ? []
      : ["where the nodes speak to each other"]),
  ];
  if (causes.length === 0 || nodes.length < 2) return [];
  const message = `${listText(causes)} ${causes.length === 1 && causes[0] !== "the failover groups" ? "changes" : "change"}: until all nodes have it, new connections are not mirrored`;
  const hint =
    "A node that dies within these seconds loses them; all others are kept. tocha status shows when all are mirrored again.";
  return [hazard("plan-streams-pause", message, hint)];
}

/** The document tells of a node's own addresses; the system of the node sets them. */
function ownAddressesToSet(options: HazardOptions): Problem[] {
  const { before, after } = options;
  return commonNodes(options).flatMap((node) =>
    Object.entries(after.nodes[node]?.interfaces ?? {}).flatMap(([name, { device, addresses }]) => {
      const old = before.nodes[node]?.interfaces[name];
      const wanted =
        old?.device === device ? addresses.filter((one) => !old.addresses.includes(one)) : addresses;
      if (wanted.length === 0) return [];
      const message = `${node} must have ${listText(wanted)} on ${device} before: tocha sets no own addresses of nodes`;
      const hint = `On ${node}: ip -brief address show dev ${device}`;
      return [hazard("plan-own-addresses", message, hint, `nodes.${node}.interfaces.${name}`)];
    }),
  );
}

/** For the time that the nodes have different documents, an address may belong to two groups, active on two nodes. */
function movedAddresses({ before, after, activeNodes }: HazardOptions): Problem[] {
  const places = (document: ClusterDocument) =>
    new Map(
      Object.entries(document.groups).flatMap(([group, { addresses }]) =>
        Object.entries(addresses).flatMap(([face, list]) =>
          list.map((address) => [`${address.split("/")[0]} on ${face}`, group] as const),
        ),
      ),
    );
  const now = places(after);
  return [...places(before)].flatMap(([address, group]) => {
    const other = now.get(address);
    if (other === undefined || other === group) return [];
    const known = activeNodes[group] ?? undefined;
    if (known !== undefined && known === activeNodes[other]) return [];
    const message = `virtual address ${address} moves from group ${group} to group ${other}: two nodes may have it for a moment`;
    const hint = `Let one node be active for both groups meanwhile: tocha switchover --group ${other}, or --group ${group}.`;
    return [hazard("plan-address-moves", message, hint, `groups.${other}.addresses`)];
  });
}

/** Routers that are no nodes of this cluster know the group by its number and version. */
function otherRouters({ before, after }: HazardOptions): Problem[] {
  return Object.entries(before.groups).flatMap(([name, old]) => {
    const now = after.groups[name];
    if (now === undefined) return [];
    const isSame = old.virtualRouterId === now.virtualRouterId && old.version === now.version;
    if (isSame) return [];
    const message = `other routers know group ${name} as VRID ${old.virtualRouterId}, version ${old.version}, and no longer take part`;
    const hint = `If there are any, such as keepalived, change them to VRID ${now.virtualRouterId}, version ${now.version} too.`;
    return [hazard("plan-other-routers", message, hint, `groups.${name}`)];
  });
}

function movedKeys({ before, after }: HazardOptions): Problem[] {
  if (before.keys.directory === after.keys.directory) return [];
  const { directory } = after.keys;
  const message = `every node must have its keys in ${directory} before, of the same authority and with the same cluster.key`;
  return [hazard("plan-keys-move", message, `On each node: ls -l ${directory}`, "keys.directory")];
}
