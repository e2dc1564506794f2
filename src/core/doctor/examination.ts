import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { DoctorFinding, FindingSeverity } from "../../contract/doctor.ts";
import type { DoctorCode } from "../../contract/doctor-codes.ts";
import type { ClockFacts, NodeFacts } from "../../contract/doctor-facts.ts";

/** Everything that is known when the findings are made. */
export interface Examination {
  /** The node that asked the others. */
  readonly from: string;
  readonly document: ClusterDocument;
  readonly asOf: string;
  /** The same moment, in milliseconds since 1970. */
  readonly nowMs: number;
  /** In the order of the document. */
  readonly nodes: readonly NodeFacts[];
  /** Nodes of which there are no facts. */
  readonly missing: readonly MissingNode[];
  readonly clocks: readonly ClockFacts[];
}

export interface MissingNode {
  readonly name: string;
  readonly why: string;
  /** It answered, and its answer is not understood. */
  readonly answered: boolean;
}

/** One question that is asked of every node. A pure function: facts in, findings out. */
export interface DoctorCheck {
  readonly name: string;
  /** Without root its facts are not true: it is left out then. */
  readonly needsRoot?: true;
  /** What is so when it finds nothing. */
  readonly good: string;
  find(node: NodeFacts, examination: Examination): DoctorFinding[];
  /** Whether it says anything that nothing was found; by default it does. */
  isTelling?(node: NodeFacts, examination: Examination): boolean;
}

/** Said of checks that compare nodes: alone there is nothing to compare with. */
export function hasOthers(_node: NodeFacts, { nodes }: Examination): boolean {
  return nodes.length > 1;
}

/** A finding on one node. */
export function finding(
  { node }: { readonly node: string },
  severity: Exclude<FindingSeverity, "ok">,
  code: DoctorCode,
  parts: Pick<DoctorFinding, "on" | "what" | "why" | "command">,
): DoctorFinding {
  return { node, severity, code, ...parts };
}
