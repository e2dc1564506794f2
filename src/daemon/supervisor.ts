import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeApiFolder } from "./api-folder.ts";
import { apiSettings } from "./api-settings.ts";
import { VirtualAddresses } from "./drivers/virtual-addresses.ts";
import type { Log } from "./log.ts";
import type { NodeSettings } from "./node-settings.ts";
import { HEARTBEAT_MS } from "./role-heartbeat.ts";
import type { Envelope, RoleMessage, RoleName, WorkerRole } from "./role-message.ts";
import { oomScoreAdjust, setOomScoreAdjust } from "./role-privileges.ts";
import type { ProcessReport, SupervisorReport } from "./role-report.ts";
import { ServiceNotice } from "./service-notice.ts";
import { WorkerProcess } from "./worker-process.ts";

const workerRoles = ["control", "replicator", "failover", "api"] as const satisfies readonly WorkerRole[];

const STOP_LIMIT_MS = 3_000;
const FLUSH_LIMIT_MS = 500;
/** A role that was started again with other settings is waited for. */
const RENEW_LIMIT_MS = 10_000;
const CONTROL_RESTART_DELAY_MS = 500;
/** In the run folder: what removes the virtual addresses when nobody of the daemon is left (VirtualAddresses.releaseBatch). */
const RELEASE_FILE = "release.ip";

export interface SupervisorOptions {
  readonly settings: NodeSettings;
  readonly log: Log;
  /** Node.js options of a role, instead of its usual ones. */
  readonly runtimeOptions?: Partial<Record<WorkerRole, readonly string[]>>;
}

/**
 * Starts the roles, carries their messages, starts again what has died or hangs, and, whenever the failover role is lost,
 * removes the virtual addresses from the kernel at once: nobody defends them any more. Tells the service manager.
 */
export class Supervisor {
  #settings: NodeSettings;
  readonly #log: Log;
  #addresses: ReadonlyMap<string, VirtualAddresses>;
  readonly #workers: readonly WorkerProcess[];
  readonly #service = new ServiceNotice();
  /** Groups that this node is active for. */
  readonly #activeGroups = new Set<string>();
  readonly #oomScoreAdj: number | undefined;
  #stopping = false;
  #onStopped: (() => void) | undefined;
  /** Roles that end because they are to start again with other settings. */
  readonly #renewed = new Set<WorkerRole>();

  constructor({ settings, log, runtimeOptions = {} }: SupervisorOptions) {
    this.#settings = settings;
    this.#log = log;
    this.#addresses = addressesOf(settings);
    this.#oomScoreAdj = setOomScoreAdjust(process.pid, oomScoreAdjust.supervisor);
    const apiFolder = this.#makeApiFolder();
    this.#workers = workerRoles.map(
      (role) =>
        new WorkerProcess({
          ...{ role, settings, log, runtimeOptions: runtimeOptions[role] },
          directory: role === "api" ? apiFolder : undefined,
          events: {
            receive: (envelope) => this.#deliver(envelope),
            ended: (worker, cause) => this.#ended(worker, cause),
          },
        }),
    );
  }

  start(): void {
    this.#writeRelease();
    if (this.#oomScoreAdj !== oomScoreAdjust.supervisor) {
      const text = `the kernel's out-of-memory killer may kill this node's addresses away (oom_score_adj is ${this.#oomScoreAdj}, wished is ${oomScoreAdjust.supervisor}): CAP_SYS_RESOURCE is missing; systemd's OOMScoreAdjust= does it, too`;
      this.#log.write("supervisor", "info", text);
    }
    for (const worker of this.#workers) if (this.#isWanted(worker)) this.#start(worker);
    setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  /** Also without an API in the document: the next one may have it. */
  #makeApiFolder(): string | undefined {
    try {
      return makeApiFolder(this.#settings.runDirectory);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const level = this.#settings.api === undefined ? "debug" : "error";
      this.#log.write("supervisor", level, `the API would need CAP_SETGID and CAP_SETUID: ${reason}`);
      return undefined;
    }
  }

  /** Nobody needs the api role where the document has no API. */
  #isWanted({ role }: WorkerProcess): boolean {
    return role !== "api" || this.#settings.api !== undefined;
  }

  #writeRelease(): void {
    const batches = [...this.#addresses.values()].map((addresses) => addresses.releaseBatch());
    writeFileSync(join(this.#settings.runDirectory, RELEASE_FILE), batches.join(""));
  }

  /**
   * Lets other settings count. Roles that have to start again end in order first: the failover role hands its addresses over, the
   * replicator sends what it still has.
   */
  async #reconfigure(settings: NodeSettings, restart: readonly WorkerRole[]): Promise<void> {
    this.#settings = settings;
    this.#log.follow(settings.document.logging.level);
    for (const worker of this.#workers) worker.settings = settings;
    for (const role of ["failover", "replicator"] as const) {
      if (restart.includes(role)) await this.#renew(role);
    }
    // Nobody waits for it: a gateway without its API is a gateway.
    if (restart.includes("api")) this.#renewApi();
    if (!restart.includes("failover"))
      this.#deliver({
        ...{ to: "failover", from: "supervisor" },
        message: { kind: "revision", revision: settings.revision },
      });
    // Its answer goes out first.
    if (restart.includes("control")) setTimeout(() => void this.#renew("control"), CONTROL_RESTART_DELAY_MS);
  }

  #renewApi(): void {
    const worker = this.#worker("api");
    if (worker.isRunning) {
      this.#renewed.add("api");
      worker.disconnect();
    } else if (this.#isWanted(worker)) this.#start(worker);
  }

  /** Ends a role in order, and starts it with the present settings. Resolves when it answers, or after a while. */
  async #renew(role: WorkerRole): Promise<void> {
    const worker = this.#worker(role);
    if (worker.isRunning) {
      this.#renewed.add(role);
      if (role !== "control")
        await this.#stopRole(role, role === "failover" ? STOP_LIMIT_MS : FLUSH_LIMIT_MS);
      // One that has ended meanwhile has started again with the new settings already.
      if (this.#renewed.has(role)) worker.disconnect();
    } else if (role === "failover") this.#renewAddresses();
    const deadline = Date.now() + RENEW_LIMIT_MS;
    while (!(worker.isUp && !this.#renewed.has(role)) && Date.now() < deadline) await sleep(5);
  }

  /** Of the settings that the failover role starts with next. Those before are gone from the kernel since it ended. */
  #renewAddresses(): void {
    for (const addresses of this.#addresses.values()) addresses.close();
    this.#addresses = addressesOf(this.#settings);
    this.#writeRelease();
  }

  /** Ends all roles in order: addresses withdrawn and announced first, then the rest. Resolves when they are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#service.stopping();
    // The addresses first; then the last changes of connections on their way to the standby.
    await this.#stopRole("failover", STOP_LIMIT_MS);
    await this.#stopRole("replicator", FLUSH_LIMIT_MS);
    for (const worker of this.#workers) worker.disconnect();
    const deadline = Date.now() + STOP_LIMIT_MS;
    while (this.#workers.some(({ isRunning }) => isRunning) && Date.now() < deadline) await sleep(10);
    for (const worker of this.#workers) if (worker.isRunning) worker.kill();
    this.#removeAddresses();
  }

  /** Asks a role to end its work in order, and gives it a limited time for that. */
  #stopRole(role: WorkerRole, limitMs: number): Promise<void> {
    if (!this.#worker(role).isRunning) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#deliver({ to: role, from: "supervisor", message: { kind: "stop" } });
    });
  }

  #start(worker: WorkerProcess): void {
    const { role } = worker;
    worker.start();
    const message = this.#settingsFor(role);
    if (message !== undefined) this.#deliver({ to: role, from: "supervisor", message });
    this.#broadcast({ kind: "role-started", role }, role);
    worker.beat(performance.now());
  }

  /** The api role gets only what it needs: it must not know the keys of the cluster. */
  #settingsFor(role: WorkerRole): RoleMessage | undefined {
    if (role !== "api") return { kind: "settings", settings: settingsFor(role, this.#settings) };
    try {
      return { kind: "api-settings", settings: apiSettings(this.#settings) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.write("supervisor", "error", `the API cannot serve: ${reason}`);
      return undefined;
    }
  }

  #renewApiKeys(): void {
    if (!this.#worker("api").isRunning || this.#settings.api === undefined) return;
    const message = this.#settingsFor("api");
    if (message !== undefined) this.#deliver({ to: "api", from: "supervisor", message });
  }

  /** Every second: does every role still answer? */
  #beat(): void {
    if (this.#stopping) return;
    const now = performance.now();
    for (const worker of this.#workers) {
      if (!worker.beat(now)) continue;
      // Before it dies, which takes the kernel a moment: nobody defends them.
      if (worker.role === "failover") this.#removeAddresses();
      worker.killHanging(now);
    }
    this.#tellService();
  }

  #tellService(): void {
    this.#service.update({
      processes: this.#processes(),
      // A gateway without its API is a gateway.
      allUp: this.#workers.every(({ isUp, role }) => isUp || role === "api"),
      activeGroups: [...this.#activeGroups],
      onlyGroup: this.#addresses.size === 1,
      nowMs: performance.now(),
    });
  }

  #removeAddresses(): void {
    for (const addresses of this.#addresses.values()) addresses.remove();
  }

  #ended(worker: WorkerProcess, cause: string): void {
    const { role } = worker;
    if (role === "failover") {
      this.#removeAddresses();
      this.#activeGroups.clear();
      for (const group of this.#addresses.keys())
        this.#broadcast({ kind: "active", group, active: false }, "failover");
      this.#onStopped?.();
    }
    if (role === "replicator") {
      // It cannot say so itself: what reaches the standby from here on is missed.
      for (const group of this.#addresses.keys()) {
        const message = { kind: "table", group, complete: false, watermark: 0 } as const;
        this.#deliver({ to: "failover", from: "replicator", message });
      }
    }
    if (this.#stopping) return;
    if (!this.#isWanted(worker)) {
      this.#renewed.delete(role);
      return;
    }
    if (this.#renewed.delete(role)) {
      if (role === "failover") this.#renewAddresses();
      this.#log.write("supervisor", "info", `${role} starts again with the new document`);
      this.#start(worker);
      return;
    }
    const delayMs = worker.nextDelayMs();
    const text = `${role} ended (${cause}); starting it again in ${delayMs} ms`;
    this.#log.write("supervisor", "error", text);
    this.#tellService();
    setTimeout(() => {
      if (!this.#stopping && !worker.isRunning && this.#isWanted(worker)) this.#start(worker);
    }, delayMs);
  }

  #broadcast(message: RoleMessage, except: RoleName): void {
    for (const { role } of this.#workers) {
      // What the others tell each other is not for the api role.
      if (role !== except && role !== "api") this.#deliver({ to: role, from: "supervisor", message });
    }
  }

  #deliver(envelope: Envelope): void {
    const { to, from, message } = envelope;
    if (message.kind === "active" && from === "failover") this.#followRole(message.group, message.active);
    if (to === "supervisor") this.#receive(envelope);
    else this.#worker(to).send(envelope);
  }

  #followRole(group: string, active: boolean): void {
    if (active === this.#activeGroups.has(group)) return;
    if (active) this.#activeGroups.add(group);
    else this.#activeGroups.delete(group);
    this.#tellService();
  }

  #receive({ from, message }: Envelope): void {
    switch (message.kind) {
      case "log":
        this.#log.write(from, message.level, message.text);
        break;
      case "heartbeat-answer":
        if (this.#service.isWaiting) this.#tellService();
        break;
      case "stopped":
        this.#onStopped?.();
        break;
      case "keys-changed":
        this.#renewApiKeys();
        break;
      case "reconfigure": {
        const { request, settings, restart } = message;
        void this.#reconfigure(settings, restart).then(() =>
          this.#deliver({ to: from, from: "supervisor", message: { kind: "reconfigured", request } }),
        );
        break;
      }
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
    return { role: "supervisor", processes: this.#processes(), logLinesDropped: this.#log.dropped };
  }

  #processes(): ProcessReport[] {
    const now = performance.now();
    const own = { restarts: 0, state: "answers", hangs: 0, failures: 0 } as const;
    const oom = this.#oomScoreAdj === undefined ? {} : { oomScoreAdj: this.#oomScoreAdj };
    return [
      { role: "supervisor", pid: process.pid, ...own, ...oom },
      ...this.#workers.filter((worker) => this.#isWanted(worker)).map((worker) => worker.report(now)),
    ];
  }

  #worker(role: WorkerRole): WorkerProcess {
    const worker = this.#workers.find((one) => one.role === role);
    if (worker === undefined) throw new Error(`no role ${role}`);
    return worker;
  }
}

function addressesOf({ groups }: NodeSettings): ReadonlyMap<string, VirtualAddresses> {
  return new Map(groups.map((group) => [group.name, new VirtualAddresses(group)]));
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Sets may be large, and only control loads them: the failover role has little memory. */
function settingsFor(role: RoleName, settings: NodeSettings): NodeSettings {
  return role === "control" ? settings : { ...settings, document: { ...settings.document, sets: {} } };
}
