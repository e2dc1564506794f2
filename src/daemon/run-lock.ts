import { ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errno, kernelError, lockFile } from "../linux/libc.ts";

/**
 * Takes a run folder for this process. The lock ends with the process, however that ends: the kernel drops it with the
 * descriptor, which no role inherits.
 *
 * @returns undefined when it is taken; otherwise the number of the process that has it, 0 if it has not yet said which
 */
export function takeRunFolder(runDirectory: string): number | undefined {
  const path = join(runDirectory, "lock");
  const fd = openSync(path, "a", 0o600);
  const result = lockFile(fd);
  if (result === -errno.EWOULDBLOCK || result === -errno.EAGAIN) return Number(readFileSync(path, "utf8"));
  if (result < 0) throw kernelError(`flock ${path}`, -result);
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return undefined;
}
