import type { TLSSocket } from "node:tls";

/**
 * Reads one line. What comes after it is not looked at.
 *
 * Rejects when it is longer than so many bytes, when the other side ends first, or when it takes too long.
 */
export function readLine(socket: TLSSocket, { bytesMax, limitMs }: LineLimits): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => fail("no whole line in time"), limitMs);
  const onData = (chunk: Buffer) => {
    const end = chunk.indexOf(0x0a);
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    length += chunk.length;
    if (length > bytesMax) fail("the line is too long");
    else if (end >= 0) settle(() => resolve(Buffer.concat(chunks).toString("utf8")));
  };
  const onEnd = () => fail("the connection ended early");
  const onError = (error: Error) => fail(error.message);
  const fail = (reason: string) => settle(() => reject(new Error(reason)));
  const settle = (action: () => void) => {
    clearTimeout(timer);
    socket.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onError);
    // Whatever else goes wrong with this connection concerns nobody any more.
    socket.on("error", () => {});
    action();
  };
  socket.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onError);
  return promise;
}

export interface LineLimits {
  readonly bytesMax: number;
  readonly limitMs: number;
}
