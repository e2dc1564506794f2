import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;
/** The machine may be busy with other tests: limits only end what would never end. */
const LIMIT_MS = 30_000;

/**
 * Asks again and again until there is an answer other than undefined or false.
 *
 * @param what is waited for, for the message: "gw2 to become active"
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: { readonly limitMs?: number; readonly explain?: () => string | Promise<string> } = {},
): Promise<T> {
  const { limitMs = LIMIT_MS } = options;
  const endMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= endMs) {
      const explanation = (await options.explain?.()) ?? "";
      throw new Error(`waited ${limitMs / 1_000} s in vain for ${what}\n${explanation}`.trimEnd());
    }
    await sleep(POLL_MS);
  }
}

/** That something does not happen can be seen only by letting time go by. */
export function letTimePass(durationMs: number): Promise<void> {
  return sleep(durationMs);
}
