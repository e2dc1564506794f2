import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "./namespace-waiting.ts";

const bin = fileURLToPath(new URL("../../bin", import.meta.url));

/** The folders of a machine that tocha writes to. */
const folders = ["/etc/tocha", "/run/tocha", "/var/lib/tocha"];

/**
 * A machine as it is before tocha is there: a network namespace with a host name of its own, and the folders that tocha
 * writes to empty. Commands are as a person types them.
 */
export class BareMachine {
  readonly name: string;
  /** Of the folders, as they are seen from outside. */
  readonly root: string;
  readonly #namespace: string;
  readonly #commands: MachineCommand[] = [];
  readonly #made: string[];

  constructor(name: string, namespace: string) {
    this.name = name;
    this.#namespace = namespace;
    this.root = mkdtempSync(join(tmpdir(), "tocha-machine-"));
    // Something must be there to put the folders over.
    this.#made = folders.filter((folder) => !existsSync(folder));
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true });
      mkdirSync(join(this.root, folder), { recursive: true, mode: 0o700 });
    }
  }

  /** Starts `tocha …`, as it is typed. */
  start(command: string): MachineCommand {
    const mounts = folders.map((folder) => `mount --bind ${join(this.root, folder)} ${folder}`).join("; ");
    const started = new MachineCommand(
      spawn(
        "ip",
        [
          ...["netns", "exec", this.#namespace, "unshare", "--mount", "--uts"],
          ...["sh", "-ec", `hostname ${this.name}; ${mounts}; exec ${command}`],
        ],
        // Its own session: signals to the test's terminal are not meant for it, and the input is no terminal.
        {
          stdio: ["ignore", "pipe", "pipe"],
          detached: true,
          env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
        },
      ),
      command,
    );
    this.#commands.push(started);
    return started;
  }

  path(path: string): string {
    return join(this.root, path);
  }

  /** All commands first: a folder that is taken away is taken from under the commands of every machine. */
  static async closeAll(machines: readonly BareMachine[]): Promise<void> {
    for (const machine of machines) for (const command of machine.#commands) await command.stop();
    for (const machine of machines) {
      rmSync(machine.root, { recursive: true, force: true });
      for (const folder of machine.#made) {
        try {
          rmdirSync(folder);
        } catch {
          // Somebody else uses it now.
        }
      }
    }
  }

  /** Runs a command to its end. @returns what it said; throws where it ended in another way than expected */
  async run(command: string, status = 0): Promise<string> {
    const started = this.start(command);
    const ended = await started.exitStatus();
    if (ended !== status) throw new Error(`${this.name}# ${command}\nexit status ${ended}: ${started.said}`);
    return started.said;
  }
}

export class MachineCommand {
  readonly #child: ChildProcess;
  readonly #command: string;
  #said = "";
  #hasEnded = false;

  constructor(child: ChildProcess, command: string) {
    this.#child = child;
    this.#command = command;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    child.once("close", () => {
      this.#hasEnded = true;
    });
  }

  get said(): string {
    return this.#said;
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await waitFor(`${this.#command} to say ${pattern}`, () => pattern.exec(this.#said) ?? undefined, {
      explain: () => this.#said,
    });
  }

  async exitStatus(): Promise<number | null> {
    await waitFor(`${this.#command} to end`, () => this.#hasEnded, { explain: () => this.#said });
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill("SIGTERM");
    await this.exitStatus();
  }
}
