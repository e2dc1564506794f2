import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const root = "/sys/fs/cgroup";
const REMOVE_TRIES = 100;

/** A control group with a limit of memory, of version 1 or 2, whichever this machine has. */
export class MemoryGroup {
  readonly folder: string;
  readonly #usage: string;
  readonly #limit: string;

  private constructor(folder: string, v1: boolean) {
    this.folder = folder;
    this.#usage = join(folder, v1 ? "memory.usage_in_bytes" : "memory.current");
    this.#limit = join(folder, v1 ? "memory.limit_in_bytes" : "memory.max");
  }

  static get isPossible(): boolean {
    return MemoryGroup.tryCreate(`tocha-try-${process.pid}`)?.removeEmpty() ?? false;
  }

  /** @returns undefined where no such group can be made: the file system is not writable, or its controller is missing */
  static tryCreate(name: string): MemoryGroup | undefined {
    const v1 = existsSync(join(root, "memory", "memory.limit_in_bytes"));
    const folder = join(v1 ? join(root, "memory") : root, name);
    try {
      if (!v1) writeFileSync(join(root, "cgroup.subtree_control"), "+memory");
      mkdirSync(folder, { recursive: true });
    } catch {
      return undefined;
    }
    const group = new MemoryGroup(folder, v1);
    return existsSync(group.#limit) ? group : undefined;
  }

  /** Words before a command that put it into the group. */
  get through(): string[] {
    return ["sh", "-c", `echo $$ >${join(this.folder, "cgroup.procs")}; exec "$@"`, "sh"];
  }

  /** Moves a process into it. What memory it has stays where it was counted. */
  add(pid: number): void {
    writeFileSync(join(this.folder, "cgroup.procs"), String(pid));
  }

  get usageBytes(): number {
    return Number(readFileSync(this.#usage, "utf8"));
  }

  limit(bytes: number): void {
    writeFileSync(this.#limit, String(bytes));
  }

  /** @returns that it was there */
  removeEmpty(): true {
    rmdirSync(this.folder);
    return true;
  }

  /** When the last process has left it. */
  async remove(): Promise<void> {
    for (let i = 0; i < REMOVE_TRIES; i++) {
      try {
        rmdirSync(this.folder);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
        await sleep(20);
      }
    }
    throw new Error(`${this.folder} has processes still`);
  }
}
