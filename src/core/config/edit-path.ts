import { type Problem, ProblemError } from "../../base/problem.ts";

/** One step of a path into the text of a document. */
export type EditStep =
  /** The key of a map; in a list the id of an item, or its value. */
  | { readonly kind: "name"; readonly name: string }
  /** The place in a list, from 0. */
  | { readonly kind: "place"; readonly place: number }
  /** Behind the last item of a list. */
  | { readonly kind: "end" };

/**
 * Reads a path as plans and problems show it: `groups.main.priorities.gw2`, `nat.source.office.to`, `nat.source[0].to`. In
 * brackets may also stand what has dots in it (`groups.main.addresses.wan[192.0.2.9/24]`), and `[+]` for a new item. Throws
 * ProblemError.
 */
export function parseEditPath(text: string): EditStep[] {
  const steps: EditStep[] = [];
  // A name up to the next dot or bracket, or what stands in brackets, in quotes or not.
  const pattern = /(?:^|(?<=[^.])\.)([^.[\]"]+)|\[(?:"([^"]*)"|([^\]"]+))\]/gy;
  for (;;) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) {
      if (from < text.length || steps.length === 0) throw new ProblemError(badPath(text));
      return steps;
    }
    const [, name, quoted, inBrackets] = match;
    steps.push(stepOf(name, quoted, inBrackets));
    if (pattern.lastIndex === text.length) return steps;
  }
}

function stepOf(
  name: string | undefined,
  quoted: string | undefined,
  inBrackets: string | undefined,
): EditStep {
  const plain = name ?? quoted;
  if (plain !== undefined) return { kind: "name", name: plain };
  const text = inBrackets ?? "";
  if (text === "+") return { kind: "end" };
  return /^[0-9]{1,6}$/.test(text) ? { kind: "place", place: Number(text) } : { kind: "name", name: text };
}

export function formatEditPath(steps: readonly EditStep[]): string {
  let text = "";
  for (const step of steps) {
    if (step.kind === "end") text += "[+]";
    else if (step.kind === "place") text += `[${step.place}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(step.name)) text += `${text === "" ? "" : "."}${step.name}`;
    else text += `[${step.name}]`;
  }
  return text;
}

function badPath(text: string): Problem {
  return {
    code: "bad-usage",
    message: `"${text.slice(0, 100)}" is not a path`,
    hint: "Write keys with dots between them, and what has dots itself in brackets: groups.main.addresses.wan[192.0.2.9/24].",
  };
}
