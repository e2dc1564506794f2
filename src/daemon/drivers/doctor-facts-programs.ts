import { readdirSync, readFileSync, statSync } from "node:fs";
import { rivalNames } from "../../core/doctor/neighbour-checks.ts";

export interface ProgramFacts {
  readonly name: string;
  readonly pid: number;
}

const wanted: ReadonlySet<string> = new Set([...rivalNames, "NetworkManager"]);

/** Programs that matter to a gateway, in this process's network namespace: those of other namespaces harm nobody here. */
export function programFacts(): ProgramFacts[] {
  const own = networkOf("self");
  const found = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      const name = nameOf(pid);
      return name !== undefined && wanted.has(name) && networkOf(pid) === own
        ? [{ name, pid: Number(pid) }]
        : [];
    });
  // A program of several processes is one.
  return found.filter((one, index) => found.findIndex(({ name }) => name === one.name) === index);
}

function nameOf(pid: string): string | undefined {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    // A program of Python that is started by its own name carries that; others carry python3.
    return name;
  } catch {
    return undefined; // It has ended.
  }
}

/**
 * Tells namespaces apart without the right to look into other processes, which /proc/PID/ns asks for: the files of a namespace
 * under /proc/PID/net are its own.
 */
function networkOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/net/dev`).ino;
  } catch {
    return undefined;
  }
}
