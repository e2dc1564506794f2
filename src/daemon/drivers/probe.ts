import { KernelError } from "../../linux/kernel-error.ts";

export interface ProbeResult {
  readonly good: boolean;
  /** What was found, for people: a few words. */
  readonly words: string;
}

/** One question to the kernel, a host or a program. It is answered within its time limit, and never rejects. */
export type Probe = () => Promise<ProbeResult>;

const WAIT_MS_MIN = 1;
const WAIT_MS_MAX = 20;

/**
 * Looks for an answer again and again until the time is over: soon at first, for most answers take no time. What arrived
 * while this process was held up counts: it looks once more before it gives up.
 */
export async function awaitAnswer(isAnswered: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let waitMs = WAIT_MS_MIN; ; waitMs = Math.min(WAIT_MS_MAX, 2 * waitMs)) {
    const isOver = performance.now() >= deadline;
    if (isAnswered()) return true;
    if (isOver) return false;
    const restMs = Math.max(0, deadline - performance.now());
    await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, restMs)));
  }
}

/** A kernel that refuses to ask is an answer too. */
export async function orRefusal(probe: Probe): Promise<ProbeResult> {
  try {
    return await probe();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { good: false, words: error.message };
  }
}
