import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** Longer than any test: what a killed test leaves behind ends by itself. */
const LIFE_SECONDS = 120;

type Piped = ChildProcessByStdio<Writable, Readable, null>;

/** Runs a program in this process's namespace; throws with what it said when it fails. @returns its output */
export function run(program: string, args: readonly string[], input = ""): string {
  return execFileSync(program, args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

/** Runs lines of `ip` commands, without the leading `ip`. */
export function runIp(lines: readonly string[]): void {
  run("ip", ["-batch", "-"], lines.join("\n"));
}

/** Another machine of a test: a network namespace held by a process that ends when the test does. */
export class TestHost {
  readonly #holder: Piped;
  readonly #started: Piped[] = [];

  private constructor(holder: Piped) {
    this.#holder = holder;
  }

  static async start(): Promise<TestHost> {
    const holder = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "KILL", "unshare", "--net"],
        ...["sh", "-ec", `ip link set lo up; echo ready; exec sleep ${LIFE_SECONDS}`],
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(holder.stdout, "data");
    return new TestHost(holder);
  }

  /** Moves a device of this process's namespace there. */
  take(device: string): void {
    run("ip", ["link", "set", device, "netns", String(this.#pid)]);
  }

  run(program: string, args: readonly string[], input = ""): string {
    return run("nsenter", [...this.#entry, program, ...args], input);
  }

  runIp(lines: readonly string[]): void {
    this.run("ip", ["-batch", "-"], lines.join("\n"));
  }

  /** Starts a TypeScript file of this folder there; it ends with the host at the latest. */
  start(file: string, args: readonly string[]): Piped {
    const path = new URL(file, import.meta.url).pathname;
    const command = ["setpriv", "--pdeathsig", "KILL", process.execPath, path, ...args];
    const child = spawn("nsenter", [...this.#entry, ...command], { stdio: ["pipe", "pipe", "inherit"] });
    this.#started.push(child);
    return child;
  }

  close(): void {
    for (const child of [...this.#started, this.#holder]) child.kill("SIGKILL");
  }

  get #pid(): number {
    return this.#holder.pid ?? 0;
  }

  get #entry(): string[] {
    return [`--net=/proc/${this.#pid}/ns/net`];
  }
}
