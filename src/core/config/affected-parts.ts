import {
  type ClusterDocument,
  type ClusterGroup,
  groupsOf,
  virtualAddressesOf,
} from "../../contract/cluster-document.ts";
import { canonicalJson } from "../../contract/document-revision.ts";
import { pulsePaths } from "../../contract/pulse-paths.ts";
import { gatewaySysctls } from "../gateway-sysctls.ts";
import { gatewayRuleset } from "../ruleset/gateway-rules.ts";
import { nodeRoutes } from "../static-routes.ts";

/**
 * The parts of a running node that a change can touch.
 *
 * rules, sysctls, routes: what is in the kernel, changed in place. control, replicator, failover, supervisor, api: what that
 * process has taken from the document and must take anew. keys: where the keys are read from.
 */
export const affectedPartNames = [
  "rules",
  "sysctls",
  "routes",
  "control",
  "replicator",
  "failover",
  "supervisor",
  "keys",
  "api",
] as const;
export type AffectedPart = (typeof affectedPartNames)[number];

/**
 * Which parts of one node a change of the document touches: those that read something else out of the new document than out of
 * the old one. All of them for a node that joins or leaves, and for the first document.
 *
 * Every change has another revision, which pulses and status carry: roles that are not in the set must be told that, and no more.
 * The same goes for what the control role looks up only to answer (nat.source, to know a first packet).
 */
export function affectedParts(
  before: ClusterDocument | undefined,
  after: ClusterDocument,
  node: string,
): ReadonlySet<AffectedPart> {
  if (before?.nodes[node] === undefined || after.nodes[node] === undefined) return new Set(affectedPartNames);
  // Maps in another order are the same document, even where a list is made of them below.
  if (canonicalJson(before) === canonicalJson(after)) return new Set();
  return new Set(
    affectedPartNames.filter((part) => {
      const read = readBy[part];
      return canonicalJson(read(before, node)) !== canonicalJson(read(after, node));
    }),
  );
}

/** What each part reads out of a document for one node. src/daemon/node-settings.ts gives it to the roles in this way. */
const readBy: Readonly<Record<AffectedPart, (document: ClusterDocument, node: string) => unknown>> = {
  rules: (document, node) => gatewayRuleset(document, node),
  sysctls: (document, node) => gatewaySysctls(document, node).map(({ name, value }) => ({ name, value })),
  routes: (document, node) => nodeRoutes(document, node),
  control: (document, node) => ({
    cluster: document.cluster,
    sync: syncOf(document),
    port: document.control.port,
    groups: Object.fromEntries(
      groupsOf(document).map((group) => [group.name, controlOf(document, node, group)]),
    ),
    arbiter: document.arbiter,
    metrics: document.metrics && {
      ...document.metrics,
      ...document.nodes[node]?.interfaces[document.metrics.interface],
    },
    // Where it answers the process that serves the API.
    hasApi: document.api !== undefined,
    shortExchanges: document.replication.shortExchanges,
    marks: document.replication.marks,
    keys: document.keys,
  }),
  replicator: (document) => ({
    cluster: document.cluster,
    sync: syncOf(document),
    // What is a node's own traffic is not mirrored.
    own: ownAddressesOnFaces(document),
    replication: document.replication,
    groups: Object.fromEntries(
      groupsOf(document).map(({ name, ...group }) => [
        name,
        { intervalMs: group.intervalMs, addresses: group.addresses, routed: partOf(group, "routedNetworks") },
      ]),
    ),
    births: document.replication.shortExchanges || document.nat.helpers.length > 0,
    keys: document.keys,
  }),
  failover: (document, node) => ({
    cluster: document.cluster,
    peers: Object.keys(document.nodes).sort(),
    // Another router's advertisements are told from a peer's by these.
    own: ownAddressesOnFaces(document),
    devices: faceDevices(document, node),
    groups: Object.fromEntries(groupsOf(document).map((group) => [group.name, failoverOf(group)])),
    paths: pulsePaths(document, node).map(({ peers, ...path }) => ({
      ...path,
      peers: Object.fromEntries(peers.map(({ name, address }) => [name, address])),
    })),
    port: document.pulses.port,
    hasArbiter: document.arbiter !== undefined,
    keys: document.keys,
  }),
  // It removes the addresses of a failover role that is lost, and renews their lifetimes, which the interval gives.
  supervisor: (document, node) => ({
    devices: faceDevices(document, node),
    logging: partOf(partOf(document, "logging"), "level"),
    groups: Object.fromEntries(
      groupsOf(document).map(({ name, addresses, intervalMs, virtualMac, virtualRouterId }) => [
        name,
        { addresses, intervalMs, virtualRouterId: virtualMac ? virtualRouterId : undefined },
      ]),
    ),
  }),
  keys: (document) => document.keys,
  api: (document, node) =>
    document.api && {
      ...document.api,
      ...document.nodes[node]?.interfaces[document.api.interface],
      keys: document.keys,
    },
};

/** A part that a document may have; undefined where it does not. */
function partOf(whole: unknown, name: string): unknown {
  if (typeof whole !== "object" || whole === null) return undefined;
  return Object.entries(whole).find(([key]) => key === name)?.[1];
}

/** Each node's interface between the nodes; the first address counts. */
function syncOf(document: ClusterDocument): unknown {
  const { interface: name } = document.replication;
  return Object.fromEntries(
    Object.entries(document.nodes).map(([node, { interfaces }]) => [node, interfaces[name]?.addresses[0]]),
  );
}

/** The own addresses of all nodes on the interfaces with virtual addresses. */
function ownAddressesOnFaces(document: ClusterDocument): unknown {
  const faces = [...virtualAddressesOf(document).keys()];
  return Object.fromEntries(
    Object.entries(document.nodes).map(([node, { interfaces }]) => [
      node,
      Object.fromEntries(faces.map((face) => [face, interfaces[face]?.addresses])),
    ]),
  );
}

function faceDevices(document: ClusterDocument, node: string): unknown {
  const faces = [...virtualAddressesOf(document).keys()];
  return Object.fromEntries(faces.map((face) => [face, document.nodes[node]?.interfaces[face]?.device]));
}

/** What of a group is not for elections: rules, and checks, which the control role makes and tells the failover role of. */
const notForElections: ReadonlySet<string> = new Set(["acceptMode", "checks", "routedNetworks"]);

function failoverOf(group: ClusterGroup): unknown {
  return Object.fromEntries(Object.entries(group).filter(([key]) => !notForElections.has(key)));
}

/** It explains the elections, makes the checks, and watches for the first packet after a takeover. */
function controlOf(document: ClusterDocument, node: string, group: ClusterGroup): unknown {
  const { acceptMode: _acceptMode, ...rest } = group;
  const asked = Object.values(group.checks).flatMap((check) => check.interface ?? []);
  const names = [...Object.keys(group.addresses), ...asked];
  const interfaces = names.map((name) => [name, document.nodes[node]?.interfaces[name]]);
  return { ...rest, interfaces: Object.fromEntries(interfaces) };
}
