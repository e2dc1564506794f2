import type { LogPlace } from "../../wire/flow-sync.ts";
import type { GroupSet } from "./flow-owner.ts";
import type { SinkState } from "./sink-types.ts";

/** What of a source's log is in this node's kernel, and which groups the source was active for. */
export interface ResumePlace extends LogPlace {
  readonly groups: GroupSet;
}

/** What the stream from one source says. */
interface Follower {
  readonly state: SinkState;
  readonly resumePoint: ResumePlace | undefined;
  readonly sourceGroups: GroupSet;
}

/**
 * Peers in whose logs this node has no place any more, as the stream from one of them says.
 *
 * A place is worth something as long as nobody else writes into the table: whoever claims a group of it purges and replaces
 * what another node has sent, also when that one is out of hearing, stays active, and is heard again after the other gave
 * way. Its log tells of none of that.
 */
export function forgottenPlaces(
  places: ReadonlyMap<string, ResumePlace>,
  peer: string,
  { state, resumePoint, sourceGroups }: Follower,
): readonly string[] {
  // A stream that is lost leaves the place where it was.
  const isLost = resumePoint === undefined && state !== "greeting" && state !== "closed";
  const forgotten: string[] = [];
  for (const [name, { groups }] of places)
    if (name === peer ? isLost : (groups & sourceGroups) !== 0) forgotten.push(name);
  return forgotten;
}
