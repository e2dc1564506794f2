import type { IpAddress } from "../../base/ip.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { compareRank } from "../election/rank.ts";

/** Of the address owner (RFC 9568 1.6). */
const OWNER_PRIORITY = 255;

/** What the document says of a group. */
export interface GroupPolicy {
  readonly name: string;
  readonly preempt: boolean;
  readonly preemptDelayMs: number;
  readonly intervalMs: number;
  readonly pulseIntervalMs: number;
  /** Pulses take every face; on one that they do not take, only advertisements tell that the active lives. */
  readonly pulsesOnAllFaces: boolean;
  /** By node, those that the election breaks ties by; nodes do not tell them. */
  readonly addresses: Readonly<Record<string, readonly IpAddress[]>>;
}

type Ranked = Pick<NodeStatus, "name" | "effectivePriority">;

/** Sorts the higher priority first, then the higher address: as compareRank() where nothing is known of tables. */
export function byPriority({ addresses }: Pick<GroupPolicy, "addresses">): (a: Ranked, b: Ranked) => number {
  const rank = ({ name, effectivePriority }: Ranked) => {
    return { name, effectivePriority, tableComplete: undefined, addresses: addresses[name] ?? [] };
  };
  return (a, b) => compareRank(rank(b), rank(a));
}

/** Why a node that ranks higher asks for the role (preemption.ts), in words; undefined when it does not. */
export function preemptsBecause(
  { preempt }: Pick<GroupPolicy, "preempt">,
  { priority }: Pick<NodeStatus, "priority">,
): string | undefined {
  if (preempt) return "preempt is on";
  return priority === OWNER_PRIORITY ? "is the address owner (priority 255)" : undefined;
}
