import type { Problem } from "../base/problem.ts";

// Apart from what reads documents, so that commands that read none do not load it.

export const defaultDocumentPath = "/etc/tocha/cluster.yaml";

/** Carries all problems of a document, and its text, up to the place that prints them. */
export class DocumentProblems extends Error {
  readonly problems: readonly [Problem, ...Problem[]];
  readonly text: string;
  /** Of the document: problems may be in files that it names. */
  readonly file: string;

  constructor(problems: readonly [Problem, ...Problem[]], text: string, file: string) {
    super(problems[0].message);
    this.name = "DocumentProblems";
    this.problems = problems;
    this.text = text;
    this.file = file;
  }
}
