import type { Problem } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import {
  type NodePlan,
  type Plan,
  type PlanStep,
  restartedRoles,
  untouched,
} from "../../contract/config-plan.ts";
import { documentRevision } from "../../contract/document-revision.ts";
import type { KnownUser } from "../access/declared-users.ts";
import { type AffectedPart, affectedParts } from "./affected-parts.ts";
import { type SaidChange, sayChange } from "./change-table.ts";
import { countText, listText } from "./change-words.ts";
import { condensed } from "./condense-steps.ts";
import { type DocumentChange, documentDifference } from "./document-difference.ts";
import { planHazards } from "./plan-hazards.ts";
import { type ActiveNodes, roleMoves } from "./role-moves.ts";
import { textDifference } from "./text-difference.ts";
import { withoutContent } from "./without-content.ts";

export interface PlannedDocument {
  /** What the text is called in the difference. */
  readonly name: string;
  readonly text: string;
  /** Valid. */
  readonly document: ClusterDocument;
  /** What is good to know of it; a plan tells what is new. */
  readonly notices?: readonly Problem[];
}

export interface PlanOptions {
  /** What runs; undefined for the first document of all. */
  readonly before: PlannedDocument | undefined;
  readonly after: PlannedDocument;
  /** As `tocha status` knows it; absent where no cluster can be asked. */
  readonly activeNodes?: ActiveNodes | undefined;
  /** The node that would carry the change out; absent where that is not known. */
  readonly carrying?: string | undefined;
  /** Where the one who asks comes from; absent on the node itself. */
  readonly caller?: CallerWay | undefined;
  /** Whom the nodes keep; absent where no node can be asked. */
  readonly knownUsers?: readonly KnownUser[] | undefined;
  /** The nodes that run `before`, where others run something else: nothing is said of those. */
  readonly only?: readonly string[] | undefined;
}

/** What it would do to each node, its connections and its role, if `after` became the cluster's document. */
export function planChange(options: PlanOptions): Plan {
  const after = options.after.document;
  const before = options.before?.document ?? withoutContent(after);
  const changes = documentDifference(before, after).filter((change) => !belongsToNode(change, before, after));
  const said = condensed(changes.map((change) => sayChange(change, { before, after })));
  const names = [...new Set([...Object.keys(before.nodes), ...Object.keys(after.nodes)])].filter(
    (name) => options.only === undefined || options.only.includes(name),
  );
  const parts = new Map(
    names.map((node) => [node, affectedParts(options.before?.document, after, node)] as const),
  );
  const isFirst = options.before === undefined;
  const nodes = names
    .map((node) => {
      const stays = before.nodes[node] !== undefined && after.nodes[node] !== undefined;
      return nodePlan({ node, said, affected: parts.get(node) ?? new Set(), stays });
    })
    .filter(({ steps, restarts }) => steps.length + restarts.length > 0);
  const restarting = names.filter(
    (node) => before.nodes[node] !== undefined && parts.get(node)?.has("failover"),
  );
  const activeNodes = options.activeNodes ?? {};
  const groups = isFirst
    ? []
    : roleMoves({ before, after, restarting, activeNodes, carrying: options.carrying });
  const hazards = isFirst
    ? { warnings: [], refusals: [] }
    : planHazards({
        ...{ before, after, activeNodes, caller: options.caller, carrying: options.carrying },
        knownUsers: options.knownUsers ?? [],
      });
  const plan = {
    revisionBefore: isFirst ? null : documentRevision(before),
    revision: documentRevision(after),
    changes: said.length,
    ...{ nodes, groups },
    refusals: hazards.refusals,
    warnings: [...hazards.warnings, ...newNotices(options)],
    difference: textDifference(
      { name: options.before?.name ?? "/dev/null", text: options.before?.text ?? "" },
      options.after,
    ),
  };
  return { summary: summaryOf(plan), ...plan };
}

/** What is new about the document itself, such as a rule that never matches. Where it stands in the text does not matter. */
function newNotices({ before, after }: PlanOptions): Problem[] {
  const known = new Set((before?.notices ?? []).map(({ code, message }) => `${code} ${message}`));
  return (after.notices ?? [])
    .filter(({ code, message }) => !known.has(`${code} ${message}`))
    .map(({ code, message, hint, path }) => ({
      ...{ code, message },
      ...(hint === undefined ? {} : { hint }),
      ...(path === undefined ? {} : { path }),
    }));
}

/** A node that comes or goes brings its priorities along. */
function belongsToNode({ path }: DocumentChange, before: ClusterDocument, after: ClusterDocument): boolean {
  const [section, group = "", key, node = ""] = path;
  if (section !== "groups" || key !== "priorities" || path.length !== 4) return false;
  const isOld = before.groups[group] !== undefined && after.groups[group] !== undefined;
  return isOld && (before.nodes[node] === undefined || after.nodes[node] === undefined);
}

function nodePlan(options: {
  readonly node: string;
  readonly said: readonly SaidChange[];
  readonly affected: ReadonlySet<AffectedPart>;
  /** The node was one before, and is one after. */
  readonly stays: boolean;
}): NodePlan {
  const { node, said, affected, stays } = options;
  const handsOver = affected.has("failover") && stays;
  const steps = said
    .filter(({ nodes }) => nodes === undefined || nodes.includes(node))
    .map(({ part, path, sentence, connections = untouched, role, movesRole = false }): PlanStep => {
      const isElection = movesRole || part === "failover" || part === "virtual-addresses";
      const byHandover = handsOver && isElection ? "hands over in turn" : untouched;
      return { part, path, sentence, connections, role: role ?? byHandover };
    });
  return { node, steps, restarts: stays ? restartedRoles.filter((role) => affected.has(role)) : [] };
}

function summaryOf({ revisionBefore, changes, nodes, groups, refusals }: Omit<Plan, "summary">): string {
  if (revisionBefore === null) {
    const verb = nodes.length === 1 ? "gets" : "get";
    return `the first document: ${countText(nodes.length, "node")} ${verb} all of it`;
  }
  if (changes === 0) return "nothing to do";
  const touched = nodes.some(({ steps }) => steps.some(({ connections }) => connections !== untouched));
  const moves =
    groups.length === 0 ? "" : `; the role moves in ${listText(groups.map(({ group }) => group))}`;
  const where = nodes.length === 0 ? "" : ` on ${countText(nodes.length, "node")}`;
  const refused = refusals.length === 0 ? "" : "; refused";
  return `${countText(changes, "change")}${where}; ${touched ? "connections are touched" : "no connection is touched"}${moves}${refused}`;
}
