import { counted } from "../../base/number-text.ts";
import { type DoctorFinding, type DoctorReport, findingSeverities } from "../../contract/doctor.ts";
import { authorityCheck, certificateCheck, clockCheck, equalityCheck } from "./cluster-checks.ts";
import { type DoctorCheck, type Examination, finding, type MissingNode } from "./examination.ts";
import { carriedCheck, deviceCheck, managedCheck, mtuCheck, speedCheck } from "./link-checks.ts";
import {
  diskCheck,
  failuresCheck,
  flowKindsCheck,
  historyCheck,
  ipvsCheck,
  kernelCheck,
  latenessCheck,
  lockedMemoryCheck,
  realTimeCheck,
  rootCheck,
  rulesCheck,
  serviceCheck,
  toolsCheck,
} from "./machine-checks.ts";
import {
  duplicateAddressCheck,
  foreignChainsCheck,
  foreignRouterCheck,
  programsCheck,
} from "./neighbour-checks.ts";
import {
  automaticHelpersCheck,
  reversePathCheck,
  routeCheck,
  routerAdvertisementCheck,
  sysctlCheck,
} from "./setting-checks.ts";
import { conntrackCheck, conntrackRoomCheck } from "./table-checks.ts";

/** All of them, in the order in which their good results are told. */
export const doctorChecks: readonly DoctorCheck[] = [
  ...[
    rootCheck,
    toolsCheck,
    kernelCheck,
    rulesCheck,
    flowKindsCheck,
    ipvsCheck,
    realTimeCheck,
    latenessCheck,
    lockedMemoryCheck,
  ],
  ...[sysctlCheck, reversePathCheck, routerAdvertisementCheck, automaticHelpersCheck],
  ...[conntrackCheck, conntrackRoomCheck],
  ...[deviceCheck, managedCheck, speedCheck, mtuCheck, carriedCheck],
  ...[foreignRouterCheck, duplicateAddressCheck, routeCheck, programsCheck, foreignChainsCheck],
  ...[certificateCheck, authorityCheck, equalityCheck, clockCheck, diskCheck, historyCheck, serviceCheck],
  failuresCheck,
];

/** Judges what was found out: every finding, by node, the worst first, and a verdict. */
export function examine(examination: Examination): DoctorReport {
  const order = Object.keys(examination.document.nodes);
  const findings = [
    ...examination.nodes.flatMap((node) =>
      doctorChecks.flatMap((check) => outcome(check, node, examination)),
    ),
    ...examination.missing.map((node) => missingFinding(node, examination)),
  ];
  const rank = ({ severity }: DoctorFinding) => findingSeverities.indexOf(severity);
  // Sorting keeps the order of what is equal.
  findings.sort((a, b) => order.indexOf(a.node) - order.indexOf(b.node) || rank(b) - rank(a));
  const count = (severity: DoctorFinding["severity"]) =>
    findings.filter((one) => one.severity === severity).length;
  const [errors, warnings] = [count("error"), count("warning")];
  const names = [
    ...examination.nodes.map(({ node }) => ({ name: node, examined: true })),
    ...examination.missing.map(({ name }) => ({ name, examined: false })),
  ];
  return {
    cluster: examination.document.cluster,
    asOf: examination.asOf,
    verdict: errors > 0 ? "error" : warnings > 0 ? "warning" : "ok",
    summary: summarize(examination, { errors, warnings, notes: count("note") }),
    nodes: names.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    findings,
  };
}

function outcome(check: DoctorCheck, node: Examination["nodes"][number], examination: Examination) {
  if (check.needsRoot === true && !node.isRoot) return [];
  const found = check.find(node, examination);
  if (found.length > 0) return found;
  // Nothing was found, because nothing could be.
  if (node.failures.some(({ checks }) => checks.includes(check.name))) return [];
  if (check.isTelling?.(node, examination) === false) return [];
  const good: DoctorFinding = {
    ...{ node: node.node, severity: "ok", code: check.name },
    ...{ what: check.good, on: "", why: "", command: "" },
  };
  return [good];
}

function missingFinding({ name, why, answered }: MissingNode, { from }: Examination): DoctorFinding {
  if (answered) {
    return finding({ node: name }, "warning", "node-not-understood", {
      on: name,
      what: `${name} answered ${from}, but not what this version understands: ${why}`,
      why: "What is wrong there is not known.",
      command: `On ${name}: tocha doctor`,
    });
  }
  return finding({ node: name }, "error", "node-unreachable", {
    on: name,
    what: `${name} does not answer ${from}: ${why}`,
    why: "What is wrong there is not known, and it may not be able to take over.",
    command: `On ${name}: systemctl status tocha@${name}; tocha doctor`,
  });
}

function summarize(
  { nodes, missing }: Examination,
  { errors, warnings, notes }: { readonly errors: number; readonly warnings: number; readonly notes: number },
): string {
  const all = nodes.length + missing.length;
  const examined = all === nodes.length ? counted(all, "node") : `${nodes.length} of ${all} nodes`;
  const parts = [
    ...(errors > 0 ? [counted(errors, "error")] : []),
    ...(warnings > 0 ? [counted(warnings, "warning")] : []),
    ...(notes > 0 ? [counted(notes, "note")] : []),
  ];
  const found = errors + warnings > 0 ? parts.join(", ") : ["nothing is wrong", ...parts].join(", ");
  return `${examined} examined: ${found}`;
}
