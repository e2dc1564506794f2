import { randomUUID } from "node:crypto";
import { ProblemError } from "../../base/problem.ts";
import type { ChangeView } from "../../contract/config-operations.ts";
import type { PendingChange } from "../../store/applied-document.ts";

// What is said of a change that is under way.

export function newTransaction(): string {
  return randomUUID();
}

export function viewOf(change: PendingChange): ChangeView {
  const { transaction, phase, number, author, message, coordinator, untilMs } = change;
  const secondsLeft = Math.max(0, Math.ceil((untilMs - Date.now()) / 1_000));
  return { transaction, phase, number, author, message, coordinator, secondsLeft };
}

export function busy({
  number,
  author,
  phase,
}: Pick<ChangeView, "number" | "author" | "phase">): ProblemError {
  return new ProblemError({
    code: "config-busy",
    message: `revision ${number} of ${author} is ${phase === "made" ? "made and not confirmed yet" : "being prepared"}`,
    hint: "Wait, or settle it: tocha config confirm, or tocha config revert.",
  });
}

export function gone(transaction: string): ProblemError {
  return new ProblemError({
    code: "no-such-change",
    message: `no change ${transaction} is under way: it was settled, or taken back`,
    hint: "tocha config history shows what applies.",
  });
}

export function outOfStep(node: string, number: number | undefined): ProblemError {
  return new ProblemError({
    code: "config-out-of-step",
    message: `${node} is at ${number === undefined ? "no revision" : `revision ${number}`}: the change does not go on from there`,
    hint: "Try again: nodes catch up by themselves. If their histories went apart, tocha status says so.",
  });
}
