import { execFile } from "node:child_process";

export interface ProgramOutput {
  /** Its exit status; null when it was not there, or was killed because its time was over. */
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const LIMIT_MS = 5_000;
const OUTPUT_BYTES_MAX = 16 << 20;

/** Runs a program that only tells something, to its end or to its limit. Never rejects. */
export function runLimited(
  program: string,
  args: readonly string[],
  { input = "", limitMs = LIMIT_MS }: { readonly input?: string; readonly limitMs?: number } = {},
): Promise<ProgramOutput> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      {
        timeout: limitMs,
        killSignal: "SIGKILL",
        maxBuffer: OUTPUT_BYTES_MAX,
        env: { ...process.env, PATH: path, LC_ALL: "C.UTF-8" },
      },
      (error, out, err) => {
        if (error === null) resolve({ status: 0, out, err });
        else
          resolve({
            status: typeof error.code === "number" ? error.code : null,
            out,
            err: err || error.message,
          });
      },
    );
    child.stdin?.on("error", () => {}); // It ended before it had read everything: its status says why.
    child.stdin?.end(input);
  });
}

/** What it printed as JSON; undefined where it failed, or printed something else. */
export async function askForJson(program: string, args: readonly string[]): Promise<unknown> {
  const { status, out } = await runLimited(program, args);
  if (status !== 0) return undefined;
  try {
    return JSON.parse(out) as unknown;
  } catch {
    return undefined;
  }
}
