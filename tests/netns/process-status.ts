import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

// What the kernel says of a process.

/** uapi linux/capability.h, as far as anything of a node has them. */
const capabilityNames = new Map([
  [5, "kill"],
  [6, "setgid"],
  [7, "setuid"],
  [8, "setpcap"],
  [12, "net_admin"],
  [13, "net_raw"],
  [14, "ipc_lock"],
  [23, "sys_nice"],
]);

/** A set of capabilities of a process (proc_pid_status(5)), in the order of their numbers. One that nothing of a node has is its number. */
export function capabilitiesOf(pid: number, set: "CapEff" | "CapPrm" | "CapBnd" = "CapEff"): string[] {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bits = BigInt(`0x${new RegExp(`^${set}:\\s+([0-9a-f]+)$`, "m").exec(status)?.[1]}`);
  const numbers = Array.from({ length: 64 }, (_, number) => number);
  return numbers
    .filter((number) => ((bits >> BigInt(number)) & 1n) === 1n)
    .map((number) => capabilityNames.get(number) ?? `${number}`);
}

/** The kernel keeps all code of a process in memory, and nothing of its heap. */
export function assertCodeIsLocked(pid: number): void {
  // proc_pid_smaps(5): VmFlags "lo" is a mapping that is locked.
  const mappings = readFileSync(`/proc/${pid}/smaps`, "latin1").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const code = mappings.filter((text) => /^\S+ r-xp \S+ \S+ [1-9]/.test(text));
  assert.ok(code.length > 3);
  for (const text of code) assert.match(text, /^VmFlags:.* lo\b/m);
  const heap = mappings.filter((text) => /^\S+ rw-p 00000000 00:00 0 *\n/.test(text));
  assert.ok(heap.length > 3);
  for (const text of heap) assert.doesNotMatch(text, /^VmFlags:.* lo\b/m);
}
