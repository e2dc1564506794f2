import type { DocumentPath } from "./located-yaml.ts";
import type { ProblemCode } from "./problem-codes.ts";

/** Something wrong with a document, before it is known where in the text it stands. */
export interface Finding {
  readonly code: ProblemCode;
  readonly path: DocumentPath;
  /** Whether the key at `path` is wrong, or its value. */
  readonly on: "key" | "value";
  readonly message: string;
  readonly hint: string;
}

/** `nodes.gw1.interfaces.lan.addresses[1]`; keys that are not names stand in quotes. */
export function formatPath(path: DocumentPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `["${step.slice(0, 60).replace(/["\p{Cc}]/gu, "?")}"]`;
  }
  return text;
}
