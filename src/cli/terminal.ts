import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Where a text is printed: how wide it is, and whether it has colours. */
export interface Paper {
  readonly width: number;
  paint(style: Style, text: string): string;
}

/** Colours only on terminals; NO_COLOR turns them off and FORCE_COLOR on (styleText knows both). */
export function paperOf(stream: NodeJS.WriteStream): Paper {
  return {
    width: Math.max(40, Math.min(120, stream.columns ?? 80)),
    paint: (style, text) => styleText(style, text, { stream }),
  };
}

/** Whether lines and dots may be drawn: on terminals whose locale knows them; files and pipes get plain letters. */
export function drawsUnicode(stream: NodeJS.WriteStream): boolean {
  const { LC_ALL, LC_CTYPE, LANG, TERM } = process.env;
  return stream.isTTY === true && TERM !== "dumb" && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** For files and tests. */
export const plainPaper: Paper = { width: 80, paint: (_style, text) => text };

/** Breaks a text at blanks into lines of at most `width`; longer words stand alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** A text with every line indented. */
export function indent(lines: readonly string[], by: string): string {
  return lines.map((line) => `${by}${line}\n`).join("");
}
