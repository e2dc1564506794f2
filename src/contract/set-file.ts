import { formatIpRange, parseIpRange } from "../base/ip-range.ts";
import { formatPortRange, parsePortRange } from "../base/port-range.ts";
import type { Problem } from "../base/problem.ts";
import { clip } from "./document-scalars.ts";

/**
 * Reads a file that a document names, by the path that stands there; the reader knows what it is relative to.
 *
 * @returns its text, and its name for messages; or why there is none, in words
 */
export type ReadFile = (
  path: string,
) => { readonly text: string; readonly name: string } | { readonly failed: string };

export type SetKind = "addresses" | "ports";

/** A set of 65,536 networks, commented, has about 3 MiB. */
const TEXT_MAX = 8_388_608;
/** A file of another kind altogether has a mistake in every line: the first ones tell. */
const PROBLEMS_MAX = 20;

/**
 * Reads the elements of a set from the text of a file: one a line, `#` begins a comment. Total: any text gives elements
 * or problems, each with its line.
 */
export function readSetFile(
  text: string,
  { name, kind }: { readonly name: string; readonly kind: SetKind },
): { readonly elements: readonly string[]; readonly problems: readonly Problem[] } {
  if (text.length > TEXT_MAX) {
    const message = `${name} has ${text.length} characters: more than the file of a set may have`;
    const hint = `At most ${TEXT_MAX}.`;
    return {
      elements: [],
      problems: [{ code: "bad-set-file", message, hint, file: name, line: 1, column: 1 }],
    };
  }
  const elements: string[] = [];
  const problems: Problem[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const content = (line.split("#", 1)[0] ?? "").trim();
    if (content === "") continue;
    const element = elementOf(content, kind);
    if (element !== undefined) elements.push(element);
    else if (problems.length < PROBLEMS_MAX)
      problems.push({
        code: "bad-set-element",
        message: `"${clip(content)}" is not ${kind === "ports" ? "a port or a range of ports" : "an address, a network or a range"}`,
        hint: `One a line, such as ${kind === "ports" ? "443 or 8000-8080" : "10.1.0.0/24, 10.1.0.10-10.1.0.19 or fd00:1::7"}; # begins a comment.`,
        ...{ file: name, line: index + 1, column: line.indexOf(content) + 1 },
      });
  }
  return { elements, problems };
}

/** An element of a set of that kind in canonical form; undefined for what is none. */
export function elementOf(text: string, kind: SetKind): string | undefined {
  if (kind === "ports") {
    const ports = parsePortRange(text);
    return ports === undefined ? undefined : formatPortRange(ports);
  }
  const addresses = parseIpRange(text);
  return addresses === undefined ? undefined : formatIpRange(addresses);
}
