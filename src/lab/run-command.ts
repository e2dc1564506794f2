import { spawn } from "node:child_process";
import { ProblemError } from "../base/problem.ts";

export interface CommandOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its exit status. @throws ProblemError when there is no such program */
export function tryCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    // Its own process group: Ctrl-C must not hit a command half-way, the clean-up takes care of what it did.
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(
        new ProblemError({
          code: "lab-tool-missing",
          message: `${program} could not be started: ${error.code ?? error.message}`,
          hint: "apt-get install iproute2 nftables conntrack",
        }),
      );
    });
    child.on("close", (status) => resolve({ status: status ?? -1, stdout, stderr }));
    // A command that ends before it has read everything is judged by its exit status.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

/** Runs a program that must succeed. @returns its standard output */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await tryCommand(program, args, options);
  if (result.status === 0) return result.stdout;
  throw new ProblemError({
    code: "lab-command",
    message: `"${program} ${args.join(" ")}" failed: ${result.stderr.trim() || `exit status ${result.status}`}`,
    hint: "tocha lab down removes whatever stands half-built.",
  });
}

/** One `ip -batch` inside a namespace: commands without the leading `ip`. The first failure ends it. */
export async function ipBatch(
  namespace: string,
  lines: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await runCommand("ip", ["-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n`, signal });
}

/** Writes kernel settings inside a namespace; the ones this kernel does not have are skipped. */
export async function setSysctls(
  namespace: string,
  settings: Readonly<Record<string, string | number>>,
  signal?: AbortSignal,
): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => {
    const file = `/proc/sys/${name.replaceAll(".", "/")}`;
    return `[ ! -e ${file} ] || echo ${value} > ${file}`;
  });
  await runCommand("ip", ["netns", "exec", namespace, "sh", "-e"], { input: lines.join("\n"), signal });
}
