import type { Standing } from "../arbiter/arbitration.ts";
import type { GroupRole } from "./election-types.ts";
import type { Peer } from "./peer.ts";

/** The same object as long as nothing has changed, so that it costs nothing to look at it all the time. */
export class CurrentStanding {
  #standing: Standing | undefined;

  of(nowMs: number, role: GroupRole, peers: readonly Peer[], lostTo: string | undefined): Standing {
    const known = this.#standing;
    if (known?.role === role && known.lostTo === lostTo && isSame(known.seen, peers, nowMs)) return known;
    const seen = peers.filter((peer) => peer.isAlive(nowMs)).map(({ name }) => name);
    this.#standing = { role, seen, lostTo };
    return this.#standing;
  }
}

/** Those that are heard come in the order of the peers. */
function isSame(seen: readonly string[], peers: readonly Peer[], nowMs: number): boolean {
  let count = 0;
  for (const peer of peers) {
    if (!peer.isAlive(nowMs)) continue;
    if (seen[count] !== peer.name) return false;
    count += 1;
  }
  return count === seen.length;
}
