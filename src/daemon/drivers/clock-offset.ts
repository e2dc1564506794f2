const READINGS = 10;

/**
 * Added to performance.now(), the time since boot (CLOCK_MONOTONIC): that can be told to other threads and processes.
 *
 * The first reading of a clock can take milliseconds, while its code is compiled: the two that lie closest together count.
 */
export const clockOffsetMs = readOffset();

function readOffset(): number {
  let offsetMs = 0;
  let closestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < READINGS; i++) {
    const beforeMs = performance.now();
    const sinceBootMs = Number(process.hrtime.bigint()) / 1e6;
    const afterMs = performance.now();
    if (afterMs - beforeMs >= closestMs) continue;
    closestMs = afterMs - beforeMs;
    offsetMs = sinceBootMs - (beforeMs + afterMs) / 2;
  }
  return offsetMs;
}
