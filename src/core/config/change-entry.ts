import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { PlanPart } from "../../contract/config-plan.ts";
import type { ChangePath, DocumentChange } from "./document-difference.ts";

/** A row of the table of everything that can change in a document (change-table.ts). */
export interface ChangeEntry {
  /** A path; `*` stands for one step, `**` at the end for all that follow. */
  readonly pattern: string;
  readonly part: PlanPart;
  readonly say: (context: ChangeContext) => string | ChangeEffect;
}

export interface ChangeContext {
  readonly change: DocumentChange;
  /** What the stars stand for. */
  readonly names: readonly string[];
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
}

export interface ChangeEffect {
  readonly sentence: string;
  /** Another part than that of the row. */
  readonly part?: PlanPart;
  /** Which connections are touched, and how; absent: none. */
  readonly connections?: string;
  /** What becomes of roles beyond a handover in turn. */
  readonly role?: string;
  /** The failover role takes it, although it is about another part. */
  readonly movesRole?: boolean;
  /** The only nodes that it concerns; absent: all. */
  readonly nodes?: readonly string[];
}

/** The steps that the stars of a pattern stand for; undefined when it does not fit. */
export function matchPattern(pattern: string, path: ChangePath): string[] | undefined {
  const steps = pattern.split(".");
  const isOpen = steps.at(-1) === "**";
  const fixed = isOpen ? steps.slice(0, -1) : steps;
  if (isOpen ? path.length < fixed.length : path.length !== fixed.length) return undefined;
  const names: string[] = [];
  for (const [index, step] of fixed.entries()) {
    const name = path[index] ?? "";
    if (step === "*") names.push(name);
    else if (step !== name) return undefined;
  }
  return names;
}
