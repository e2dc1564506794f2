import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Log } from "./log.ts";
import type { NodeSettings } from "./node-settings.ts";
import { type HeartbeatLimits, RoleHeartbeat } from "./role-heartbeat.ts";
import { type Envelope, EnvelopeReader, encodeEnvelope, type WorkerRole } from "./role-message.ts";
import {
  oomKills,
  oomScoreAdjust,
  roleCapabilities,
  setOomScoreAdjust,
  withCapabilities,
} from "./role-privileges.ts";
import type { ProcessReport } from "./role-report.ts";
import { UntrustedRole } from "./untrusted-role.ts";

/** Node.js options by role: the failover role keeps little, so that its garbage collector has little to do. */
const runtimeOptions = {
  // The loop waits for no helper threads of V8: it compiles and collects by itself, because a helper can be on a processor that the kernel does
  // not give back. The limits of inlining keep the longest compilation below 10 ms. All code is compiled at the start, and stays: a
  // takeover is the first use of much of it, or the first for days.
  failover: [
    ...["--max-old-space-size=48", "--max-semi-space-size=1", "--single-threaded"],
    ...["--max-inlined-bytecode-size=150", "--max-inlined-bytecode-size-cumulative=300"],
    ...["--no-lazy", "--no-flush-bytecode"],
    // What the start leaves behind is collected at its end, when nobody waits for the loop, and not some seconds later.
    ...["--expose-gc", "--initial-heap-size=48"],
  ],
  replicator: ["--max-old-space-size=512"],
  control: ["--max-old-space-size=128", "--max-semi-space-size=2"],
  api: ["--max-old-space-size=128", "--max-semi-space-size=1"],
} as const satisfies Record<WorkerRole, readonly string[]>;

/**
 * After how long without an answer a role is killed. The peers took over from a failover role that hangs long before that, and
 * its addresses have gone by their lifetimes: what is waited for is a machine that is merely busy.
 */
const heartbeatLimits = {
  failover: { startMs: 30_000, answerMs: 8_000 },
  replicator: { startMs: 30_000, answerMs: 15_000 },
  control: { startMs: 30_000, answerMs: 15_000 },
  api: { startMs: 30_000, answerMs: 15_000 },
} as const satisfies Record<WorkerRole, HeartbeatLimits>;

const RESTART_DELAY_MS_MIN = 50;
const RESTART_DELAY_MS_MAX = 5_000;
/** A role that has run this long is healthy: its next restart is quick again. */
const HEALTHY_MS = 10_000;
/** Of one line that a role writes by itself: the last words of a process that fails are long. */
const LINE_LENGTH_MAX = 500;

export interface WorkerEvents {
  readonly receive: (envelope: Envelope) => void;
  /** It has ended, in whatever way; `cause` in words. */
  readonly ended: (worker: WorkerProcess, cause: string) => void;
}

/** One role as the supervisor keeps it: its process, if it runs, and what has become of the ones before. */
export class WorkerProcess {
  readonly role: WorkerRole;
  #settings: NodeSettings;
  readonly #log: Log;
  readonly #events: WorkerEvents;
  readonly #runtimeOptions: readonly string[];
  readonly #directory: string | undefined;
  #child: ChildProcess | undefined;
  #channel: Duplex | undefined;
  #heartbeat: RoleHeartbeat;
  #startedMs = 0;
  #oomKillsAtStart = 0;
  #delayMs = RESTART_DELAY_MS_MIN;
  #starts = 0;
  #hangs = 0;
  #failures = 0;
  #killed = false;
  #lastEnd: string | undefined;
  #oomScoreAdj: number | undefined;
  #capabilities: readonly string[] | undefined;

  constructor(options: {
    readonly role: WorkerRole;
    readonly settings: NodeSettings;
    readonly log: Log;
    readonly events: WorkerEvents;
    /** The folder that it works in; without one, that of the supervisor. */
    readonly directory?: string | undefined;
    /** Instead of the usual ones of this role. */
    readonly runtimeOptions?: readonly string[] | undefined;
  }) {
    this.role = options.role;
    this.#settings = options.settings;
    this.#log = options.log;
    this.#events = options.events;
    this.#runtimeOptions = options.runtimeOptions ?? runtimeOptions[options.role];
    this.#directory = options.directory;
    this.#heartbeat = new RoleHeartbeat(heartbeatLimits[options.role], performance.now());
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What its next process starts with. */
  set settings(settings: NodeSettings) {
    this.#settings = settings;
  }

  /** It has been heard since it was started. */
  get isUp(): boolean {
    return this.isRunning && this.#heartbeat.hasAnswered;
  }

  start(): void {
    const { role } = this;
    const main = fileURLToPath(new URL(`./roles/${role}.ts`, import.meta.url));
    const capabilities = roleCapabilities(role, this.#settings);
    const command = [
      ...(withCapabilities(capabilities) ?? []),
      ...[process.execPath, ...this.#runtimeOptions, "--disable-warning=ExperimentalWarning", main],
    ];
    const [program = process.execPath, ...args] = command;
    // The api role leaves even those when it becomes another user.
    this.#capabilities = role === "api" ? [] : program === process.execPath ? undefined : capabilities;
    // What a role writes by itself are the last words of one that fails. Through us, because a reader of our log that
    // stands still must not keep it from dying.
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      ...(this.#directory === undefined ? {} : { cwd: this.#directory }),
    });
    this.#child = child;
    this.#killed = false;
    this.#starts++;
    this.#startedMs = performance.now();
    this.#oomKillsAtStart = oomKills();
    this.#heartbeat = new RoleHeartbeat(heartbeatLimits[role], this.#startedMs);
    if (child.pid !== undefined) this.#oomScoreAdj = setOomScoreAdjust(child.pid, oomScoreAdjust[role]);
    const untrusted = role === "api" ? new UntrustedRole() : undefined;
    this.#relayLines(child.stdout, "info", untrusted);
    this.#relayLines(child.stderr, "error", untrusted);
    const channel = child.stdio[3] as Duplex;
    this.#channel = channel;
    const reader = new EnvelopeReader();
    channel.on("data", (chunk: Buffer) => {
      const envelopes =
        untrusted === undefined ? reader.push(chunk) : untrusted.push(chunk, performance.now());
      if (envelopes === undefined) {
        this.#log.write("supervisor", "error", `${role} said what it has no right to say: it is killed`);
        child.kill("SIGKILL");
        channel.destroy();
        return;
      }
      for (const envelope of envelopes) {
        const { message } = envelope;
        if (message.kind === "heartbeat-answer" && this.#child === child)
          this.#heartbeat.answer(message.number);
        this.#events.receive(envelope);
      }
    });
    // A broken channel shows as the role's exit.
    channel.on("error", () => channel.destroy());
    child.on("error", (error) => {
      // A signal that the kernel refuses comes here, too: the process is still there, and its end is yet to come.
      if (child.pid !== undefined) {
        const text = `${role} (process ${child.pid}) could not be killed, and is still there: ${error.message}; the supervisor needs CAP_KILL (docs/guide/systemd.md). By hand: kill -9 ${child.pid}`;
        this.#log.write("supervisor", "error", text);
        return;
      }
      this.#log.write("supervisor", "error", `cannot start ${role}: ${error.message}`);
      this.#ended(child, "it could not be started");
    });
    child.on("exit", (code, signal) => this.#ended(child, this.#causeOf(code, signal)));
  }

  send(envelope: Envelope): void {
    if (this.#channel?.writable) this.#channel.write(encodeEnvelope(envelope));
  }

  /** Asks whether its loop turns. @returns true when it has not answered for too long, and must be replaced */
  beat(nowMs: number): boolean {
    if (!this.isRunning) return false;
    const number = this.#heartbeat.ask(nowMs);
    this.send({ to: this.role, from: "supervisor", message: { kind: "heartbeat", number } });
    return !this.#killed && this.#heartbeat.liveliness(nowMs) === "hangs";
  }

  /** Kills a role that hangs. Its end is reported like any other. */
  killHanging(nowMs: number): void {
    this.#killed = true;
    this.#hangs++;
    const silent = `${Math.round(this.#heartbeat.silenceMs(nowMs) / 1_000)} s`;
    this.#log.write("supervisor", "error", `${this.role} has not answered for ${silent}: it is killed`);
    this.kill();
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Closes its channel, which ends the role. */
  disconnect(): void {
    this.#channel?.destroy();
  }

  /** How long to wait before the next start: longer each time, until a start succeeds. */
  nextDelayMs(): number {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(RESTART_DELAY_MS_MAX, 2 * delayMs);
    return delayMs;
  }

  report(nowMs: number): ProcessReport {
    const running = this.isRunning;
    return {
      role: this.role,
      pid: running ? (this.#child?.pid ?? 0) : 0,
      restarts: Math.max(0, this.#starts - 1),
      state: running ? this.#heartbeat.liveliness(nowMs) : "waiting",
      hangs: this.#hangs,
      failures: running && nowMs - this.#startedMs > HEALTHY_MS ? 0 : this.#failures,
      ...(this.#lastEnd === undefined ? {} : { lastEnd: this.#lastEnd }),
      ...(this.#oomScoreAdj === undefined ? {} : { oomScoreAdj: this.#oomScoreAdj }),
      ...(this.#capabilities === undefined ? {} : { capabilities: this.#capabilities }),
    };
  }

  #ended(child: ChildProcess, cause: string): void {
    if (this.#child !== child) return;
    const healthy = performance.now() - this.#startedMs > HEALTHY_MS;
    if (healthy) this.#delayMs = RESTART_DELAY_MS_MIN;
    this.#failures = healthy ? 1 : this.#failures + 1;
    this.#lastEnd = cause;
    this.#child = undefined;
    this.#channel = undefined;
    this.#events.ended(this, cause);
  }

  #causeOf(code: number | null, signal: string | null): string {
    if (this.#killed) return "SIGKILL, because it did not answer";
    if (signal === "SIGKILL" && oomKills() > this.#oomKillsAtStart)
      return "SIGKILL, and the kernel has killed for want of memory: see dmesg";
    if (signal === "SIGABRT")
      return "SIGABRT: it found itself broken, or its heap was full; its last words are in the log";
    return signal ?? `exit status ${code}`;
  }

  #relayLines(stream: Readable | null, level: "info" | "error", untrusted: UntrustedRole | undefined): void {
    if (stream === null) return;
    if (untrusted !== undefined) {
      // No line is waited for: one without an end would fill the supervisor's memory.
      stream.setEncoding("utf8").on("data", (text: string) => {
        for (const line of text.split("\n").filter((one) => one !== ""))
          if (untrusted.mayLog(performance.now()))
            this.#log.write(this.role, level, line.slice(0, LINE_LENGTH_MAX));
      });
      return;
    }
    createInterface({ input: stream }).on("line", (line) => {
      if (line !== "") this.#log.write(this.role, level, line.slice(0, LINE_LENGTH_MAX));
    });
  }
}
