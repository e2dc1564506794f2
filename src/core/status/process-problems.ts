import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/** So many ends in a row are no accident. */
const FAILURES_MIN = 3;

/** Processes of a node that do not work, and what helps. */
export function processProblems({ name, processes, reachable }: NodeStatus): StatusProblem[] {
  if (!reachable) return [];
  const problem = (code: string, message: string, hint: string): StatusProblem => ({
    ...{ severity: "error", node: name, code, message, hint },
  });
  if (processes.length === 0) {
    const message = `the supervisor of ${name} does not answer: its other processes work on, each by itself`;
    const hint = `Under systemd it is killed after half a minute, and ${name} starts anew; else, on ${name}: kill -9 the process named in the file "lock" of its run folder, then start tocha run again.`;
    return [problem("supervisor-hangs", message, hint)];
  }
  return processes.flatMap(({ role, state, failures = 0, lastEnd }) => {
    if (failures >= FAILURES_MIN) {
      const message = `${role} of ${name} ended ${failures} times in a row, the last time with ${lastEnd ?? "no word"}`;
      const hint = `It is started again every few seconds. Its last words stand in the log of tocha run on ${name} (journalctl -u tocha@${name}).`;
      return [problem("role-failing", message, hint)];
    }
    if (state !== "silent" && state !== "hangs") return [];
    const message = `${role} of ${name} does not answer`;
    const hint = `It is killed and started again if this lasts. Is the machine starved? On ${name}: top; dmesg`;
    return [problem("role-hangs", message, hint)];
  });
}
