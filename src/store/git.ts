import { spawn } from "node:child_process";
import { ProblemError } from "../base/problem.ts";

const LIMIT_MS = 30_000;

/** A git repository without a work tree, by its folder. */
export class Git {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Runs git with nothing of the machine's or the user's settings, within a limited time.
   *
   * @param input what it reads
   * @throws ProblemError when it fails
   */
  async run(
    args: readonly string[],
    { input = "", environment = {}, limitMs = LIMIT_MS }: GitOptions = {},
  ): Promise<string> {
    const answer = await this.ask(args, { input, environment, limitMs });
    if (answer.status === 0) return answer.output;
    throw new ProblemError({
      code: "history-broken",
      message: `git ${args[0]} in ${this.directory}: ${answer.said.trim() || `status ${answer.status}`}`,
      hint: `Look at the disk, and at the repository: git --git-dir ${this.directory} fsck`,
    });
  }

  /** The same, for questions whose answer may be no. */
  ask(args: readonly string[], options: GitOptions = {}): Promise<GitAnswer> {
    const { input = "", environment = {}, limitMs = LIMIT_MS } = options;
    return new Promise((resolve, reject) => {
      const child = spawn("git", ["--git-dir", this.directory, ...args], {
        stdio: ["pipe", "pipe", "pipe"],
        env: { ...plainEnvironment(), ...environment },
        timeout: limitMs,
        killSignal: "SIGKILL",
      });
      const output: Buffer[] = [];
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-2_000);
      });
      child.stdin.on("error", () => {}); // git that ends early says why on its standard error.
      child.on("error", (error) => {
        const message = `cannot run git: ${error.message}`;
        reject(new ProblemError({ code: "missing-tool", message, hint: "Install it: apt-get install git" }));
      });
      child.on("close", (status) => {
        resolve({ status: status ?? -1, output: Buffer.concat(output).toString("utf8"), said });
      });
      child.stdin.end(input);
    });
  }
}

export interface GitOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

export interface GitAnswer {
  /** -1 when it was killed. */
  readonly status: number;
  readonly output: string;
  readonly said: string;
}

/** What is committed must not depend on whose machine it is; for a remote, ssh finds the keys of root. */
export function plainEnvironment(): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME = "/root", SSH_AUTH_SOCK } = process.env;
  return {
    ...{ PATH, HOME, LC_ALL: "C", TZ: "UTC" },
    ...{ GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0" },
    ...(SSH_AUTH_SOCK === undefined ? {} : { SSH_AUTH_SOCK }),
  };
}
