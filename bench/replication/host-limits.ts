import { readFileSync, writeFileSync } from "node:fs";
import { ProblemError } from "../../src/base/problem.ts";

const files = {
  max: "/proc/sys/net/netfilter/nf_conntrack_max",
  buckets: "/proc/sys/net/netfilter/nf_conntrack_buckets",
};
/** A million flows at both ends of a load; the buckets are what the kernel's own rule would choose. */
const wanted = { max: 4_194_304, buckets: 1_048_576 };

/**
 * Runs work with room for more than a million connections in every namespace.
 *
 * The two limits belong to the whole machine. They are raised where they are lower, and set back afterwards, unless somebody else
 * has changed them meanwhile.
 */
export async function withRoomForConnections<T>(work: () => Promise<T>): Promise<T> {
  const raised: { file: string; before: number; to: number }[] = [];
  try {
    for (const key of ["buckets", "max"] as const) {
      const before = readLimit(files[key]);
      if (before >= wanted[key]) continue;
      writeFileSync(files[key], String(wanted[key]));
      raised.push({ file: files[key], before, to: readLimit(files[key]) });
    }
    return await work();
  } finally {
    for (const { file, before, to } of raised.reverse()) {
      if (readLimit(file) === to) writeFileSync(file, String(before));
    }
  }
}

function readLimit(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    throw new ProblemError({
      code: "lab-kernel",
      message: `${file} is not there: connection tracking is not loaded`,
      hint: "modprobe nf_conntrack",
    });
  }
}
