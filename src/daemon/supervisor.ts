import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { VirtualAddresses } from "./drivers/virtual-addresses.ts";
import type { Log } from "./log.ts";
import type { NodeSettings } from "./node-settings.ts";
import {
  type Envelope,
  EnvelopeReader,
  encodeEnvelope,
  type RoleMessage,
  type RoleName,
  type WorkerRole,
} from "./role-message.ts";
import type { SupervisorReport } from "./role-report.ts";

const workerRoles = ["control", "replicator", "failover"] as const satisfies readonly WorkerRole[];

/** Node.js options by role: the failover role keeps little, so that its garbage collector has little to do. */
const runtimeOptions = {
  // A collection on several threads would wait for helpers of ordinary priority.
  failover: ["--max-old-space-size=48", "--max-semi-space-size=1", "--single-threaded-gc"],
  replicator: ["--max-old-space-size=512"],
  control: ["--max-old-space-size=128", "--max-semi-space-size=2"],
} as const satisfies Record<WorkerRole, readonly string[]>;

const RESTART_DELAY_MS_MIN = 50;
const RESTART_DELAY_MS_MAX = 5_000;
/** A role that has run this long is healthy: its next restart is quick again. */
const HEALTHY_MS = 10_000;
const STOP_LIMIT_MS = 3_000;
const FLUSH_LIMIT_MS = 500;
/** In the run folder: what removes the virtual addresses when nobody of the daemon is left (VirtualAddresses.releaseBatch). */
const RELEASE_FILE = "release.ip";

interface Worker {
  readonly role: WorkerRole;
  process: ChildProcess | undefined;
  channel: Duplex | undefined;
  startedMs: number;
  restarts: number;
  delayMs: number;
}

/**
 * Starts the roles, carries their messages, starts again what has died, and, whenever the failover role is lost,
 * removes the virtual addresses from the kernel at once: nobody defends them any more.
 */
export class Supervisor {
  readonly #settings: NodeSettings;
  readonly #log: Log;
  readonly #addresses: ReadonlyMap<string, VirtualAddresses>;
  readonly #workers: readonly Worker[] = workerRoles.map((role) => ({
    role,
    process: undefined,
    channel: undefined,
    startedMs: 0,
    restarts: 0,
    delayMs: RESTART_DELAY_MS_MIN,
  }));
  #stopping = false;
  #onStopped: (() => void) | undefined;

  constructor(settings: NodeSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    this.#addresses = new Map(settings.groups.map((group) => [group.name, new VirtualAddresses(group)]));
  }

  start(): void {
    const batches = [...this.#addresses.values()].map((addresses) => addresses.releaseBatch());
    writeFileSync(join(this.#settings.runDirectory, RELEASE_FILE), batches.join(""));
    for (const worker of this.#workers) this.#start(worker);
  }

  /** Ends all roles in order: addresses withdrawn and announced first, then the rest. Resolves when they are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    // The addresses first; then the last changes of connections on their way to the standby.
    await this.#stopRole("failover", STOP_LIMIT_MS);
    await this.#stopRole("replicator", FLUSH_LIMIT_MS);
    for (const { channel } of this.#workers) channel?.destroy();
    const deadline = Date.now() + STOP_LIMIT_MS;
    while (this.#workers.some(isRunning) && Date.now() < deadline) await sleep(10);
    for (const worker of this.#workers) if (isRunning(worker)) worker.process?.kill("SIGKILL");
    this.#removeAddresses();
  }

  /** Asks a role to end its work in order, and gives it a limited time for that. */
  #stopRole(role: WorkerRole, limitMs: number): Promise<void> {
    if (!isRunning(this.#worker(role))) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#deliver({ to: role, from: "supervisor", message: { kind: "stop" } });
    });
  }

  #start(worker: Worker): void {
    const { role } = worker;
    const main = fileURLToPath(new URL(`./roles/${role}.ts`, import.meta.url));
    const child = spawn(
      process.execPath,
      [...runtimeOptions[role], "--disable-warning=ExperimentalWarning", main],
      {
        stdio: ["ignore", "inherit", "inherit", "pipe"],
        // Visible in ps: which node and which role this is.
        argv0: `tochad-${role}-${this.#settings.node}`,
      },
    );
    worker.process = child;
    worker.startedMs = Date.now();
    const channel = child.stdio[3] as Duplex;
    worker.channel = channel;
    const reader = new EnvelopeReader();
    channel.on("data", (chunk: Buffer) => {
      const envelopes = reader.push(chunk);
      for (const envelope of envelopes) this.#deliver(envelope);
      if (role === "failover") this.#followAddresses(envelopes);
    });
    // A broken channel shows as the role's exit.
    channel.on("error", () => channel.destroy());
    child.on("error", (error) => {
      this.#log.write("supervisor", "error", `cannot start ${role}: ${error.message}`);
      this.#ended(worker, child, null, null);
    });
    child.on("exit", (code, signal) => this.#ended(worker, child, code, signal));
    this.#deliver({ to: role, from: "supervisor", message: { kind: "settings", settings: this.#settings } });
    this.#broadcast({ kind: "role-started", role }, role);
  }

  /** Of what the failover role said about the addresses of a group, only the last word counts. */
  #followAddresses(envelopes: readonly Envelope[]): void {
    for (const [group, addresses] of this.#addresses) {
      const last = envelopes.findLast(
        ({ message }) =>
          (message.kind === "holding" || message.kind === "released") && message.group === group,
      );
      // A renewal that was under way while the role removed the addresses may have brought them back.
      if (last?.message.kind === "released") addresses.remove();
      if (last?.message.kind !== "holding") continue;
      for (const refusal of addresses.renew()) this.#log.write("supervisor", "error", `renew ${refusal}`);
    }
  }

  #removeAddresses(): void {
    for (const addresses of this.#addresses.values()) addresses.remove();
  }

  #ended(worker: Worker, child: ChildProcess, code: number | null, signal: string | null): void {
    if (worker.process !== child) return;
    worker.process = undefined;
    worker.channel = undefined;
    if (worker.role === "failover") {
      this.#removeAddresses();
      for (const group of this.#addresses.keys())
        this.#broadcast({ kind: "active", group, active: false }, "failover");
      this.#onStopped?.();
    }
    if (worker.role === "replicator") {
      // It cannot say so itself: what reaches the standby from here on is missed.
      for (const group of this.#addresses.keys()) {
        const message = { kind: "table", group, complete: false, watermark: 0 } as const;
        this.#deliver({ to: "failover", from: "replicator", message });
      }
    }
    if (this.#stopping) return;
    const cause = signal ?? `exit status ${code}`;
    if (Date.now() - worker.startedMs > HEALTHY_MS) worker.delayMs = RESTART_DELAY_MS_MIN;
    this.#log.write(
      "supervisor",
      "error",
      `${worker.role} ended (${cause}); starting it again in ${worker.delayMs} ms`,
    );
    setTimeout(() => {
      if (this.#stopping) return;
      worker.restarts++;
      this.#start(worker);
    }, worker.delayMs);
    worker.delayMs = Math.min(RESTART_DELAY_MS_MAX, worker.delayMs * 2);
  }

  #broadcast(message: RoleMessage, except: RoleName): void {
    for (const { role } of this.#workers) {
      if (role !== except) this.#deliver({ to: role, from: "supervisor", message });
    }
  }

  #deliver(envelope: Envelope): void {
    if (envelope.to === "supervisor") {
      this.#receive(envelope);
      return;
    }
    const { channel } = this.#worker(envelope.to);
    if (channel?.writable) channel.write(encodeEnvelope(envelope));
  }

  #receive({ from, message }: Envelope): void {
    switch (message.kind) {
      case "log":
        this.#log.write(from, message.level, message.text);
        break;
      case "stopped":
        this.#onStopped?.();
        break;
      case "ask":
        this.#deliver({
          to: from,
          from: "supervisor",
          message: { kind: "answer", request: message.request, report: this.#report() },
        });
        break;
      default:
        break;
    }
  }

  #report(): SupervisorReport {
    const workers = this.#workers.map(({ role, process: child, restarts }) => ({
      role,
      pid: child?.pid ?? 0,
      restarts,
    }));
    return {
      role: "supervisor",
      processes: [{ role: "supervisor", pid: process.pid, restarts: 0 }, ...workers],
    };
  }

  #worker(role: WorkerRole): Worker {
    const worker = this.#workers.find((one) => one.role === role);
    if (worker === undefined) throw new Error(`no role ${role}`);
    return worker;
  }
}

function isRunning(worker: Worker): boolean {
  const child = worker.process;
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
