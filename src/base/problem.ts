/** What users see when something is wrong: what failed, on what, and what to do next. */
export interface Problem {
  /** From a closed, documented list: stable, for scripts. */
  readonly code: string;
  readonly message: string;
  /** Where in the document, as in `nodes.gw1.interfaces.lan.address`. */
  readonly path?: string;
  /** What to do next, often a command. */
  readonly hint?: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** All that is wrong, this one too, where there may be more than one thing. */
  readonly problems?: readonly Problem[];
}

/** Carries a problem up to the place that prints it. Everything else that is thrown is a defect of ours. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.name = "ProblemError";
    this.problem = problem;
  }
}
