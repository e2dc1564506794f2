import type { ElectionSettings } from "../../core/election/election-types.ts";
import { electionPeers, type GroupSettings, type NodeSettings } from "../node-settings.ts";
import type { Face } from "./face.ts";

/** What the document says of a group, as its election takes it; but its revision may change meanwhile, and is that of the pulses. */
export function electionSettings(
  settings: NodeSettings,
  group: GroupSettings,
  faces: readonly Face[],
  pulses: { readonly revision: string },
): ElectionSettings {
  const { virtualRouterId, priority, intervalMs, pulseIntervalMs, preempt, preemptDelayMs, version } = group;
  return {
    node: settings.node,
    group: group.name,
    virtualRouterId,
    priority,
    intervalMs,
    pulseIntervalMs,
    preempt,
    preemptDelayMs,
    // RFC 3768 6.1: the skew of version 2 is a part of one second.
    ...(version === 2 ? { skewOfMs: 1_000 } : {}),
    faces: faces.map((face) => ({
      name: face.name,
      families: face.families,
      addresses: face.ownAddresses,
    })),
    peers: electionPeers(settings, group),
    paths: settings.pulsePaths.filter(({ groups }) => groups.includes(group.name)).map(({ name }) => name),
    get revision() {
      return pulses.revision;
    },
  };
}
