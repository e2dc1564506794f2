import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { waitFor } from "./namespace-waiting.ts";

/** A program of tests/network in a part of a lab: what it is told goes to its standard input, its lines are remembered. */
export class NamespaceEnd {
  readonly heard: string[] = [];
  readonly #name: string;
  readonly #child: ChildProcess;

  constructor(namespace: string, program: string, args: readonly string[]) {
    this.#name = `${program} ${args.join(" ")}`;
    const path = fileURLToPath(new URL(`../network/${program}`, import.meta.url));
    this.#child = spawn("ip", ["netns", "exec", namespace, process.execPath, path, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (this.#child.stdout !== null)
      createInterface(this.#child.stdout).on("line", (line) => this.heard.push(line));
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for a line. */
  async hears(what: string | RegExp, explain: () => string = () => ""): Promise<string> {
    return await waitFor(
      `${this.#name} to hear ${what}`,
      () => this.heard.find((line) => (typeof what === "string" ? line === what : what.test(line))),
      { explain: () => `${this.heard.join("\n")}\n${explain()}` },
    );
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
