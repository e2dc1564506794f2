import { parseDurationMs } from "../base/duration.ts";
import { type IpAddress, type IpNetwork, parseNetwork } from "../base/ip.ts";
import { parseHostAddress, parseInterfaceAddress } from "./document-scalars.ts";
import type { DocumentPath } from "./located-yaml.ts";

/**
 * What a document says, as far as it can be understood, each statement with its path. The rules work on facts,
 * so that a document with a mistake in one place is still checked everywhere else.
 */
export interface DocumentFacts {
  /** Undefined when `nodes` is no map. */
  readonly nodesPath: DocumentPath | undefined;
  readonly nodes: readonly NodeFacts[];
  /** Undefined when `groups` is no map. */
  readonly groupsPath: DocumentPath | undefined;
  readonly groups: readonly GroupFacts[];
  readonly sourceRules: readonly SourceRuleFacts[];
  readonly syncInterface: Fact<string> | undefined;
  readonly metricsInterface: Fact<string> | undefined;
  readonly apiInterface: Fact<string> | undefined;
  /** Of the API's certificate and key, those that are named. */
  readonly apiFiles: readonly Fact<string>[];
  /** Of the arbiter's two files for clients, those that are named. */
  readonly arbiterFiles: readonly Fact<string>[];
  /** Interfaces on which no pulses are sent. */
  readonly pulsesWithout: readonly Fact<string>[];
  readonly ports: readonly { readonly name: string; readonly port: Fact<number> }[];
}

export interface Fact<T> {
  readonly value: T;
  readonly path: DocumentPath;
}

export interface NodeFacts {
  readonly name: string;
  readonly path: DocumentPath;
  /** Undefined when `interfaces` is no map. */
  readonly interfacesPath: DocumentPath | undefined;
  readonly interfaces: readonly InterfaceFacts[];
}

export interface InterfaceFacts {
  readonly role: string;
  readonly path: DocumentPath;
  readonly device: Fact<string> | undefined;
  readonly addresses: AddressList;
}

export interface AddressList {
  readonly items: readonly Fact<IpNetwork>[];
  /** Whether every item was understood: only then may a rule conclude from what is absent. */
  readonly complete: boolean;
}

export interface GroupFacts {
  readonly name: string;
  readonly path: DocumentPath;
  readonly virtualRouterId: Fact<number> | undefined;
  readonly priorities: readonly (Fact<number> & { readonly node: string })[];
  readonly prioritiesPath: DocumentPath | undefined;
  readonly addressesPath: DocumentPath | undefined;
  readonly addresses: readonly AddressesOfRole[];
  readonly version: Fact<number>;
  /** NaN where it is no duration. */
  readonly intervalMs: Fact<number>;
  readonly unicastPeers: readonly AddressesOfRole[];
  readonly routerAdvertisements: readonly RouterAdvertisementFacts[];
  readonly checksPath: DocumentPath;
  readonly checks: readonly CheckFacts[];
}

export interface AddressesOfRole {
  readonly role: string;
  readonly path: DocumentPath;
  readonly list: AddressList;
}

/** Durations are NaN where they are none; what is not said has its default. */
export interface RouterAdvertisementFacts {
  readonly role: string;
  readonly path: DocumentPath;
  readonly intervalMs: Fact<number>;
  readonly lifetimeMs: Fact<number>;
  readonly prefixes: readonly {
    readonly network: Fact<IpNetwork>;
    readonly autonomous: boolean;
    readonly validMs: Fact<number>;
    readonly preferredMs: Fact<number>;
  }[];
  readonly dnsServers: AddressList;
}

export interface CheckFacts {
  readonly name: string;
  readonly path: DocumentPath;
  readonly kind: string | undefined;
  readonly keys: readonly string[];
  readonly interface: Fact<string> | undefined;
  readonly target: Fact<IpAddress> | undefined;
  /** The first word. */
  readonly program: Fact<string> | undefined;
  readonly weight: Fact<number> | undefined;
  readonly veto: boolean;
  readonly tieBreaker: boolean;
  readonly intervalMs: number | undefined;
  readonly timeout: Fact<number> | undefined;
}

export interface SourceRuleFacts {
  readonly id: Fact<string> | undefined;
  readonly from: AddressList;
  readonly out: Fact<string> | undefined;
  readonly to: Fact<string> | undefined;
}

export function documentFacts(root: unknown): DocumentFacts {
  const ports: (readonly [string, number])[] = [
    ["replication", 7844],
    ["control", 7846],
    // Nothing listens where the document does not ask for it.
    ...(isMap(child(root, "metrics")) ? [["metrics", 9845] as const] : []),
    ...(isMap(child(root, "api")) ? [["api", 7847] as const] : []),
  ];
  return {
    nodesPath: isMap(child(root, "nodes")) ? ["nodes"] : undefined,
    nodes: entries(root, ["nodes"]).map(nodeFacts),
    groupsPath: isMap(child(root, "groups")) ? ["groups"] : undefined,
    groups: entries(root, ["groups"]).map(groupFacts),
    sourceRules: items(root, ["nat", "source"]).map(sourceRuleFacts),
    syncInterface: textFact(child(child(root, "replication"), "interface"), ["replication", "interface"]),
    metricsInterface: textFact(child(child(root, "metrics"), "interface"), ["metrics", "interface"]),
    apiInterface: textFact(child(child(root, "api"), "interface"), ["api", "interface"]),
    apiFiles: certificateFacts(root, "api"),
    arbiterFiles: certificateFacts(root, "arbiter"),
    pulsesWithout: items(child(root, "pulses"), ["without"]).flatMap(({ value, path }) => {
      const fact = textFact(value, ["pulses", ...path]);
      return fact === undefined ? [] : [fact];
    }),
    ports: ports.map(([name, byDefault]) => {
      const port = child(child(root, name), "port") ?? byDefault;
      return { name, port: { value: typeof port === "number" ? port : Number.NaN, path: [name, "port"] } };
    }),
  };
}

/** Of a certificate and its key, those that are named. */
function certificateFacts(root: unknown, part: string): readonly Fact<string>[] {
  return ["certificateFile", "keyFile"].flatMap(
    (key) => textFact(child(child(root, part), key), [part, key]) ?? [],
  );
}

/** A value in a map or a list, with its place. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly path: DocumentPath;
}

function nodeFacts({ key, value, path }: Entry): NodeFacts {
  return {
    name: key,
    path,
    interfacesPath: isMap(child(value, "interfaces")) ? [...path, "interfaces"] : undefined,
    interfaces: entries(value, ["interfaces"], path).map((entry) => ({
      role: entry.key,
      path: entry.path,
      device: textFact(child(entry.value, "device"), [...entry.path, "device"]),
      addresses: addressList(child(entry.value, "addresses"), [...entry.path, "addresses"]),
    })),
  };
}

function groupFacts({ key, value, path }: Entry): GroupFacts {
  return {
    name: key,
    path,
    virtualRouterId: numberFact(child(value, "virtualRouterId"), [...path, "virtualRouterId"]),
    prioritiesPath: isMap(child(value, "priorities")) ? [...path, "priorities"] : undefined,
    priorities: entries(value, ["priorities"], path).flatMap((entry) => [
      {
        node: entry.key,
        path: entry.path,
        value: typeof entry.value === "number" ? entry.value : Number.NaN,
      },
    ]),
    addressesPath: isMap(child(value, "addresses")) ? [...path, "addresses"] : undefined,
    addresses: addressesByRole(value, "addresses", path, parseInterfaceAddress),
    version: numberFact(child(value, "version") ?? 3, [...path, "version"]) ?? { value: 3, path },
    intervalMs: durationFact(value, "interval", path, "100ms"),
    unicastPeers: addressesByRole(value, "unicastPeers", path, parseHostAddress),
    routerAdvertisements: entries(value, ["routerAdvertisements"], path).map(routerAdvertisementFacts),
    checksPath: [...path, "checks"],
    checks: entries(value, ["checks"], path).map(checkFacts),
  };
}

function addressesByRole(value: unknown, key: string, path: DocumentPath, parse: Parse): AddressesOfRole[] {
  return entries(value, [key], path).map((entry) => ({
    role: entry.key,
    path: entry.path,
    list: addressList(entry.value, entry.path, parse),
  }));
}

function routerAdvertisementFacts({ key, value, path }: Entry): RouterAdvertisementFacts {
  return {
    role: key,
    path,
    intervalMs: durationFact(value, "interval", path, "30s"),
    lifetimeMs: durationFact(value, "lifetime", path, "30m"),
    prefixes: items(value, ["prefixes"], path).flatMap((item) =>
      networkFact(child(item.value, "prefix"), [...item.path, "prefix"], parseNetwork).map((network) => ({
        network,
        autonomous: child(item.value, "autonomous") !== false,
        validMs: durationFact(item.value, "validLifetime", item.path, "24h"),
        preferredMs: durationFact(item.value, "preferredLifetime", item.path, "4h"),
      })),
    ),
    dnsServers: addressList(child(value, "dnsServers"), [...path, "dnsServers"], parseHostAddress),
  };
}

function checkFacts({ key, value, path }: Entry): CheckFacts {
  const text = (name: string) => textFact(child(value, name), [...path, name]);
  const durationMs = (name: string) => parseDurationMs(text(name)?.value ?? "");
  const target = parseHostAddress(text("target")?.value ?? "")?.address;
  const command = child(value, "command");
  const timeoutMs = durationMs("timeout");
  return {
    name: key,
    path,
    kind: text("kind")?.value,
    keys: isMap(value) ? Object.keys(value) : [],
    interface: text("interface"),
    target: target === undefined ? undefined : { value: target, path: [...path, "target"] },
    program: Array.isArray(command) ? textFact(command[0], [...path, "command", 0]) : undefined,
    weight: numberFact(child(value, "weight"), [...path, "weight"]),
    veto: child(value, "veto") === true,
    tieBreaker: child(value, "tieBreaker") === true,
    intervalMs: child(value, "interval") === undefined ? 1_000 : durationMs("interval"),
    timeout: timeoutMs === undefined ? undefined : { value: timeoutMs, path: [...path, "timeout"] },
  };
}

function sourceRuleFacts({ value, path }: Entry): SourceRuleFacts {
  const from = child(value, "from");
  return {
    id: textFact(child(value, "id"), [...path, "id"]),
    out: textFact(child(value, "out"), [...path, "out"]),
    to: textFact(child(value, "to"), [...path, "to"]),
    from:
      typeof from === "string"
        ? { items: networkFact(from, [...path, "from"], parseNetwork), complete: true }
        : addressList(from, [...path, "from"], parseNetwork),
  };
}

export type Parse = (text: string) => IpNetwork | undefined;

export function addressList(
  value: unknown,
  path: DocumentPath,
  parse: Parse = parseInterfaceAddress,
): AddressList {
  const given = Array.isArray(value) ? value : [];
  const parsed = given.flatMap((item, index) => networkFact(item, [...path, index], parse));
  return { items: parsed, complete: Array.isArray(value) && parsed.length === given.length };
}

export function networkFact(value: unknown, path: DocumentPath, parse: Parse): Fact<IpNetwork>[] {
  const parsed = typeof value === "string" ? parse(value) : undefined;
  return parsed === undefined ? [] : [{ value: parsed, path }];
}

/** The place of a duration that is not there is what it would be in. */
function durationFact(value: unknown, key: string, path: DocumentPath, byDefault: string): Fact<number> {
  const given = child(value, key);
  const text = given ?? byDefault;
  const durationMs = typeof text === "string" ? parseDurationMs(text) : undefined;
  return { value: durationMs ?? Number.NaN, path: given === undefined ? path : [...path, key] };
}

export function textFact(value: unknown, path: DocumentPath): Fact<string> | undefined {
  return typeof value === "string" ? { value, path } : undefined;
}

export function numberFact(value: unknown, path: DocumentPath): Fact<number> | undefined {
  return typeof value === "number" ? { value, path } : undefined;
}

export function entries(root: unknown, below: readonly string[], base: DocumentPath = []): Entry[] {
  const map = below.reduce(child, root);
  if (!isMap(map)) return [];
  return Object.entries(map).map(([key, value]) => ({ key, value, path: [...base, ...below, key] }));
}

export function items(root: unknown, below: readonly string[], base: DocumentPath = []): Entry[] {
  const list = below.reduce(child, root);
  if (!Array.isArray(list)) return [];
  return list.map((value: unknown, index) => ({
    key: String(index),
    value,
    path: [...base, ...below, index],
  }));
}

export function child(value: unknown, key: string): unknown {
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
