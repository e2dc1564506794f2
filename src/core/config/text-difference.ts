import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";

/** What a text is called in the head of a difference. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/**
 * Lines that are removed or added, at most, for which the shortest difference is looked for: the time for it grows with their
 * number and that of all lines. Two documents with fewer in common are shown one after the other.
 */
const EDITS_MAX = 2_000;
/** Of a difference that is sent. */
const CHARACTERS_MAX = 262_144;

/** Two texts as a unified diff, as patch(1) takes it; empty when they are the same. */
export function textDifference(before: NamedText, after: NamedText): string {
  if (before.text === after.text) return "";
  const found = createTwoFilesPatch(before.name, after.name, before.text, after.text, undefined, undefined, {
    context: 3,
    headerOptions: FILE_HEADERS_ONLY,
    maxEditLength: EDITS_MAX,
  });
  return found ?? wholeDifference(before, after);
}

/** Everything goes, and everything comes. */
function wholeDifference(before: NamedText, after: NamedText): string {
  const [old, now] = [linesOf(before.text), linesOf(after.text)];
  const range = (lines: readonly string[]) => `${lines.length === 0 ? 0 : 1},${lines.length}`;
  const side = (sign: string, { text }: NamedText, lines: readonly string[]) =>
    lines.map((line) => `${sign}${line}\n`).join("") +
    (text === "" || text.endsWith("\n") ? "" : "\\ No newline at end of file\n");
  return (
    `--- ${before.name}\n+++ ${after.name}\n@@ -${range(old)} +${range(now)} @@\n` +
    side("-", before, old) +
    side("+", after, now)
  );
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** The beginning of a difference that is too long for an answer: nobody reads more. */
export function fittingDifference(text: string): string {
  if (text.length <= CHARACTERS_MAX) return text;
  const shown = text.slice(0, text.lastIndexOf("\n", CHARACTERS_MAX) + 1);
  const more = text.slice(shown.length).split("\n").length - 1;
  return `${shown}# ... and ${more} lines more\n`;
}
