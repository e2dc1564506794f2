import { readFileSync } from "node:fs";
import { lockMemory } from "./libc.ts";

/** A line of proc_pid_maps(5): what is not written to and comes from a file, which inode 0 does not. */
const mapping = /^([0-9a-f]+)-([0-9a-f]+) r-.. [0-9a-f]+ \S+ [1-9]/;

/**
 * Keeps the code that this process runs in memory: the program, the C library, the native add-ons.
 *
 * A standby does the same little for months, and then has to take over within milliseconds: by then the kernel may have dropped pages
 * that were not used for long, and the first step of the takeover would wait for the disk. Only what comes from files is locked. V8 gives
 * pages of its heap back with madvise(MADV_DONTNEED), which the kernel refuses for locked ones, and V8 then aborts the process; from
 * that memory the unit keeps the swap (MemorySwapMax=).
 *
 * @returns how much is locked, in KiB; 0 where that is not allowed (RLIMIT_MEMLOCK, CAP_IPC_LOCK)
 */
export function lockProgramMemory(): number {
  let bytes = 0n;
  for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
    const [, from, to] = mapping.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const [start, end] = [BigInt(`0x${from}`), BigInt(`0x${to}`)];
    if (lockMemory(start, end - start) === 0) bytes += end - start;
  }
  return Number(bytes / 1_024n);
}
