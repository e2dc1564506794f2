import { type ChildProcess, spawn } from "node:child_process";
import type { Probe, ProbeResult } from "./probe.ts";

/** What a script prints is kept up to here, and shown up to there. */
const OUTPUT_BYTES_MAX = 4_096;
const WORDS_CHARACTERS_MAX = 200;
/** What was printed last may still be in the pipe when the script has ended. */
const OUTPUT_WAIT_MS = 50;
/** Bounds a script that this process cannot end any more: timeout(1) of coreutils ends it so long after its time. */
const ORPHAN_LIMIT_MS = 1_000;

export interface ScriptSettings {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** What the script is told about where it runs. */
  readonly environment: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) killGroup(child);
});

/** Whether a program ends with status 0 in time. It runs in its own session; when its time is over all of it is killed. */
export function scriptProbe({ command, timeoutMs, environment }: ScriptSettings): Probe {
  const limit = ((timeoutMs + ORPHAN_LIMIT_MS) / 1_000).toFixed(3);
  const args = ["--signal=KILL", limit, ...command];
  return () => {
    const { promise, resolve } = Promise.withResolvers<ProbeResult>();
    const child = spawn("timeout", args, {
      cwd: "/",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    const output = new BoundedOutput(child);
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      killGroup(child);
    }, timeoutMs);
    let isFinished = false;
    const finish = (good: boolean, words: string) => {
      if (isFinished) return;
      isFinished = true;
      clearTimeout(timer);
      running.delete(child);
      // What it started in the background must not pile up.
      killGroup(child);
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ good, words });
    };
    child.on("error", (error) => finish(false, `it cannot be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      const end = () => {
        if (isOver) finish(false, withOutput(`no end within ${timeoutMs / 1_000} s`, output.line));
        else if (code === 0) finish(true, output.line === "" ? "exit status 0" : output.line);
        else
          finish(
            false,
            withOutput(code === null ? `killed by ${signal}` : `exit status ${code}`, output.line),
          );
      };
      // A program in the background may hold the pipes open for ever.
      const limit = setTimeout(end, OUTPUT_WAIT_MS);
      child.on("close", () => {
        clearTimeout(limit);
        end();
      });
    });
    return promise;
  };
}

function withOutput(status: string, line: string): string {
  return line === "" ? status : `${status} (${line})`;
}

class BoundedOutput {
  #text = "";

  constructor({ stdout, stderr }: ChildProcess) {
    for (const stream of [stdout, stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        // The rest is read, so that the script does not stand still, and thrown away.
        this.#text = (this.#text + text).slice(0, OUTPUT_BYTES_MAX);
      });
  }

  /** The first line that says something, without what would disturb a terminal. */
  get line(): string {
    const lines = this.#text.split("\n").map((line) => line.replace(/\p{Cc}/gu, " ").trim());
    return (lines.find((line) => line !== "") ?? "").slice(0, WORDS_CHARACTERS_MAX);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended, and all that it started.
  }
}
