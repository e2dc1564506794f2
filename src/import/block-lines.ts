/** One word of a line. */
export interface Word {
  readonly text: string;
  /** Quoted words are never braces, and never keywords. */
  readonly isQuoted: boolean;
}

export interface LineSyntax {
  /** Characters that begin a comment, wherever they stand outside of quotes. */
  readonly comments: string;
}

/** keepalived.conf(5): "Comments start with '#' or '!' to the end of the line and can start anywhere in a line." */
export const keepalivedLines: LineSyntax = { comments: "#!" };
export const conntrackdLines: LineSyntax = { comments: "#" };

/**
 * The words of one line: separated by blanks, quoted with " or ' as in a shell; braces stand for themselves, but for those of
 * `${NAME}`. A quote that is not closed goes on to the end of the line.
 */
export function wordsOf(line: string, { comments }: LineSyntax): Word[] {
  const words: Word[] = [];
  let text = "";
  let isQuoted = false;
  let isOpen = false;
  const end = () => {
    if (isOpen) words.push({ text, isQuoted });
    text = "";
    isQuoted = false;
    isOpen = false;
  };
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (char === '"' || char === "'") {
      const close = closingQuote(line, i);
      text += unescaped(line.slice(i + 1, close));
      isQuoted = true;
      isOpen = true;
      i = close;
    } else if (comments.includes(char)) {
      break;
    } else if (/\s/.test(char)) {
      end();
    } else if (char === "$" && line.charAt(i + 1) === "{") {
      const close = line.indexOf("}", i);
      const stop = close < 0 ? line.length : close;
      text += line.slice(i, stop + 1);
      isOpen = true;
      i = stop;
    } else if (char === "{" || char === "}") {
      end();
      words.push({ text: char, isQuoted: false });
    } else {
      text += char;
      isOpen = true;
    }
  }
  end();
  return words;
}

function closingQuote(line: string, open: number): number {
  const quote = line.charAt(open);
  for (let i = open + 1; i < line.length; i++) {
    if (line.charAt(i) === "\\") i++;
    else if (line.charAt(i) === quote) return i;
  }
  return line.length;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}
