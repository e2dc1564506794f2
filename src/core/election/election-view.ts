import type { ElectionCounter, ElectionSettings, ElectionView } from "./election-types.ts";
import type { Handover } from "./handover.ts";
import type { Health } from "./health.ts";
import type { Membership } from "./membership.ts";
import type { Neighbourhood } from "./neighbourhood.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** What can be seen of an election. */
export function electionView(of: {
  readonly settings: ElectionSettings;
  readonly member: Membership;
  readonly health: Health;
  readonly handover: Handover;
  readonly neighbourhood: Neighbourhood;
  readonly counters: Readonly<Record<ElectionCounter, number>>;
  readonly activeNode: string | undefined;
}): ElectionView {
  const { gatewayReady, tableComplete, effectivePriority, faces, lostTo, maintenance } = of.health;
  const { role, sinceMs, nowMs, silenceMs, isMute, isListening } = of.member;
  // What keeps it there can be another thing by now: it has listened long enough, or one hindrance went and another came.
  const isHindered = role === "fault" || (role === "init" && !isListening);
  const lack = isHindered ? of.health.inability : undefined;
  return {
    ...{ role, sinceMs, cause: lack ?? of.member.cause },
    takeoverDueMs: silenceMs === NEVER ? undefined : silenceMs,
    priority: of.settings.priority,
    ...{ effectivePriority, gatewayReady, tableComplete, lostTo },
    maintenance: maintenance !== null,
    faces: faces.map(({ name, up }) => ({ name, up })),
    activeNode: of.activeNode,
    peers: of.neighbourhood.peers.map((peer) => peer.view(nowMs)),
    foreignActive: of.neighbourhood.foreignActive(nowMs),
    listening: isMute,
    draining: of.handover.isRunning,
    handoverRefused: of.handover.refused,
    counters: { ...of.counters },
  };
}
