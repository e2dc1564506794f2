import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** A line longer than this is no line of ours. */
const LINE_CHARACTERS_MAX = 1 << 20;

/**
 * Cuts a stream into lines, as fast as the caller takes them. Throws when the next bytes do not come within the limit;
 * what the caller itself takes for a line does not count. The stream is destroyed in the end.
 */
export async function* linesOf(source: Readable, silenceLimitMs: number): AsyncGenerator<string, void, void> {
  const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  const decoder = new StringDecoder("utf8");
  let held = "";
  try {
    for (;;) {
      const { done, value } = await within(chunks.next(), silenceLimitMs);
      if (done === true) break;
      const lines = (held + decoder.write(value)).split("\n");
      held = lines.pop() ?? "";
      if (held.length > LINE_CHARACTERS_MAX) throw new Error("a line without an end");
      yield* lines;
    }
    if (held !== "") yield held;
  } finally {
    // Not chunks.return(): it would wait for the bytes that do not come.
    source.destroy();
  }
}

/** Thrown when nothing comes for too long. */
export class SilenceError extends Error {}

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new SilenceError("silence")), limitMs);
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
