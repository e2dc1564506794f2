import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { ProblemError } from "../../base/problem.ts";

interface Waiter {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
}

const STDERR_KEPT = 2_000;
const CLOSE_WAIT_MS = 1_000;
/** A collection on several threads waits for helpers of ordinary priority, which a busy machine lets wait. */
const RUNTIME_OPTIONS = ["--single-threaded-gc", "--max-semi-space-size=1"];

/**
 * One traffic program, running in a namespace of a lab. It is asked by lines of JSON on its standard input and
 * answers in order on its standard output. It ends when its input ends: also when this process is killed.
 */
export class TrafficWorker {
  readonly #program: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiters: Waiter[] = [];
  #stderr = "";
  #closing = false;
  #ended: Error | undefined;

  /** @param program a file of this folder, such as `udp-probe.ts` */
  constructor(namespace: string, program: string, options: object) {
    this.#program = program;
    const file = fileURLToPath(new URL(program, import.meta.url));
    this.#child = spawn(
      "ip",
      ["netns", "exec", namespace, process.execPath, ...RUNTIME_OPTIONS, file, JSON.stringify(options)],
      // Its own session: Ctrl-C in the terminal is for us, who end it in order.
      { stdio: ["pipe", "pipe", "pipe"], detached: true },
    );
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    this.#child.stdin.on("error", () => undefined);
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#waiters.shift()?.resolve(JSON.parse(line) as never);
    });
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (status, signal) => this.#end(signal ?? `exit status ${status}`));
  }

  /** Asks the program to do something and returns its answer. */
  request<Reply>(command: { readonly do: string }): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise<Reply>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    });
  }

  /** Ends the program. Does not fail. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#ended !== undefined) return;
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), CLOSE_WAIT_MS);
    await closed;
    clearTimeout(timer);
  }

  #end(how: string): void {
    this.#ended ??= new ProblemError({
      code: "lab-traffic",
      message: this.#closing
        ? `the traffic program ${this.#program} was ended`
        : `the traffic program ${this.#program} ended (${how}): ${this.#stderr.trim()}`,
      hint: "Was the lab taken down? tocha lab status",
    });
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#ended);
  }
}
