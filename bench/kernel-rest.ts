import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A lab that is down, and nothing else on the machine has more. */
const CONNECTIONS_LEFT_MAX = 50_000;
/** A namespace goes with the last TCP socket of it that still says goodbye: some seconds after its last process. */
const LIMIT_MS = 240_000;
const LOOK_MS = 200;

/**
 * Waits until the kernel has removed the connections of the labs before. It goes on with that for seconds after their namespaces
 * have vanished, and packets of others wait meanwhile: with a million, for 100 to 300 ms.
 */
export async function untilKernelRests(signal: AbortSignal | undefined): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (connectionsInMemory() > CONNECTIONS_LEFT_MAX) {
    if (performance.now() > endMs)
      throw new Error(`the kernel still holds ${connectionsInMemory()} connections of other namespaces`);
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** Of all namespaces, with those that are being removed. */
function connectionsInMemory(): number {
  const [, active] = /^nf_conntrack +(\d+)/m.exec(readFileSync("/proc/slabinfo", "utf8")) ?? [];
  return Number(active ?? 0);
}
