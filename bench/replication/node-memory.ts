import { readFileSync } from "node:fs";
import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { processesIn } from "../../src/lab/process-table.ts";

/**
 * Resident memory of all processes of a node, in MB of 10^6 bytes. What several processes share counts once: the proportional set
 * size (PSS, proc(5), smaps_rollup).
 */
export function nodeMemoryMb(lab: string, node: string): number {
  const pids = processesIn(namespaceOf(lab, node), { withoutOutsiders: true });
  const kib = pids.reduce((sum, pid) => sum + proportionalKib(pid), 0);
  return (kib * 1_024) / 1e6;
}

function proportionalKib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const found = /^Pss:\s+([0-9]+) kB/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`no Pss in /proc/${pid}/smaps_rollup`);
  return Number(found);
}
