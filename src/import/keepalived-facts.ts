import { type BlockFileOptions, readBlockFile, type SourceFile, type Statement } from "./block-file.ts";
import { keepalivedLines } from "./block-lines.ts";
import { secondsToMs } from "./config-values.ts";
import { readInstance, readTrack, type Track, type VrrpInstance } from "./keepalived-instance.ts";
import { type InstanceDefaults, isOn, remark } from "./keepalived-keywords.ts";
import { readTrackScript, type TrackScript } from "./keepalived-script.ts";
import type { Remarks } from "./remark.ts";
import { type RouteFact, readRoutes } from "./route-facts.ts";

/** A vrrp_sync_group: instances that move together. */
export interface SyncGroup {
  readonly at: Statement;
  readonly name: string;
  readonly members: readonly string[];
  readonly tracks: readonly Track[];
}

/** What one keepalived is told. */
export interface KeepalivedFacts {
  readonly routerId: string | undefined;
  readonly instances: readonly VrrpInstance[];
  readonly syncGroups: readonly SyncGroup[];
  readonly scripts: readonly TrackScript[];
  readonly routes: readonly RouteFact[];
  /** Announcements a second on one interface, at most. */
  readonly announceRate: number | undefined;
}

export interface KeepalivedOptions {
  readonly remarks: Remarks;
  readonly configId: string;
  readonly include: NonNullable<BlockFileOptions["include"]>;
}

/** Reads what one keepalived is told. Total: what is not understood becomes a remark. */
export function readKeepalived(source: SourceFile, options: KeepalivedOptions): KeepalivedFacts {
  const { remarks } = options;
  const statements = readBlockFile(source, { ...options, syntax: keepalivedLines });
  // Until 2.2.7 at least, version 2 is spoken over IPv4 when nothing is said.
  const defaults: InstanceDefaults = { version: 2, acceptMode: true };
  const globals: Globals = { routerId: undefined, announceRate: undefined };
  for (const statement of statements) {
    if (statement.name === "global_defs") readGlobals(statement, { defaults, globals, remarks });
  }
  const scripts: TrackScript[] = [];
  const syncGroups: SyncGroup[] = [];
  const instances: VrrpInstance[] = [];
  const routes: RouteFact[] = [];
  for (const statement of statements) {
    switch (statement.name) {
      case "global_defs":
        break;
      case "vrrp_script": {
        const script = readTrackScript(statement, remarks);
        if (script !== undefined) scripts.push(script);
        break;
      }
      case "vrrp_sync_group":
        syncGroups.push(readSyncGroup(statement, remarks));
        break;
      case "static_routes":
        routes.push(...readRoutes(statement, { remarks, isVirtual: false }));
        break;
      case "vrrp_instance":
        instances.push(readInstance(statement, { defaults, remarks }));
        break;
      default:
        remark(statement, remarks);
    }
  }
  return {
    ...globals,
    ...{ scripts, syncGroups, instances },
    routes: [...routes, ...instances.flatMap((one) => one.routes)],
  };
}

interface Globals {
  routerId: string | undefined;
  announceRate: number | undefined;
}

function readGlobals(
  statement: Statement,
  { defaults, globals, remarks }: { defaults: InstanceDefaults; globals: Globals; remarks: Remarks },
): void {
  for (const one of statement.block ?? []) {
    const [value = ""] = one.values;
    switch (one.name) {
      case "vrrp_version":
        defaults.version = value === "3" ? 3 : 2;
        break;
      case "vrrp_strict":
        if (isOn(value)) {
          defaults.acceptMode = false;
          remarks.changed(one, "of what it forbids, the document has acceptMode: false alone");
        }
        break;
      case "router_id":
        globals.routerId = value;
        remark(one, remarks);
        break;
      case "vrrp_garp_interval":
      case "vrrp_gna_interval": {
        const gapMs = secondsToMs(value);
        if (gapMs !== undefined && gapMs > 0) globals.announceRate = Math.max(1, Math.round(1_000 / gapMs));
        break;
      }
      case "vrrp_mcast_group4":
      case "vrrp_mcast_group6":
        if (!["224.0.0.18", "ff02::12"].includes(value))
          remarks.lost(
            one,
            "tocha speaks to the groups of RFC 9568 only",
            "Take it away on all routers that stay.",
          );
        break;
      default:
        remark(one, remarks);
    }
  }
}

function readSyncGroup(statement: Statement, remarks: Remarks): SyncGroup {
  const members: string[] = [];
  const tracks: Track[] = [];
  for (const one of statement.block ?? []) {
    if (one.name === "group") {
      for (const member of one.block ?? []) members.push(member.name, ...member.values);
    } else if (one.name === "track_interface" || one.name === "track_script") {
      tracks.push(...readTrack(one, remarks));
    } else {
      remark(one, remarks);
    }
  }
  return { at: statement, name: statement.values[0] ?? "", members, tracks };
}
