import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { GroupPlan } from "../../contract/config-plan.ts";
import { listText } from "./change-words.ts";
import { bestNode } from "./group-changes.ts";
import { makeOrder } from "./make-order.ts";

/** Which node is active for a group, as far as it is known. */
export type ActiveNodes = Readonly<Record<string, string | null>>;

interface Options {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  /** The nodes whose failover processes start anew. */
  readonly restarting: readonly string[];
  readonly activeNodes: ActiveNodes;
  readonly carrying?: string | undefined;
}

/** What becomes of the roles when failover processes start anew, each after its node has handed over. */
export function roleMoves(options: Options): GroupPlan[] {
  const { before, restarting, activeNodes } = options;
  if (restarting.length === 0) return [];
  return Object.keys(before.groups).flatMap((group): GroupPlan[] => {
    const active = activeNodes[group] ?? undefined;
    const sentence = active === undefined ? unknownActive(options, group) : moves(options, group, active);
    return sentence === undefined ? [] : [{ group, sentence }];
  });
}

function unknownActive({ before, after, restarting }: Options, group: string): string {
  if (after.groups[group] === undefined) return "it ends on all nodes";
  const isAll = restarting.length === Object.keys(before.nodes).length;
  const who = isAll ? "the active node" : listText(restarting);
  return `${who} hands over before it starts anew${isAll ? "" : ", if it is active"}`;
}

function moves(options: Options, group: string, first: string): string | undefined {
  const { before, after, restarting, activeNodes } = options;
  if (after.groups[group] === undefined) return "it ends on all nodes";
  const stays = (node: string) => before.nodes[node] !== undefined && after.nodes[node] !== undefined;
  const ranked = Object.entries(after.groups[group]?.priorities ?? {}).sort(([, a], [, b]) => b - a);
  let active = first;
  const sentences: string[] = [];
  const turns = makeOrder(options, {
    nodes: restarting,
    active: new Set(Object.values(activeNodes).filter((node) => node !== null)),
    carrying: options.carrying ?? "",
  });
  for (const node of turns.flatMap(({ nodes }) => nodes)) {
    if (node !== active) continue;
    const heir = ranked.map(([name]) => name).find((name) => name !== node && stays(name));
    if (heir === undefined)
      return `no other node can serve meanwhile: ${node} gives up the addresses for about a second; no connection ends`;
    sentences.push(`${node} hands over to ${heir}${stays(node) ? " before it starts anew" : ""}`);
    active = heir;
  }
  if (sentences.length === 0) return undefined;
  const best = bestNode(after, group);
  const isBack = after.groups[group]?.preempt === true && best !== active && stays(best);
  const end = isBack ? `, and ${best} takes over${best === first ? " again" : ""}, as preempt is on` : "";
  return `${sentences.join(", then ")}${end}`;
}
