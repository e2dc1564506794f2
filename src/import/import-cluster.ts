import { stringify } from "yaml";
import { formatIp, formatNetwork, parseIp } from "../base/ip.ts";
import type { Problem } from "../base/problem.ts";
import { readDocument } from "../contract/read-document.ts";
import type { AddressTools } from "./assemble-addresses.ts";
import { assembleFirewall } from "./assemble-firewall.ts";
import { assembleForwards } from "./assemble-forwards.ts";
import { assembleGroups, type DocumentGroup } from "./assemble-groups.ts";
import { Interfaces, type InterfaceWishes, SYNC } from "./assemble-interfaces.ts";
import { assembleRoutes } from "./assemble-routes.ts";
import { assembleTranslations } from "./assemble-translations.ts";
import type { SourceFile } from "./block-file.ts";
import type { MissingFact } from "./missing-fact.ts";
import { type NodeConfig, type NodeFiles, readNode } from "./node-config.ts";
import { type Remark, Remarks } from "./remark.ts";

export interface ImportWish extends InterfaceWishes {
  readonly cluster: string;
  readonly nodes: readonly NodeFiles[];
  /** Virtual addresses that are left out. */
  readonly without: readonly string[];
  /** Gives the files that an include means. */
  readonly include: (pattern: string, from: string) => readonly SourceFile[];
}

export interface ImportResult {
  /** The document; undefined while facts are missing. It is valid when there are no problems. */
  readonly text: string | undefined;
  readonly remarks: readonly Remark[];
  readonly missing: readonly MissingFact[];
  /** What is wrong with the document all the same; their places are lines of `text`. */
  readonly problems: readonly Problem[];
  /** What is good to know of it. */
  readonly notices: readonly Problem[];
}

/** Makes one cluster document of what several programs on several nodes are told. Total. */
export function importCluster(wish: ImportWish): ImportResult {
  const remarks = new Remarks();
  const nodes = wish.nodes.map((files) => readNode(files, { remarks, include: wish.include }));
  const interfaces = new Interfaces(nodes, wish, remarks);
  const missing: MissingFact[] = [];
  const tools: AddressTools = { interfaces, remarks, missing };
  const without = new Set(wish.without.flatMap((text) => canonical(text)));
  const groups = assembleGroups(nodes, { ...tools, without });
  if (Object.keys(groups).length === 0) {
    missing.push({
      what: "a vrrp_instance: no file says which virtual addresses move",
      option: "the keepalived.conf of a node, as --node NAME=FILE",
    });
  }
  const virtual = rolesOfVirtual(groups);
  const source = assembleTranslations(nodes, virtual, tools);
  const forward = assembleForwards(nodes, virtual, tools);
  const routes = assembleRoutes(nodes, virtual, tools);
  const { sets, firewall, logging } = assembleFirewall(nodes, forward.length > 0, tools);
  const helpers = [...new Set(nodes.flatMap((node) => node.helpers))].sort();
  const document = {
    cluster: wish.cluster,
    nodes: documentNodes(nodes, tools),
    groups,
    ...natOf({ helpers, forward, source }),
    ...(sets === undefined ? {} : { sets }),
    ...(firewall === undefined ? {} : { firewall }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(logging === undefined ? {} : { logging }),
    replication: { interface: SYNC },
  };
  const facts = { remarks: remarks.list, missing: distinct(missing) };
  if (missing.length > 0) return { ...facts, text: undefined, problems: [], notices: [] };
  const text = stringify(document, { lineWidth: 0, flowCollectionPadding: false });
  const { problems, notices } = readDocument(text, "the imported document");
  return { ...facts, text, problems, notices };
}

/** What is empty is left out, as somebody would who writes it. */
function natOf(lists: Readonly<Record<string, readonly unknown[]>>): { readonly nat?: unknown } {
  const said = Object.entries(lists).filter(([, list]) => list.length > 0);
  return said.length === 0 ? {} : { nat: Object.fromEntries(said) };
}

function documentNodes(nodes: readonly NodeConfig[], { interfaces, missing }: AddressTools): unknown {
  return Object.fromEntries(
    nodes.map(({ name }) => {
      const own = interfaces.roles.map((role) => {
        const device = interfaces.deviceOf(name, role);
        const addresses = interfaces.own(name, role).map(formatNetwork);
        if (device === undefined) missing.push(missingDevice(name, role));
        if (addresses.length === 0) missing.push(missingAddress(name, role, device));
        return [role, { device, addresses }];
      });
      return [name, { interfaces: Object.fromEntries(own) }];
    }),
  );
}

function missingDevice(node: string, role: string): MissingFact {
  const what =
    role === SYNC
      ? `the device of ${node} by which the nodes speak to each other, a link of its own`
      : `the device of ${node} that is "${role}"`;
  return { what, option: `--device ${node}/${role}=DEVICE` };
}

function missingAddress(node: string, role: string, device: string | undefined): MissingFact {
  const where = device === undefined ? `"${role}"` : `"${role}" (${device})`;
  return {
    what: `an own address of ${node} on ${where}, with the length of its network's prefix`,
    option: `--address ${node}/${role}=ADDRESS/LENGTH`,
  };
}

/** One option may answer several questions: it is asked for once, by the most precise of them. */
function distinct(missing: readonly MissingFact[]): MissingFact[] {
  const byOption = new Map<string, MissingFact>();
  for (const fact of missing) {
    const key = fact.option.startsWith("--address") ? fact.option : `${fact.option} ${fact.what}`;
    if (!byOption.has(key)) byOption.set(key, fact);
  }
  return [...byOption.values()];
}

function rolesOfVirtual(groups: Readonly<Record<string, DocumentGroup>>): ReadonlyMap<string, string> {
  const roles = new Map<string, string>();
  for (const group of Object.values(groups)) {
    for (const [role, list] of Object.entries(group.addresses))
      for (const address of list) roles.set(address.split("/")[0] ?? "", role);
  }
  return roles;
}

function canonical(text: string): string[] {
  const address = parseIp(text);
  return address === undefined ? [] : [formatIp(address)];
}
