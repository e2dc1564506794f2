import { type Document, isMap, isScalar, isSeq, type Node, parseDocument, type YAMLMap } from "yaml";
import {
  formatIp,
  formatNetwork,
  type IpNetwork,
  ipFamily,
  isLinkLocal,
  networkContains,
  parseIp,
  parseNetwork,
} from "../base/ip.ts";
import type { Problem } from "../base/problem.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { device, nameOf } from "./document-scalars.ts";
import { readDocument } from "./read-document.ts";

/** A device of a machine with its addresses, prefix lengths included. */
export interface MachineDevice {
  readonly device: string;
  readonly addresses: readonly string[];
}

export interface NewNode {
  readonly name: string;
  readonly devices: readonly MachineDevice[];
  /** By role, where the networks alone do not tell. */
  readonly chosen: Readonly<Record<string, string>>;
}

export type NodeAddition =
  | { readonly text: string; readonly interfaces: Readonly<Record<string, MachineDevice>> }
  | { readonly text?: undefined; readonly problems: readonly [Problem, ...Problem[]] };

/** Priorities of later nodes leave room between them. */
const PRIORITY_STEP = 10;

/**
 * Adds a node to the text of a valid document: its interfaces are those of its devices whose addresses lie in the networks of
 * the other nodes, its priorities are below theirs, and where VRRP goes to single routers, it goes to this one, too. The rest of the text stays as it is, comments included.
 */
export function addNode(text: string, document: ClusterDocument, node: NewNode): NodeAddition {
  const wrong = wrongName(node);
  if (wrong !== undefined) return { problems: [wrong] };
  const found = interfacesOf(document, node);
  if ("problem" in found) return { problems: [found.problem] };
  const { interfaces } = found;
  let changed = text;
  const lines = Object.entries(interfaces).map(
    ([role, { device, addresses }]) =>
      `${role}: { device: ${device}, addresses: [${addresses.map((one) => quoted(one)).join(", ")}] }`,
  );
  changed = withEntry(changed, ["nodes"], node.name, { interfaces: lines });
  for (const [name, { priorities, unicastPeers }] of Object.entries(document.groups)) {
    changed = withEntry(changed, ["groups", name, "priorities"], node.name, nextPriority(priorities));
    for (const [role, peers] of Object.entries(unicastPeers))
      for (const address of newPeers(peers, interfaces[role], node))
        changed = withItem(changed, ["groups", name, "unicastPeers", role], quoted(address));
  }
  const result = readDocument(changed, "cluster.yaml");
  if (result.document === undefined) return { problems: result.problems };
  if (!Object.hasOwn(result.document.nodes, node.name)) throw new Error("the node is not where it was put");
  return { text: changed, interfaces };
}

/** For each role of the document the device of the machine that is in its networks. */
function interfacesOf(
  document: ClusterDocument,
  { name, devices, chosen }: NewNode,
): { readonly interfaces: Record<string, MachineDevice> } | { readonly problem: Problem } {
  const interfaces: Record<string, MachineDevice> = {};
  const [model] = Object.values(document.nodes);
  for (const role of Object.keys(model?.interfaces ?? {})) {
    const networks = Object.values(document.nodes)
      .flatMap((node) => node.interfaces[role]?.addresses ?? [])
      .flatMap((text) => parseNetwork(text) ?? []);
    const inNetworks = (text: string) => {
      const own = parseNetwork(text);
      return own !== undefined && networks.some((network) => isSameNetwork(network, own));
    };
    const wish = chosen[role];
    const found = devices
      .filter(({ device }) => wish === undefined || device === wish)
      .map(({ device, addresses }) => ({ device, addresses: addresses.filter(inNetworks).map(canonical) }))
      .filter(({ addresses }) => addresses.length > 0);
    const [first, second] = found;
    if (first === undefined || second !== undefined)
      return { problem: unclearDevice(role, { name, wish, networks, found, devices }) };
    interfaces[role] = { ...first, device: first.device };
  }
  return { interfaces };
}

/** What another machine says is put into the text: nothing may be in it that would mean something else there. */
function wrongName({ name, devices }: NewNode): Problem | undefined {
  const bad = devices.find(({ device: one }) => !device.safeParse(one).success);
  if (nameOf("a node").safeParse(name).success && bad === undefined) return undefined;
  return {
    code: bad === undefined ? "bad-name" : "bad-device",
    message: `"${(bad?.device ?? name).slice(0, 60)}" is not a name for ${bad === undefined ? "a node" : "a device"}`,
    hint: "A node's name has small letters, digits and hyphens, begins with a letter, and has at most 63 characters.",
  };
}

function canonical(text: string): string {
  const network = parseNetwork(text);
  return network === undefined ? text : formatNetwork(network);
}

function isSameNetwork(network: IpNetwork, own: IpNetwork): boolean {
  return (
    own.prefixLength === network.prefixLength &&
    own.address.length === network.address.length &&
    networkContains(network, own.address) &&
    (own.address.length === 4 || !isLinkLocal(own.address))
  );
}

function unclearDevice(
  role: string,
  about: {
    readonly name: string;
    readonly wish: string | undefined;
    readonly networks: readonly IpNetwork[];
    readonly found: readonly MachineDevice[];
    readonly devices: readonly MachineDevice[];
  },
): Problem {
  const { name, wish, found, devices } = about;
  const networks = about.networks.map(formatNetwork).join(" and ");
  const there = devices.map(({ device, addresses }) => `${device} ${addresses.join(" ")}`.trim()).join("; ");
  if (found.length > 1) {
    return {
      code: "join-which-device",
      message: `${found.map(({ device }) => device).join(" and ")} of ${name} are both in the network of ${role}`,
      hint: `Say which one it is: tocha join … --interface ${role}=${found[0]?.device}`,
    };
  }
  return {
    code: "join-no-device",
    message: `${wish ?? "no device"} of ${name} has ${wish === undefined ? "an" : "no"} address in the network of ${role}, where the other nodes have ${networks}`,
    hint: `Give ${name} an address there. It has: ${there === "" ? "none" : there}.`,
  };
}

/** Below all others where there is room. */
function nextPriority(priorities: Readonly<Record<string, number>>): string {
  const taken = new Set(Object.values(priorities));
  let priority = Math.min(254, ...taken);
  priority = priority > PRIORITY_STEP ? priority - PRIORITY_STEP : priority - 1;
  if (priority < 1) priority = 254;
  while (taken.has(priority) && priority > 1) priority--;
  return String(priority);
}

/** The node's addresses for a list of VRRP routers: one of each family that the list has, of the kind that stands there. */
function newPeers(
  listed: readonly string[],
  chosen: MachineDevice | undefined,
  { devices }: NewNode,
): readonly string[] {
  if (chosen === undefined) return [];
  const all = devices.find(({ device }) => device === chosen.device)?.addresses ?? [];
  const known = listed.flatMap((text) => parseIp(text) ?? []);
  return ([4, 6] as const).flatMap((family) => {
    const others = known.filter((address) => ipFamily(address) === family);
    if (others.length === 0) return [];
    const areLocal = family === 6 && others.every(isLinkLocal);
    // A link-local address does not stand among those of the document's interface.
    const own = (areLocal ? all : chosen.addresses)
      .flatMap((text) => parseNetwork(text)?.address ?? [])
      .filter(
        (address) => ipFamily(address) === family && (family === 4 || isLinkLocal(address) === areLocal),
      )
      .map(formatIp);
    const [first] = own;
    return first === undefined || own.some((address) => listed.includes(address)) ? [] : [first];
  });
}

/** IPv6 addresses have colons, which mean something else inside of braces. */
function quoted(address: string): string {
  return address.includes(":") ? `"${address}"` : address;
}

type EntryValue = string | { readonly interfaces: readonly string[] };

/** Puts one more entry at the end of a map, in the map's own way of writing. */
function withEntry(text: string, path: readonly string[], key: string, value: EntryValue): string {
  const document = parseDocument(text);
  const map: unknown = document.getIn(path, true);
  if (!isMap(map) || map.range === null || map.range === undefined)
    return withEntryAnywhere(document, path, key, value);
  return map.flow === true
    ? withFlowEntry(text, map, `${key}: ${flowValue(value)}`)
    : withBlockEntry(text, map, key, value);
}

function flowValue(value: EntryValue): string {
  return typeof value === "string" ? value : `{ interfaces: { ${value.interfaces.join(", ")} } }`;
}

/** `{ gw1: 110 }` becomes `{ gw1: 110, gw2: 100 }`. */
function withFlowEntry(text: string, map: YAMLMap, entry: string): string {
  const last = endOf(map.items.at(-1)?.value) ?? (map.range?.[0] ?? 0) + 1;
  return `${text.slice(0, last)}${map.items.length === 0 ? " " : ", "}${entry}${text.slice(last)}`;
}

function withBlockEntry(text: string, map: YAMLMap, key: string, value: EntryValue): string {
  const [pair] = map.items;
  const keyStart = isScalar(pair?.key) ? (pair.key.range?.[0] ?? 0) : 0;
  const indent = " ".repeat(keyStart - (text.lastIndexOf("\n", keyStart - 1) + 1));
  const end = endOf(map.items.at(-1)?.value) ?? keyStart;
  // A comment behind the last value belongs to it.
  const newline = text.indexOf("\n", end);
  const at = newline < 0 ? text.length : newline;
  const lines =
    typeof value === "string"
      ? [`${key}: ${value}`]
      : [`${key}:`, "  interfaces:", ...value.interfaces.map((line) => `    ${line}`)];
  const block = lines.map((line) => `\n${indent}${line}`).join("");
  return `${text.slice(0, at)}${block}${text.slice(at)}`;
}

/** Puts one more item at the end of a list that is not empty, in the list's own way of writing. */
function withItem(text: string, path: readonly string[], item: string): string {
  const document = parseDocument(text);
  const list: unknown = document.getIn(path, true);
  const last = isSeq(list) ? (list.items.at(-1) as Node | undefined) : undefined;
  if (!isSeq(list) || last?.range === null || last?.range === undefined) {
    document.addIn(path, parseDocument(item).contents);
    return document.toString({ lineWidth: 0 });
  }
  const [start, end] = last.range;
  if (list.flow === true) return `${text.slice(0, end)}, ${item}${text.slice(end)}`;
  const line = text.lastIndexOf("\n", start - 1) + 1;
  const indent = text.slice(line, start);
  // A comment behind the last item belongs to it.
  const newline = text.indexOf("\n", end);
  const at = newline < 0 ? text.length : newline;
  return `${text.slice(0, at)}\n${indent}${item}${text.slice(at)}`;
}

/** Where the characters of a value end, without the line breaks behind it. */
function endOf(value: unknown): number | undefined {
  const node = value as Node | null | undefined;
  if (isMap(node) && node.flow !== true && node.items.length > 0) return endOf(node.items.at(-1)?.value);
  return node?.range?.[1];
}

/** Where the map is an alias or of another kind: the library writes the whole text anew. */
function withEntryAnywhere(
  document: Document.Parsed,
  path: readonly string[],
  key: string,
  value: EntryValue,
): string {
  const entry = parseDocument(flowValue(value)).contents;
  document.setIn([...path, key], entry);
  return document.toString({ lineWidth: 0 });
}
