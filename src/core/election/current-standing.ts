import type { Standing } from "../arbiter/arbitration.ts";
import type { GroupRole } from "./election-types.ts";
import type { Peer } from "./peer.ts";

/** The same object as long as nothing has changed, so that it costs nothing to look at it all the time. */
export class CurrentStanding {
  #standing: Standing | undefined;

  of(
    nowMs: number,
    role: GroupRole,
    peers: readonly Peer[],
    { lostTo, cutOff }: Pick<Standing, "lostTo" | "cutOff">,
  ): Standing {
    const known = this.#standing;
    const isRuled = known?.role === role && known.lostTo === lostTo && known.cutOff === cutOff;
    if (isRuled && isSame(known, peers, nowMs)) return known;
    const seen = peers.filter((peer) => peer.isAlive(nowMs)).map(({ name }) => name);
    this.#standing = { role, seen, isAlone: seen.length === 0 && isMissed(peers), lostTo, cutOff };
    return this.#standing;
  }
}

/** Those that are heard come in the order of the peers. */
function isSame(known: Standing, peers: readonly Peer[], nowMs: number): boolean {
  let count = 0;
  for (const peer of peers) {
    if (!peer.isAlive(nowMs)) continue;
    if (known.seen[count] !== peer.name) return false;
    count += 1;
  }
  return count === known.seen.length && known.isAlone === (count === 0 && isMissed(peers));
}

/** One that said that it stops serves nobody. */
function isMissed(peers: readonly Peer[]): boolean {
  for (const peer of peers) if (!peer.hasStopped) return true;
  return false;
}
