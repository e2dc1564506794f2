import type { SourceFile } from "./block-file.ts";
import { configKind } from "./config-kind.ts";
import { readConntrackd, type SyncLink } from "./conntrackd-facts.ts";
import type { FilterChain } from "./filter-facts.ts";
import { readIptablesRules } from "./iptables-rules.ts";
import { type KeepalivedFacts, readKeepalived } from "./keepalived-facts.ts";
import type { NatRules, PortForward, SourceTranslation } from "./nat-facts.ts";
import { readNftablesRules } from "./nftables-rules.ts";
import type { Remarks } from "./remark.ts";
import { type RouteFact, readRouteLines } from "./route-facts.ts";

/** The files of one node. */
export interface NodeFiles {
  readonly name: string;
  /** What keepalived is started with (-i): lines that begin with @ are for it. Default: the node's name. */
  readonly configId?: string;
  readonly files: readonly SourceFile[];
}

/** What the programs of one node are told. */
export interface NodeConfig {
  readonly name: string;
  readonly keepalived: KeepalivedFacts;
  readonly links: readonly SyncLink[];
  readonly helpers: readonly string[];
  readonly translations: readonly SourceTranslation[];
  readonly forwards: readonly PortForward[];
  readonly filters: readonly FilterChain[];
  readonly routes: readonly RouteFact[];
}

export interface ReadNodeOptions {
  readonly remarks: Remarks;
  readonly include: (pattern: string, from: string) => readonly SourceFile[];
}

/** Reads all files of a node. Files of no known kind are the caller's mistake: they are passed over. */
export function readNode({ name, configId = name, files }: NodeFiles, options: ReadNodeOptions): NodeConfig {
  const { remarks, include } = options;
  const keepalived: KeepalivedFacts[] = [];
  const links: SyncLink[] = [];
  const helpers = new Set<string>();
  const rules: NatRules[] = [];
  const routes: RouteFact[] = [];
  for (const source of files) {
    switch (configKind(source.text)) {
      case "keepalived":
        keepalived.push(readKeepalived(source, { remarks, configId, include }));
        break;
      case "conntrackd": {
        const facts = readConntrackd(source, remarks);
        links.push(...facts.links);
        for (const helper of facts.helpers) helpers.add(helper);
        break;
      }
      case "nftables":
        rules.push(readNftablesRules(source, { remarks, include }));
        break;
      case "iptables":
        rules.push(readIptablesRules(source, remarks));
        break;
      case "routes":
        routes.push(...readRouteLines(source, remarks));
        break;
      case undefined:
    }
  }
  return {
    name,
    keepalived: together(keepalived),
    routes: [...keepalived.flatMap((one) => one.routes), ...routes],
    links,
    helpers: [...helpers],
    translations: rules.flatMap((one) => one.translations),
    forwards: rules.flatMap((one) => one.forwards),
    filters: rules.flatMap((one) => one.filters),
  };
}

function together(all: readonly KeepalivedFacts[]): KeepalivedFacts {
  return {
    routerId: all.find((one) => one.routerId !== undefined)?.routerId,
    announceRate: all.find((one) => one.announceRate !== undefined)?.announceRate,
    instances: all.flatMap((one) => one.instances),
    syncGroups: all.flatMap((one) => one.syncGroups),
    scripts: all.flatMap((one) => one.scripts),
    routes: all.flatMap((one) => one.routes),
  };
}
