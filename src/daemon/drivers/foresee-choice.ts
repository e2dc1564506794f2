import { ProblemError } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ForeseenChoice } from "../../contract/config-choice.ts";
import type { ConfigState } from "../../contract/config-operations.ts";
import type { Revision } from "../../contract/config-revision.ts";
import { type PlannedDocument, type PlanOptions, planChange } from "../../core/config/plan.ts";
import type { ActiveNodes } from "../../core/config/role-moves.ts";
import { fittingDifference } from "../../core/config/text-difference.ts";
import type { RevisionStore } from "../../store/revision-store.ts";
import { readDocumentOnce } from "../read-document-once.ts";

/**
 * The last revision of a node's history.
 *
 * @param seen the one that somebody has looked at
 * @throws ProblemError where that is not known, or another one than was looked at
 */
export function headOf(
  chosen: string,
  states: ReadonlyMap<string, ConfigState>,
  seen?: string,
): { readonly id: string; readonly number: number } {
  const head = states.get(chosen)?.head ?? null;
  if (head === null) {
    const hint = "tocha status shows which nodes answer.";
    throw new ProblemError({ code: "node-unreachable", message: `${chosen} has no history to show`, hint });
  }
  if (seen === undefined || seen === head.id) return head;
  const message = `${chosen} has another revision by now: ${head.number} (${head.id.slice(0, 12)})`;
  const hint = `Look again, and choose then: tocha config choose ${chosen}.`;
  throw new ProblemError({ code: "config-changed", message, hint });
}

/** What it would do to the other nodes if the history of one of them counted. All histories are kept on this node. */
export async function foreseeChoice(
  chosen: string,
  options: {
    /** This node, and its store. */
    readonly own: string;
    readonly store: Pick<RevisionStore, "revision">;
    readonly states: ReadonlyMap<string, ConfigState>;
    readonly activeNodes: ActiveNodes;
    readonly knownUsers?: PlanOptions["knownUsers"];
    readonly caller: CallerWay | undefined;
  },
): Promise<ForeseenChoice> {
  const { own, store, states, activeNodes, knownUsers, caller } = options;
  const after = await store.revision(headOf(chosen, states).id);
  const planned = documentOf(after, `revision ${after.number} of ${chosen}`);
  const sides: ForeseenChoice["sides"] = [];
  for (const [id, nodes] of sidesOf(states)) {
    if (id === after.id) continue;
    const before = await store.revision(id);
    const name = `revision ${before.number} of ${nodes.join(" and ")}`;
    const plan = planChange({
      ...{ before: documentOf(before, name), after: planned, activeNodes, knownUsers, only: nodes },
      // Whoever asks comes to this node.
      ...(nodes.includes(own) ? { caller, carrying: own } : {}),
    });
    const difference = fittingDifference(plan.difference);
    sides.push({ nodes: [...nodes], ...summaryOf(before), plan: { ...plan, difference } });
  }
  return { chosen: { node: chosen, ...summaryOf(after) }, sides };
}

/** Nodes by the revision that they have. */
function sidesOf(states: ReadonlyMap<string, ConfigState>): Map<string, string[]> {
  const sides = new Map<string, string[]>();
  for (const [name, { head }] of states)
    if (head !== null) sides.set(head.id, [...(sides.get(head.id) ?? []), name]);
  return sides;
}

function summaryOf({ id, number, author, at, message }: Revision) {
  return { id, number, author, at, message };
}

function documentOf({ text, number }: Revision, name: string): PlannedDocument {
  const { document, notices } = readDocumentOnce(text, name);
  if (document !== undefined) return { name, text, document, notices };
  throw new ProblemError({
    code: "history-broken",
    message: `this version does not understand the document of revision ${number}`,
    hint: "A newer version may have written it: compare versions with `tocha version` on all nodes.",
  });
}
