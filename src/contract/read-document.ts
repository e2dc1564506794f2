import type { Problem } from "../base/problem.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { checkChecks } from "./document-check-rules.ts";
import { documentFacts } from "./document-facts.ts";
import { checkGroup } from "./document-group-rules.ts";
import { natFacts } from "./document-nat-facts.ts";
import { checkNat, natNotices } from "./document-nat-rules.ts";
import { checkNodes } from "./document-node-rules.ts";
import { checkShape } from "./document-shape.ts";
import { type Finding, formatPath } from "./finding.ts";
import { type LocatedYaml, type Position, readLocatedYaml } from "./located-yaml.ts";

export interface ValidDocument {
  readonly document: ClusterDocument;
  readonly problems: readonly [];
  /** What is allowed but good to know. */
  readonly notices: readonly Problem[];
}

export interface InvalidDocument {
  readonly document?: undefined;
  /** At least one, in the order of the text. */
  readonly problems: readonly [Problem, ...Problem[]];
  readonly notices: readonly [];
}

/**
 * Reads the text of a cluster document and reports every problem in it, each with its place in `file`.
 *
 * Total: any text gives a document or problems. Where the YAML itself is broken only that is reported, for
 * nothing else can be known.
 */
export function readDocument(text: string, file: string): ValidDocument | InvalidDocument {
  const yaml = readLocatedYaml(text);
  const faults = yaml.faults.map(({ code, message, hint, line, column, path }): Problem => {
    return {
      code,
      message,
      hint,
      file,
      line,
      column,
      ...(path === undefined ? {} : { path: formatPath(path) }),
    };
  });
  if (yaml.faults.some((fault) => fault.code !== "duplicate-key")) return invalid(faults);
  if (yaml.value === null || yaml.value === undefined) {
    const hint = "Begin with one of the examples that come with tocha, such as examples/two-gateways.yaml.";
    return invalid([
      { code: "empty-document", message: "the file holds no document", hint, file, line: 1, column: 1 },
    ]);
  }
  const shape = checkShape(yaml.value);
  const facts = documentFacts(yaml.value);
  const nat = natFacts(yaml.value);
  const findings = [
    ...shape.findings,
    ...checkNodes(facts),
    ...checkGroup(facts),
    ...checkChecks(facts),
    ...checkNat(facts, nat),
  ];
  const problems = [...faults, ...findings.map((finding) => locate(finding, yaml, file))];
  if (shape.document === undefined || problems.length > 0) return invalid(problems);
  const notices = natNotices(facts, nat).map((finding) => locate(finding, yaml, file));
  return { document: shape.document, problems: [], notices };
}

function locate(finding: Finding, yaml: LocatedYaml, file: string): Problem {
  const { line, column }: Position =
    finding.on === "key" ? yaml.keyAt(finding.path) : yaml.valueAt(finding.path);
  const { code, message, hint } = finding;
  const path = formatPath(finding.path);
  return { code, message, hint, file, line, column, ...(path === "" ? {} : { path }) };
}

function invalid(problems: readonly Problem[]): InvalidDocument {
  const [first, ...rest] = [...problems].sort((a, b) => order(a) - order(b)).slice(0, maxProblems);
  if (first === undefined) throw new Error("an invalid document has a problem");
  return { problems: [first, ...rest], notices: [] };
}

/** Nobody reads more at once. */
const maxProblems = 1_000;

/** No line of a document is longer than its text. */
function order({ line = 0, column = 0 }: Problem): number {
  return line * 1_000_000 + column;
}
