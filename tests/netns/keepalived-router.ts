import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processesIn, sendSignal } from "../../src/lab/process-table.ts";
import { waitFor } from "./namespace-waiting.ts";

export interface KeepalivedOptions {
  readonly namespace: string;
  /** For its configuration and its logs. */
  readonly folder: string;
  readonly device: string;
  readonly virtualRouterId: number;
  readonly priority: number;
  readonly addresses4: readonly string[];
  /** The link-local one first, as RFC 9568 5.2.9 asks. */
  readonly addresses6: readonly string[];
}

let started = 0;

/**
 * keepalived (2.2.7 in Debian 12) as the other router: an instance for each family with the same virtual router id,
 * held together by a sync group.
 */
export class KeepalivedRouter {
  readonly #options: KeepalivedOptions;
  readonly #logFile: string;

  constructor(options: KeepalivedOptions) {
    this.#options = options;
    const { folder, namespace } = options;
    mkdirSync(folder, { recursive: true });
    const base = join(folder, `keepalived-${++started}`);
    this.#logFile = `${base}.log`;
    writeFileSync(`${base}.conf`, configuration(options));
    const log = openSync(this.#logFile, "a");
    const files = ["--pid", `${base}.pid`, "--vrrp_pid", `${base}-vrrp.pid`];
    const child = spawn(
      "ip",
      [
        ...["netns", "exec", namespace, "keepalived", "--use-file", `${base}.conf`, ...files],
        ...["--vrrp", "--dont-fork", "--log-console", "--log-detail", "--no-syslog"],
      ],
      { stdio: ["ignore", log, log], detached: true },
    );
    closeSync(log);
    child.unref();
  }

  /** Everything it has said. */
  get log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  /** Lines in which it finds fault with a packet or with its configuration. */
  get complaints(): string[] {
    const fault =
      /bogus|invalid|incorrect|checksum|mismatch|not present|expected|discard|unknown|error|fail|TTL|HL|warn/i;
    return this.log.split("\n").filter((line) => fault.test(line));
  }

  async waitForLog(what: string, pattern: RegExp): Promise<void> {
    await waitFor(`keepalived to say ${what}`, () => pattern.test(this.log), { explain: () => this.log });
  }

  /** Both instances are in this state, as the last that each of them said. */
  async waitForState(state: "MASTER" | "BACKUP"): Promise<void> {
    await waitFor(
      `keepalived to be ${state}`,
      () => ["v4", "v6"].every((instance) => lastState(this.log, instance) === state),
      { explain: () => this.log },
    );
  }

  /** Withdraws in order: with priority 0. */
  async stop(): Promise<void> {
    for (const pid of this.#processes()) sendSignal(pid, "SIGTERM");
    await waitFor("keepalived to end", () => this.#processes().length === 0, { explain: () => this.log });
  }

  /** All of its processes at once, so that none can withdraw for another. Its addresses stay in the kernel. */
  async kill(): Promise<void> {
    const processes = this.#processes();
    // Stopped first: on a busy machine the one that is left lives long enough to see that the other is gone.
    for (const signal of ["SIGSTOP", "SIGKILL"] as const)
      for (const pid of processes) sendSignal(pid, signal);
    await waitFor("keepalived to end", () => this.#processes().length === 0);
  }

  #processes(): number[] {
    return processesIn(this.#options.namespace).filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, "utf8").trim().startsWith("keepalived");
      } catch {
        return false;
      }
    });
  }
}

function lastState(log: string, instance: string): string | undefined {
  const states = [...log.matchAll(new RegExp(`\\(${instance}\\) Entering ([A-Z]+) STATE`, "g"))];
  return states.at(-1)?.[1];
}

function configuration(options: KeepalivedOptions): string {
  const instance = (name: string, addresses: readonly string[]) => `
vrrp_instance ${name} {
  state BACKUP
  interface ${options.device}
  virtual_router_id ${options.virtualRouterId}
  priority ${options.priority}
  advert_int 0.1
  version 3
  virtual_ipaddress {
    ${addresses.join("\n    ")}
  }
}
`;
  return `global_defs {
  vrrp_version 3
}
vrrp_sync_group gateway {
  group {
    v4
    v6
  }
}
${instance("v4", options.addresses4)}${instance("v6", options.addresses6)}`;
}
