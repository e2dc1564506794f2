import { styleText } from "node:util";

export type Ink = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/**
 * Where the story is told. On a terminal a block of lines at the bottom lives; elsewhere there are only lines,
 * one after the other. Colours only on terminals; NO_COLOR turns them off (styleText knows it).
 */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly live: boolean;
  /** Whether lines, dots and ticks can be drawn. */
  readonly unicode: boolean;
  #block = 0;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
    this.live = stream.isTTY === true && process.env["TERM"] !== "dumb";
    const locale = process.env["LC_ALL"] || process.env["LC_CTYPE"] || process.env["LANG"] || "";
    this.unicode = /utf-?8/i.test(locale);
  }

  paint(ink: Ink, text: string): string {
    return styleText(ink, text, { stream: this.#stream });
  }

  /** Lines that stay. */
  say(...lines: readonly string[]): void {
    this.#stream.write(`${this.#eraseBlock()}${lines.map((line) => `${line}\n`).join("")}`);
  }

  /** Replaces the living block; nothing happens where there is no terminal. */
  show(lines: readonly string[]): void {
    if (!this.live) return;
    this.#stream.write(`${this.#eraseBlock()}${lines.map((line) => `${line}\n`).join("")}`);
    this.#block = lines.length;
  }

  /** Lets the block stay as it is. */
  keep(): void {
    this.#block = 0;
  }

  #eraseBlock(): string {
    const erase = this.#block === 0 ? "" : `\u001b[${this.#block}A\u001b[J`;
    this.#block = 0;
    return erase;
  }
}
