/** What is over before is not worth a word. */
const PATIENCE_MS = 500;
const EVERY_MS = 200;

/**
 * Shows that something takes its time: what it is and for how long already, in one line on standard error that is written over.
 * On terminals only. The line is gone when this returns.
 */
export async function whileWaiting<T>(
  what: string,
  work: Promise<T>,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<T> {
  if (!stream.isTTY) return await work;
  const startMs = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    const forMs = performance.now() - startMs;
    if (forMs < PATIENCE_MS) return;
    isShown = true;
    stream.write(`\r\x1b[K${what} … ${(forMs / 1_000).toFixed(0)} s`);
  }, EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (isShown) stream.write("\r\x1b[K");
  }
}
