import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import type { NodeSettings } from "./node-settings.ts";
import type { WorkerRole } from "./role-message.ts";

/** Ports below this are for those who may (CAP_NET_BIND_SERVICE). */
const PRIVILEGED_PORTS_END = 1_024;
const SETPRIV = "/usr/bin/setpriv";

/**
 * The capabilities that a role needs, in the spelling of setpriv(1); it gives up all others when it is started.
 *
 * net_admin: addresses, nftables, conntrack, sysctls. net_raw: frames of VRRP, ARP and neighbour discovery, and sockets
 * that are bound to a device. sys_nice: real-time priority. ipc_lock: its code stays in memory; under the unit, which does not give it,
 * LimitMEMLOCK= allows as much.
 */
export function roleCapabilities(role: WorkerRole, settings: NodeSettings): string[] {
  const { pulses, replication, control } = settings.ports;
  const byRole = {
    failover: { capabilities: ["net_admin", "net_raw", "sys_nice", "ipc_lock"], ports: [pulses] },
    replicator: { capabilities: ["net_admin", "net_raw"], ports: [replication] },
    // To become another user, which leaves it none.
    api: { capabilities: ["setuid", "setgid"], ports: [control] },
    control: { capabilities: ["net_admin", "net_raw"], ports: [control, settings.metrics?.port ?? control] },
  } as const satisfies Record<WorkerRole, unknown>;
  const { capabilities, ports } = byRole[role];
  const low = ports.some((port) => port < PRIVILEGED_PORTS_END);
  return [...capabilities, ...(low ? ["net_bind_service"] : [])];
}

/** The words to put before a command, so that it runs with no more than these; undefined where there is no setpriv(1). */
export function withCapabilities(capabilities: readonly string[]): string[] | undefined {
  try {
    accessSync(SETPRIV, constants.X_OK);
  } catch {
    return undefined;
  }
  const kept = capabilities.map((name) => `+${name}`);
  return [SETPRIV, `--bounding-set=${["-all", ...kept].join(",")}`, "--inh-caps=-all", "--no-new-privs"];
}

/**
 * How readily the kernel kills a process when memory runs out (proc(5), oom_score_adj): each point is a thousandth of all
 * memory on top of what it uses. The roles that hold the addresses go last; what only starts again goes first, control
 * before the replicator. -900 and not -1000: a process that leaks must not take the machine with it.
 */
export const oomScoreAdjust = {
  supervisor: -900,
  failover: -900,
  replicator: 200,
  control: 400,
  api: 600,
} as const satisfies Record<WorkerRole | "supervisor", number>;

/**
 * Raising the figure is always allowed, lowering it only with CAP_SYS_RESOURCE, or down to where somebody who may has
 * set it (as systemd's OOMScoreAdjust=).
 *
 * @returns the figure that counts now; undefined when the process is gone
 */
export function setOomScoreAdjust(pid: number, wished: number): number | undefined {
  const path = `/proc/${pid}/oom_score_adj`;
  try {
    writeFileSync(path, String(wished));
  } catch {
    // Not allowed: the figure below says what is.
  }
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Processes that the kernel has killed on this machine for want of memory, since it was booted (Linux 4.13). */
export function oomKills(): number {
  try {
    return Number(/^oom_kill ([0-9]+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
