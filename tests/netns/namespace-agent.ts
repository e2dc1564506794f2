import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { outsiderMark } from "../../src/lab/process-table.ts";
import type { AgentAnswer, AgentAnswers, AgentCommand } from "./namespace-commands.ts";

interface Waiter {
  readonly resolve: (answer: AgentAnswer) => void;
  readonly reject: (error: Error) => void;
}

const program = fileURLToPath(new URL("namespace-agent-program.ts", import.meta.url));

/** A program in a network namespace that sends, receives and listens there for a test. It ends with this process. */
export class NamespaceAgent {
  readonly namespace: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiters: Waiter[] = [];

  constructor(namespace: string) {
    this.namespace = namespace;
    this.#child = spawn("ip", ["netns", "exec", namespace, process.execPath, program], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, [outsiderMark]: "1" },
    });
    this.#child.stdin.on("error", () => undefined);
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#waiters.shift()?.resolve(JSON.parse(line) as AgentAnswer);
    });
    this.#child.on("close", (status, signal) => {
      const error = new Error(`the agent in ${namespace} ended: ${signal ?? `exit status ${status}`}`);
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    });
  }

  /** Commands are carried out one after another. */
  async request<Name extends AgentCommand["do"]>(
    command: AgentCommand & { readonly do: Name },
  ): Promise<AgentAnswers[Name]> {
    if (this.#child.exitCode !== null) throw new Error(`the agent in ${this.namespace} has ended`);
    const answer = await new Promise<AgentAnswer>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    });
    if ("error" in answer) throw new Error(`${this.namespace}, ${command.do}: ${answer.error}`);
    return answer as AgentAnswers[Name];
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
  }
}
