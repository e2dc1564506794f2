import { UnixDatagramSocket } from "../linux/unix-datagram.ts";
import type { ProcessReport } from "./role-report.ts";

/** What the service manager is told of. */
export interface ServiceState {
  readonly processes: readonly ProcessReport[];
  /** Every role has been heard since it was started. */
  readonly allUp: boolean;
  /** Groups that the node is active for. */
  readonly activeGroups: readonly string[];
  /** There is one group only: its name says nothing. */
  readonly onlyGroup: boolean;
  readonly nowMs: number;
}

/** So many ends in a row are no accident. */
export const FAILING_MIN = 3;

/**
 * What a service manager wants to know (sd_notify(3)): READY=1 when all roles are up, STATUS= in a sentence, STOPPING=1, and,
 * where it watches (WATCHDOG_USEC), WATCHDOG=1 as long as no role hangs. Without NOTIFY_SOCKET it does nothing.
 *
 * A role that ends and is started again does not stop the watchdog's signs of life: a node whose control role fails is still a
 * gateway, and to restart it whole would take it from those whom it serves.
 */
export class ServiceNotice {
  readonly #path: string | undefined;
  readonly #socket: UnixDatagramSocket | undefined;
  /** Undefined where nobody watches. */
  readonly #signEveryMs: number | undefined;
  #ready = false;
  #stopping = false;
  #status = "";
  #signedMs = Number.NEGATIVE_INFINITY;

  /** @param environment which the notices are taken from: programs that this process starts must not speak in its name */
  constructor(environment: Record<string, string | undefined> = process.env) {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: watchdogUs, WATCHDOG_PID: watched } = environment;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete environment[name];
    // Others, such as vsock:, are for virtual machines.
    if (path === undefined || !/^[/@]/.test(path)) return;
    this.#path = path;
    this.#socket = new UnixDatagramSocket();
    const forUs = watched === undefined || Number(watched) === process.pid;
    // Half of the time, as sd_watchdog_enabled(3) recommends.
    if (forUs && Number(watchdogUs) > 0) this.#signEveryMs = Number(watchdogUs) / 2_000;
  }

  /** The service manager still waits for READY=1. */
  get isWaiting(): boolean {
    return this.#path !== undefined && !this.#ready && !this.#stopping;
  }

  update(state: ServiceState): void {
    if (this.#path === undefined || this.#stopping) return;
    const status = statusSentence(state);
    if (status !== this.#status && this.#send(`STATUS=${status}`)) this.#status = status;
    if (!this.#ready && state.allUp) this.#ready = this.#send("READY=1");
    const { nowMs } = state;
    const isDue = this.#signEveryMs !== undefined && nowMs - this.#signedMs >= this.#signEveryMs;
    if (isDue && !state.processes.some((one) => isSilent(one.state)) && this.#send("WATCHDOG=1"))
      this.#signedMs = nowMs;
  }

  stopping(): void {
    this.#stopping = true;
    this.#send("STOPPING=1\nSTATUS=withdrawing and stopping");
  }

  /** @returns false when it must be said again */
  #send(text: string): boolean {
    if (this.#path === undefined || this.#socket === undefined) return true;
    return this.#socket.send(this.#path, new TextEncoder().encode(text)) !== "full";
  }
}

function isSilent(state: ProcessReport["state"]): boolean {
  return state === "silent" || state === "hangs";
}

/** One sentence for `systemctl status`. */
export function statusSentence({ processes, allUp, activeGroups, onlyGroup }: ServiceState): string {
  const what =
    activeGroups.length === 0 ? "standby" : onlyGroup ? "active" : `active for ${activeGroups.join(", ")}`;
  const troubles = processes.flatMap(({ role, state, failures, lastEnd }) => {
    if (isSilent(state)) return [`${role} does not answer`];
    if (failures >= FAILING_MIN) return [`${role} has failed ${failures} times in a row (${lastEnd})`];
    return state === "waiting" ? [`${role} is started again`] : [];
  });
  if (troubles.length > 0) return `${what}; ${troubles.join("; ")}`;
  return allUp ? `${what}; all processes answer` : "starting";
}
