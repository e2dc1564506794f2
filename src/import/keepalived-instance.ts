import type { IpNetwork } from "../base/ip.ts";
import type { Statement } from "./block-file.ts";
import { numberIn, plainAddress, secondsToMs, writtenAddress } from "./config-values.ts";
import { type InstanceDefaults, isOn, remark } from "./keepalived-keywords.ts";
import { weightOf } from "./keepalived-script.ts";
import type { Remarks } from "./remark.ts";
import { type RouteFact, readRoutes } from "./route-facts.ts";

/** A virtual address, and where it goes. */
export interface VirtualAddress {
  readonly at: Statement;
  readonly network: IpNetwork;
  readonly hasLength: boolean;
  /** Another device than that of the instance. */
  readonly device: string | undefined;
}

/** Something whose state lowers the priority. */
export interface Track {
  readonly at: Statement;
  readonly kind: "interface" | "script";
  readonly name: string;
  /** 0: the instance fails with it. */
  readonly weight: number;
  /** Whether the line itself has a weight; a script's own counts otherwise. */
  readonly hasWeight: boolean;
}

/** A vrrp_instance. */
export interface VrrpInstance {
  readonly at: Statement;
  readonly name: string;
  device: string | undefined;
  virtualRouterId: number | undefined;
  priority: number;
  intervalMs: number;
  version: 2 | 3;
  preempt: boolean;
  preemptDelayMs: number;
  virtualMac: boolean;
  acceptMode: boolean;
  /** The own address that packets are sent from (unicast_src_ip, mcast_src_ip). */
  sourceAddress: string | undefined;
  peers: string[];
  readonly addresses: VirtualAddress[];
  readonly tracks: Track[];
  readonly routes: RouteFact[];
}

/** keepalived.conf(5): priority 100 and one second are the defaults. */
const PRIORITY_DEFAULT = 100;
const INTERVAL_DEFAULT_MS = 1_000;

export function readInstance(
  statement: Statement,
  { defaults, remarks }: { readonly defaults: InstanceDefaults; readonly remarks: Remarks },
): VrrpInstance {
  const instance: VrrpInstance = {
    at: statement,
    name: statement.values[0] ?? "",
    device: undefined,
    virtualRouterId: undefined,
    priority: PRIORITY_DEFAULT,
    intervalMs: INTERVAL_DEFAULT_MS,
    version: defaults.version,
    preempt: true,
    preemptDelayMs: 0,
    virtualMac: false,
    acceptMode: defaults.acceptMode,
    sourceAddress: undefined,
    peers: [],
    addresses: [],
    tracks: [],
    routes: [],
  };
  for (const one of statement.block ?? []) {
    const read = keywords[one.name];
    if (Object.hasOwn(keywords, one.name) && read !== undefined) read(instance, one, remarks);
    else remark(one, remarks);
  }
  if (instance.addresses.length === 0)
    remarks.lost(
      statement,
      "it has no virtual addresses",
      "Tocha moves addresses: a group without any is none.",
    );
  return instance;
}

type Read = (instance: VrrpInstance, statement: Statement, remarks: Remarks) => void;

const notUnderstood = (statement: Statement, remarks: Remarks) =>
  remarks.lost(statement, "its value is not understood", "Correct it, and import again.");

const keywords: Readonly<Record<string, Read>> = {
  interface: (instance, { values }) => {
    instance.device = values[0];
  },
  virtual_router_id: (instance, statement, remarks) => {
    instance.virtualRouterId = numberIn(statement.values[0] ?? "", 1, 255);
    if (instance.virtualRouterId === undefined) notUnderstood(statement, remarks);
  },
  priority: (instance, statement, remarks) => {
    const priority = numberIn(statement.values[0] ?? "", 1, 255);
    if (priority === undefined) notUnderstood(statement, remarks);
    else instance.priority = priority;
  },
  advert_int: (instance, statement, remarks) => {
    const intervalMs = secondsToMs(statement.values[0] ?? "");
    if (intervalMs === undefined || intervalMs < 10 || intervalMs > 40_950)
      return notUnderstood(statement, remarks);
    // VRRPv3 counts in hundredths of a second (RFC 9568 5.2.7).
    instance.intervalMs = Math.round(intervalMs / 10) * 10;
  },
  version: (instance, { values }) => {
    instance.version = values[0] === "3" ? 3 : 2;
  },
  virtual_routes: (instance, statement, remarks) => {
    instance.routes.push(...readRoutes(statement, { remarks, isVirtual: true }));
  },
  nopreempt: (instance) => {
    instance.preempt = false;
  },
  preempt: (instance) => {
    instance.preempt = true;
  },
  preempt_delay: (instance, statement, remarks) => {
    const delayMs = secondsToMs(statement.values[0] ?? "");
    if (delayMs === undefined) return notUnderstood(statement, remarks);
    instance.preemptDelayMs = Math.min(delayMs, 3_600_000);
  },
  use_vmac: (instance, statement, remarks) => {
    instance.virtualMac = true;
    if (statement.values.some((value) => value.includes(":")))
      remarks.changed(statement, "the hardware address is always that of the virtual router (RFC 9568 7.3)");
  },
  use_vmac_addr: (instance) => {
    instance.virtualMac = true;
  },
  accept: (instance) => {
    instance.acceptMode = true;
  },
  no_accept: (instance) => {
    instance.acceptMode = false;
  },
  strict_mode: (instance, { values }) => {
    if (isOn(values[0] ?? "")) instance.acceptMode = false;
  },
  unicast_src_ip: readSource,
  mcast_src_ip: readSource,
  unicast_peer: (instance, statement, remarks) => {
    for (const peer of statement.block ?? []) {
      const address = plainAddress(peer.name);
      if (address === undefined) notUnderstood(peer, remarks);
      else instance.peers.push(address);
    }
  },
  virtual_ipaddress: (instance, statement, remarks) => {
    for (const one of statement.block ?? []) readVirtualAddress(instance, one, remarks);
  },
  virtual_ipaddress_excluded: (instance, statement, remarks) => {
    remarks.changed(
      statement,
      "these addresses are advertised like all others",
      "A router with other addresses in its list complains in its log, and goes on.",
    );
    for (const one of statement.block ?? []) readVirtualAddress(instance, one, remarks);
  },
  track_interface: readTracks,
  track_script: readTracks,
};

function readSource(instance: VrrpInstance, statement: Statement, remarks: Remarks): void {
  instance.sourceAddress = plainAddress(statement.values[0] ?? "");
  if (instance.sourceAddress === undefined) notUnderstood(statement, remarks);
}

function readTracks(instance: VrrpInstance, statement: Statement, remarks: Remarks): void {
  instance.tracks.push(...readTrack(statement, remarks));
}

/** The lines of a track_interface or track_script. */
export function readTrack(statement: Statement, remarks: Remarks): Track[] {
  const kind = statement.name === "track_interface" ? "interface" : "script";
  return (statement.block ?? []).flatMap((at): Track[] => {
    const weight = weightOf(at, remarks);
    if (Number.isNaN(weight)) return [];
    return [{ at, kind, name: at.name, weight, hasWeight: at.values.includes("weight") }];
  });
}

/** Words of an address line that say where it goes; others fine-tune it. */
function readVirtualAddress(instance: VrrpInstance, statement: Statement, remarks: Remarks): void {
  const address = writtenAddress(statement.name);
  if (address === undefined) {
    notUnderstood(statement, remarks);
    return;
  }
  const { values } = statement;
  const at = values.indexOf("dev");
  const device = at < 0 ? undefined : values[at + 1];
  const others = values.filter((_, index) => at < 0 || index < at || index > at + 1);
  if (others.length > 0) {
    remarks.changed(
      statement,
      `the address is carried over, "${others.join(" ").slice(0, 80)}" is not`,
      "Tocha sets the address with its prefix length alone.",
    );
  }
  instance.addresses.push({ at: statement, ...address, device });
}
