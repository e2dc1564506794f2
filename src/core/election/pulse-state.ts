import type { PulseState } from "./election-types.ts";
import type { Health } from "./health.ts";
import type { Membership } from "./membership.ts";

/** What the pulses of a node in a group say of it. */
export function pulseState(of: {
  readonly health: Health;
  readonly member: Membership;
  readonly intervalMs: number;
  readonly wantsToBeActive: boolean;
}): PulseState {
  const { health, member, intervalMs, wantsToBeActive } = of;
  return {
    role: member.role,
    effectivePriority: member.role === "active" ? health.effectivePriority : health.offeredPriority,
    tableComplete: health.tableComplete,
    resigning: member.isResigning,
    wantsToBeActive,
    gaveWay: member.gaveWay,
    inReserve: health.inReserve,
    intervalMs,
    advertisementSources: health.advertisementSources,
  };
}
