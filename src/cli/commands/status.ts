import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { clientFor, type NodeWish } from "../../client/client-for.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { problemText } from "../problem-text.ts";
import { statusText } from "../status-text.ts";
import { paperOf } from "../terminal.ts";

export interface StatusOptions extends NodeWish {
  readonly output: string;
  /** True without a number of seconds. */
  readonly watch?: string | true;
}

/** Shows the cluster's state once, or again and again. */
export async function status({ output, watch, ...wish }: StatusOptions): Promise<ExitStatus> {
  if (watch !== undefined) return watchStatus(wish, output, intervalMs(watch));
  const answer = await (await clientFor(wish)).status();
  process.stdout.write(render(answer, output, 2));
  return answer.verdict === "ok" ? exitStatus.ok : exitStatus.notOk;
}

function render(answer: ClusterStatus, output: string, indentation: number): string {
  return output === "json"
    ? `${JSON.stringify(answer, null, indentation)}\n`
    : statusText(answer, paperOf(process.stdout));
}

function intervalMs(watch: string | true): number {
  const seconds = watch === true ? 1 : Number(watch);
  if (Number.isFinite(seconds) && seconds >= 0.1 && seconds <= 3_600) return seconds * 1_000;
  throw new ProblemError({
    code: "bad-usage",
    message: `--watch ${watch} is not a number of seconds`,
    hint: "Write a number from 0.1 to 3600, or none for one second.",
  });
}

/** Goes on while nodes come and go: a node that does not answer is news too. Ends with Ctrl-C. */
async function watchStatus(wish: NodeWish, output: string, everyMs: number): Promise<ExitStatus> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  const clear = output === "text" && process.stdout.isTTY ? "\x1b[H\x1b[2J" : "";
  while (!stop.signal.aborted) {
    process.stdout.write(clear + (await oneLook(wish, output)));
    if (clear === "" && output === "text") process.stdout.write("\n");
    try {
      await sleep(everyMs, undefined, { signal: stop.signal });
    } catch {
      break; // Ctrl-C
    }
  }
  return exitStatus.ok;
}

async function oneLook(wish: NodeWish, output: string): Promise<string> {
  try {
    // Searched again each time: another node may answer now.
    return render(await (await clientFor(wish)).status(), output, 0);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (output === "json") return `${JSON.stringify({ ok: false, problems: [error.problem] })}\n`;
    return problemText(error.problem, paperOf(process.stdout));
  }
}
