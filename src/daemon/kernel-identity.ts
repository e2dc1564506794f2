import { readFileSync, statSync } from "node:fs";

/** The boot and the network namespace that this process is in: a table of another one is another table. */
export function kernelIdentity(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot}/${statSync("/proc/self/ns/net").ino}`;
}
