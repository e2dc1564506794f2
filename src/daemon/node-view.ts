import type { PathView } from "../core/election/election-types.ts";
import type { FailoverReport, GroupReport } from "./role-report.ts";

/** What is the node's and not a group's, from what its groups say: they share interfaces and peers. */
export interface NodeView {
  readonly faces: GroupReport["faces"];
  readonly peers: readonly {
    readonly name: string;
    readonly alive: boolean;
    readonly paths: readonly PathView[];
  }[];
  readonly counters: Record<string, number>;
}

export function nodeView({ groups, counters }: FailoverReport): NodeView {
  const peers = groups.flatMap(({ view }) => view.peers);
  const total: Record<string, number> = {};
  for (const one of [...groups.flatMap((group) => [group.view.counters, group.counters]), counters]) {
    for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count;
  }
  return {
    faces: firstOfEach(groups.flatMap(({ faces }) => faces)),
    peers: firstOfEach(peers).map(({ name }) => {
      const views = peers.filter((one) => one.name === name);
      return {
        name,
        alive: views.some(({ alive }) => alive),
        paths: latestOfEach(views.flatMap(({ paths }) => paths)),
      };
    }),
    counters: total,
  };
}

function firstOfEach<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return all.filter((one, index) => all.findIndex(({ name }) => name === one.name) === index);
}

/** Of each path what the group knows that heard the peer last there. */
function latestOfEach(all: readonly PathView[]): PathView[] {
  return firstOfEach(all).map(({ name }) => {
    const views = all.filter((one) => one.name === name);
    const heardMs = (one: PathView) => one.lastHeardMs ?? Number.NEGATIVE_INFINITY;
    const latest = views.reduce((best, one) => (heardMs(one) > heardMs(best) ? one : best));
    const isTold = views.some(({ heardByPeer }) => heardByPeer !== undefined);
    return {
      ...latest,
      alive: views.some(({ alive }) => alive),
      heardByPeer: isTold ? views.some(({ heardByPeer }) => heardByPeer === true) : undefined,
    };
  });
}
