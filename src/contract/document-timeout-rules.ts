import { formatDurationMs } from "../base/duration.ts";
import type { Finding } from "./finding.ts";
import { type KernelTimeout, kernelTimeouts, timeoutNames, timeouts } from "./timeouts-schema.ts";
import { valueAt } from "./understood.ts";

/** Timeouts below what the RFCs on NAT ask for: connections would be forgotten that both ends believe in. */
export function timeoutNotices(root: unknown): Finding[] {
  const parsed = timeouts.safeParse(valueAt(root, ["timeouts"]));
  if (!parsed.success) return [];
  return timeoutNames.flatMap((name): Finding[] => {
    const durationMs = parsed.data[name];
    const { least, what }: KernelTimeout = kernelTimeouts[name];
    if (durationMs === undefined || least === undefined || durationMs >= least.seconds * 1_000) return [];
    return [
      {
        ...({ code: "timeout-below-rfc", path: ["timeouts", name], on: "value" } as const),
        message: `${formatDurationMs(durationMs)} is short for ${what}: ${least.rfc}`,
        hint: "Hosts that are silent for longer lose their connections.",
      },
    ];
  });
}
