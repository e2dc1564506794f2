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
  /** Over IPv4; version 2 needs an interval of whole seconds. */
  readonly version?: 2 | 3;
  readonly intervalSeconds?: number;
  /** Further lines of the two instances. */
  readonly lines4?: readonly string[];
  readonly lines6?: readonly string[];
  /** A whole configuration instead, and the names of its instances. */
  readonly configuration?: { readonly text: string; readonly instances: readonly string[] };
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
    writeFileSync(`${base}.conf`, options.configuration?.text ?? configuration(options));
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

  /** All instances are in this state, as the last that each of them said. */
  async waitForState(state: "MASTER" | "BACKUP"): Promise<void> {
    await waitFor(
      `keepalived to be ${state}`,
      () =>
        (this.#options.configuration?.instances ?? ["v4", "v6"]).every(
          (instance) => lastState(this.log, instance) === state,
        ),
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
  const { version = 3, intervalSeconds = 0.1, lines4 = [], lines6 = [] } = options;
  const instance = (family: 4 | 6, addresses: readonly string[], lines: readonly string[]) => `
vrrp_instance v${family} {
  state BACKUP
  interface ${options.device}
  virtual_router_id ${options.virtualRouterId}
  priority ${options.priority}
  advert_int ${intervalSeconds}
  version ${family === 4 ? version : 3}
  ${lines.join("\n  ")}
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
${instance(4, options.addresses4, lines4)}${instance(6, options.addresses6, lines6)}`;
}
