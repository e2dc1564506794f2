import type { Problem } from "../base/problem.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { checkChecks } from "./document-check-rules.ts";
import { documentFacts } from "./document-facts.ts";
import { checkFirewall, firewallNotices } from "./document-firewall-rules.ts";
import { checkGroup } from "./document-group-rules.ts";
import { natFacts } from "./document-nat-facts.ts";
import { checkNat, natNotices } from "./document-nat-rules.ts";
import { checkNodes } from "./document-node-rules.ts";
import { checkRoutes } from "./document-route-rules.ts";
import { checkSets, setNotices, withSetContents } from "./document-set-rules.ts";
import { checkShape } from "./document-shape.ts";
import { timeoutNotices } from "./document-timeout-rules.ts";
import { userNotices } from "./document-user-rules.ts";
import { readFileOrCopy, splitFileCopies } from "./file-copies.ts";
import { type Finding, formatPath } from "./finding.ts";
import { type LocatedYaml, type Position, readLocatedYaml } from "./located-yaml.ts";
import type { ReadFile } from "./set-file.ts";

export interface ValidDocument {
  readonly document: ClusterDocument;
  readonly problems: readonly [];
  /** What is allowed but good to know. */
  readonly notices: readonly Problem[];
}

export interface InvalidDocument {
  readonly document?: undefined;
  /** At least one, in the order of the text; those in other files that the text names come with a `file` of their own. */
  readonly problems: readonly [Problem, ...Problem[]];
  readonly notices: readonly [];
}

/**
 * Reads the text of a cluster document and reports every problem in it, each with its place in `file`.
 *
 * Total: any text gives a document or problems. Where the YAML itself is broken only that is reported, for
 * nothing else can be known.
 *
 * @param readFile reads the files that the document names (`sets.NAME.file`); without it, or where one is not there, its copy in the
 *   text counts (file-copies.ts). What they hold is a part of the document that comes out.
 */
export function readDocument(
  text: string,
  file: string,
  readFile?: ReadFile,
): ValidDocument | InvalidDocument {
  const { own, copies } = splitFileCopies(text);
  const yaml = readLocatedYaml(own);
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
  const sets = checkSets(yaml.value, readFileOrCopy(copies, readFile));
  const findings = [
    ...shape.findings,
    ...checkNodes(facts),
    ...checkGroup(facts),
    ...checkChecks(facts),
    ...checkNat(facts, nat),
    ...sets.findings,
    ...checkFirewall(yaml.value, facts, sets.facts),
    ...checkRoutes(yaml.value, facts),
  ];
  const problems = [...faults, ...findings.map((finding) => locate(finding, yaml, file))];
  if (shape.document === undefined || problems.length + sets.problems.length > 0)
    return invalid(problems, sets.problems);
  const notices = [
    ...natNotices(facts, nat),
    ...setNotices(sets.facts),
    ...firewallNotices(yaml.value, sets.facts),
    ...timeoutNotices(yaml.value),
    ...userNotices(yaml.value),
  ].map((finding) => locate(finding, yaml, file));
  return { document: withSetContents(shape.document, sets.facts), problems: [], notices };
}

function locate(finding: Finding, yaml: LocatedYaml, file: string): Problem {
  const { line, column }: Position =
    finding.on === "key" ? yaml.keyAt(finding.path) : yaml.valueAt(finding.path);
  const { code, message, hint } = finding;
  const path = formatPath(finding.path);
  return { code, message, hint, file, line, column, ...(path === "" ? {} : { path }) };
}

function invalid(problems: readonly Problem[], inOtherFiles: readonly Problem[] = []): InvalidDocument {
  const sorted = [...problems].sort((a, b) => order(a) - order(b));
  const [first, ...rest] = [...sorted, ...inOtherFiles].slice(0, maxProblems);
  if (first === undefined) throw new Error("an invalid document has a problem");
  return { problems: [first, ...rest], notices: [] };
}

/** Nobody reads more at once. */
const maxProblems = 1_000;

/** No line of a document is longer than its text. */
function order({ line = 0, column = 0 }: Problem): number {
  return line * 1_000_000 + column;
}
