/** Woken later than this, a node looks again at what has arrived: less can be the way of a pulse. */
const LATE_MS = 0.5;

/**
 * Waits for sockets, until the deadline at the latest.
 *
 * @returns a time by which everything that had arrived is readable: what is decided for that time, after the sockets were
 * read, is decided with all that could be known. The present time would be wrong: if the process stood still since the
 * sockets were looked at, an active would count as silent whose pulses wait in the socket.
 */
export function waitUntil(
  deadlineMs: number,
  pollSet: { readonly wait: (timeoutMs: number) => number },
  now: () => number,
): number {
  const ready = pollSet.wait(Math.max(0, deadlineMs - now()));
  const wokeMs = now();
  // Woken by a socket it looked at them before the deadline, perhaps long before: another may have become readable since.
  if (wokeMs - deadlineMs > LATE_MS || (ready > 0 && wokeMs >= deadlineMs)) pollSet.wait(0);
  return wokeMs;
}
