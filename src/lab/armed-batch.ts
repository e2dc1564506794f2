import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import { monotonicMs } from "./monotonic-clock.ts";

// How long the program gets to come up to its first read. Too short only makes the fault a little later.
const SETTLE_MS = 30;

/**
 * An `ip` or `bridge` batch that waits, started, for its commands. A fault can so happen at a known instant,
 * without the milliseconds that starting a program takes; on a busy machine too, by its priority.
 */
export class ArmedBatch {
  readonly #child;
  readonly #ended;
  readonly #lines: readonly string[];
  readonly #program: string;
  #stderr = "";

  private constructor(program: "ip" | "bridge", namespace: string, lines: readonly string[]) {
    this.#program = program;
    this.#lines = lines;
    this.#child = spawn(program, ["-n", namespace, "-batch", "-"], { stdio: ["pipe", "ignore", "pipe"] });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#child.stdin.on("error", () => undefined);
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, constants.priority.PRIORITY_HIGHEST);
    this.#ended = once(this.#child, "close") as Promise<[number | null]>;
    // Awaited in fire(); until then a failure must not count as unhandled.
    this.#ended.catch(() => undefined);
  }

  static async arm(
    program: "ip" | "bridge",
    namespace: string,
    lines: readonly string[],
  ): Promise<ArmedBatch> {
    const batch = new ArmedBatch(program, namespace, lines);
    await sleep(SETTLE_MS);
    return batch;
  }

  /** Lets the commands happen. @returns when they began, on the monotonic clock; resolves when all are done */
  async fire(): Promise<number> {
    const atMs = monotonicMs();
    this.#child.stdin.end(`${this.#lines.join("\n")}\n`);
    const [status] = await this.#ended;
    if (status !== 0) {
      throw new ProblemError({
        code: "lab-command",
        message: `${this.#program} refused "${this.#lines.join("; ")}": ${this.#stderr.trim()}`,
        hint: "Is the node's power off? tocha lab status",
      });
    }
    return atMs;
  }
}
