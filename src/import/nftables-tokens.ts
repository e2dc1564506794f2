import type { SourceFile } from "./block-file.ts";

export interface NftToken {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly isQuoted: boolean;
  /** Of a set in braces, once it has been read: between its commas. */
  readonly elements?: readonly (readonly NftToken[])[];
}

/** A rule set with tens of thousands of elements is possible; beyond this a text is a mistake or an attack. */
const TOKENS_MAX = 400_000;

/** The words of nftables: `{ } ; , =` and line ends stand for themselves; `#` begins a comment; `\` goes on with the next line. */
export function nftTokens({ text }: SourceFile): NftToken[] {
  const tokens: NftToken[] = [];
  const pattern =
    /(\\\r?\n)|(\r?\n)|[ \t\r\f\v]+|#[^\n]*|"([^"\n]*)"?|([{};,]|[!<>=]?=)|([^\s{};,=!<>"#\\]+|[!<>])|\\/g;
  let line = 1;
  for (const match of text.matchAll(pattern)) {
    if (tokens.length >= TOKENS_MAX) break;
    const [, continued, end, quoted, sign, word] = match;
    if (end !== undefined) tokens.push({ text: "\n", line, isQuoted: false });
    else if (quoted !== undefined) tokens.push({ text: quoted, line, isQuoted: true });
    else if (sign !== undefined) tokens.push({ text: sign, line, isQuoted: false });
    else if (word !== undefined) tokens.push({ text: word, line, isQuoted: false });
    if (end !== undefined || continued !== undefined) line++;
  }
  return tokens;
}
