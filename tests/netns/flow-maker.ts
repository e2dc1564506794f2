import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { outsiderMark } from "../../src/lab/process-table.ts";

const program = fileURLToPath(new URL("flow-maker-program.ts", import.meta.url));

/** Connections by the hundred thousand in the table of a namespace (flow-maker-program.ts). */
export class FlowMaker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = "";

  constructor(
    namespace: string,
    what: "add" | "remove" | "fill" | "churn",
    from: number | string,
    count: number,
  ) {
    const args = ["netns", "exec", namespace, process.execPath, program, what, String(from), String(count)];
    this.#child = spawn("ip", args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, [outsiderMark]: "1" },
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    this.#ended = once(this.#child, "close");
  }

  /** @returns once everything is done; a churn ends with this */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
    if (this.#child.exitCode !== 0) throw new Error(`the flow maker failed: ${this.#said}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Adds or removes flows, or fills a table, to the end. */
export async function makeFlows(
  namespace: string,
  what: "add" | "remove" | "fill",
  from: number | string,
  count: number,
): Promise<void> {
  await new FlowMaker(namespace, what, from, count).end();
}
