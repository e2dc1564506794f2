import type { Problem } from "../base/problem.ts";
import type { ProblemCode } from "../contract/problem-codes.ts";

/** The exit statuses of every command (docs/guide/commands.md). The large ones are those of sysexits.h. */
export const exitStatus = {
  ok: 0,
  /** The command was understood and carried out, but the answer is bad: degraded, down, refused. */
  notOk: 1,
  /** The command line, the document or a key file is wrong. Nothing was touched. */
  badInput: 2,
  /** What the command needs is not there: a running node, root, a tool, a kernel feature. */
  unavailable: 69,
  /** A defect of tocha. */
  defect: 70,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** What each of them means, in the words of the help, the man pages and docs/guide/commands.md. */
export const exitStatusMeanings: Readonly<Record<ExitStatus, string>> = {
  [exitStatus.ok]: "all is well",
  [exitStatus.notOk]:
    "understood, but the answer is bad: the cluster is degraded or down, a node refused the request, a lab scenario failed; `config plan`: there are changes",
  [exitStatus.badInput]: "the command line, the document or a key is wrong; nothing was touched",
  [exitStatus.unavailable]:
    "something needed is not there: a running node, root, a tool, a kernel feature, a network device",
  [exitStatus.defect]: "a defect of tocha; please report it",
};

const unavailableCodes: ReadonlySet<string> = new Set<ProblemCode>([
  "not-root",
  "missing-tool",
  "missing-kernel-feature",
  "missing-device",
  "join-unreachable",
  "join-cannot-listen",
  "no-running-node",
  "several-nodes",
  "unavailable",
  "outcome-unknown",
  "request-interrupted",
  "untrusted-node",
  "bad-answer",
  "examination-failed",
  "lab-tool-missing",
]);

const inputCodes: ReadonlySet<string> = new Set<ProblemCode>([
  "unreadable-file",
  "yaml-syntax",
  "bad-usage",
  "bad-filter",
  "bad-password",
  "bad-name",
  "node-not-in-document",
  "keys-exist",
  "file-exists",
  "unwritable-file",
  "missing-ca-key",
  "missing-key-file",
  "bad-key-file",
  "document-exists",
  "needs-answers",
  "not-answered",
  "bad-token",
  "no-such-node",
  "lab-unknown",
  "lab-name",
  "lab-setting",
  "lab-node-unknown",
  "lab-link-unknown",
  "lab-scenario-unknown",
]);

/** The exit status for a problem that ended a command. Problems with a place in a document are bad input. */
export function exitStatusOf(problem: Problem): ExitStatus {
  if (problem.line !== undefined || inputCodes.has(problem.code)) return exitStatus.badInput;
  return unavailableCodes.has(problem.code) ? exitStatus.unavailable : exitStatus.notOk;
}
