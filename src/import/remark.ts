/** What became of a line that does not stand in the document as it was. */
export const remarkKinds = ["opened", "lost", "changed", "needless"] as const;
export type RemarkKind = (typeof remarkKinds)[number];

/** A line of a configuration that was not carried over, or not as it was. */
export interface Remark {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The line itself, without secrets. */
  readonly text: string;
  /** opened: the document lets more through than this line did; lost: it is not in the document; changed: it is, but differently; needless: tocha does it without being told. */
  readonly kind: RemarkKind;
  readonly why: string;
  /** What to do now. */
  readonly hint?: string;
}

/** Where a line stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** A file with a hundred thousand lines that mean nothing is no configuration: nobody reads more than this. */
export const REMARKS_MAX = 5_000;

/** Collects remarks, each line once. */
export class Remarks {
  readonly #list: Remark[] = [];
  readonly #seen = new Set<string>();

  opened({ file, line, text }: Place, why: string, hint: string): void {
    this.#add({ file, line, text, kind: "opened", why, hint });
  }

  lost({ file, line, text }: Place, why: string, hint?: string): void {
    this.#add({ file, line, text, kind: "lost", why, ...(hint === undefined ? {} : { hint }) });
  }

  changed({ file, line, text }: Place, why: string, hint?: string): void {
    this.#add({ file, line, text, kind: "changed", why, ...(hint === undefined ? {} : { hint }) });
  }

  needless({ file, line, text }: Place, why: string): void {
    this.#add({ file, line, text, kind: "needless", why });
  }

  /** In the order of files and lines. */
  get list(): readonly Remark[] {
    const files = [...new Set(this.#list.map((one) => one.file))];
    return this.#list.toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line);
  }

  #add(remark: Remark): void {
    // Files that several nodes share are read once for each.
    const key = `${remark.file}:${remark.line} ${remark.kind} ${remark.why}`;
    if (this.#seen.has(key) || this.#list.length >= REMARKS_MAX) return;
    this.#seen.add(key);
    this.#list.push(remark);
  }
}
