import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../src/base/problem.ts";
import { nodeFolder } from "../../src/lab/lab-folder.ts";
import { labAddresses, namespaceOf } from "../../src/lab/lab-plan.ts";
import { processesIn, sendSignal } from "../../src/lab/process-table.ts";

/** Debian's script that commits conntrackd's cache to the kernel when the node becomes active, and flushes it elsewhere. */
const EXAMPLE_SCRIPT = "/usr/share/doc/conntrackd/examples/sync/primary-backup.sh";

export interface KeepalivedOptions {
  readonly lab: string;
  readonly node: string;
  readonly priority: number;
  readonly intervalMs: number;
  /** Whether connections must be committed to the kernel at a takeover: they are in conntrackd's cache. */
  readonly commits: boolean;
}

/** Runs keepalived on a node of a lab, beside the conntrackd that runs there: both interfaces move together. */
export function startKeepalived({ lab, node, priority, intervalMs, commits }: KeepalivedOptions): void {
  const folder = nodeFolder(lab, node);
  const script = join(folder, "primary-backup.sh");
  if (commits) writeFileSync(script, primaryBackupScript(folder), { mode: 0o755 });
  const file = join(folder, "keepalived.conf");
  writeFileSync(file, configuration({ priority, intervalMs, script: commits ? script : undefined }));
  const log = openSync(join(folder, "log"), "a");
  const child = spawn(
    "ip",
    [
      ...["netns", "exec", namespaceOf(lab, node), "keepalived", "--use-file", file],
      ...["--pid", join(folder, "keepalived.pid"), "--vrrp_pid", join(folder, "keepalived-vrrp.pid")],
      ...["--vrrp", "--dont-fork", "--log-console", "--no-syslog"],
    ],
    { stdio: ["ignore", log, log], detached: true },
  );
  closeSync(log);
  child.unref();
}

/** Asks it to end in order: it withdraws with priority 0. */
export function stopKeepalived(lab: string, node: string): void {
  for (const pid of processesIn(namespaceOf(lab, node))) {
    const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    if (name.startsWith("keepalived")) sendSignal(pid, "SIGTERM");
  }
}

function configuration(options: {
  readonly priority: number;
  readonly intervalMs: number;
  readonly script: string | undefined;
}): string {
  const { priority, intervalMs, script } = options;
  const instance = (device: "lan" | "wan", id: number) => `vrrp_instance ${device} {
  state BACKUP
  nopreempt
  interface ${device}
  virtual_router_id ${id}
  priority ${priority}
  advert_int ${intervalMs / 1_000}
  virtual_ipaddress {
    ${labAddresses.virtual[device][0]}
  }
}
`;
  const notify =
    script === undefined
      ? ""
      : `  notify_master "${script} primary"
  notify_backup "${script} backup"
  notify_fault "${script} fault"
`;
  // As real-time as conntrackd makes itself: the comparison shall not depend on the scheduler.
  return `global_defs {
  vrrp_version 3
  vrrp_rt_priority 50
  script_user root
}
vrrp_sync_group gateway {
  group {
    lan
    wan
  }
${notify}}
${instance("lan", 51)}${instance("wan", 52)}`;
}

/** The example as it is, but for where its files are. */
function primaryBackupScript(folder: string): string {
  let text: string;
  try {
    text = readFileSync(EXAMPLE_SCRIPT, "utf8");
  } catch {
    throw new ProblemError({
      code: "lab-command",
      message: `${EXAMPLE_SCRIPT} is not there`,
      hint: "It is part of Debian's package conntrackd; containers without documentation leave it out.",
    });
  }
  const places = {
    CONNTRACKD_CONFIG: join(folder, "conntrackd.conf"),
    CONNTRACKD_LOCK: join(folder, "conntrackd.lock"),
  };
  for (const [name, place] of Object.entries(places)) {
    const pattern = new RegExp(`^${name}=.*$`, "m");
    if (!pattern.test(text)) throw new Error(`${EXAMPLE_SCRIPT} has no line ${name}=`);
    text = text.replace(pattern, `${name}=${place}`);
  }
  return text;
}
