import {
  closeSync,
  fdatasync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { HistoryEntry } from "../../contract/failover-history.ts";
import {
  decodeHistory,
  encodeEntryLine,
  encodeStampLine,
  entryNumber,
  type LateStamp,
  withStamp,
} from "../../core/history/history-lines.ts";

export interface HistoryFileOptions {
  readonly directory: string;
  readonly node: string;
  readonly onError: (text: string) => void;
  /** A file that has reached either is put aside, and the one before it is given up. */
  readonly fileBytesMax?: number;
  readonly fileLinesMax?: number;
}

const FILE_BYTES_MAX = 1 << 20;
const FILE_LINES_MAX = 1_000;
/** What is kept in memory while the disk takes nothing. */
const UNWRITTEN_MAX = 50;

/**
 * The changes of role that this node remembers: a file that only grows, and the one before it. A line that a power cut has torn
 * is dropped when the files are read; the next line begins on a line of its own.
 */
export class HistoryFile {
  readonly #options: Required<HistoryFileOptions>;
  readonly #path: string;
  readonly #pathBefore: string;
  #fd: number | undefined;
  #bytes = 0;
  #lines = 0;
  #nextNumber: number;
  #failing = false;
  #sync: "done" | "running" | "again" = "done";
  #unwritten: HistoryEntry[] = [];

  constructor(options: HistoryFileOptions) {
    this.#options = { fileBytesMax: FILE_BYTES_MAX, fileLinesMax: FILE_LINES_MAX, ...options };
    this.#path = join(options.directory, "failover-history.jsonl");
    this.#pathBefore = join(options.directory, "failover-history.1.jsonl");
    this.#nextNumber = Math.max(0, ...this.read().map(entryNumber)) + 1;
  }

  /** The oldest first. */
  read(): HistoryEntry[] {
    const { entries } = decodeHistory(this.#text(this.#pathBefore) + this.#text(this.#path));
    return [...entries, ...this.#unwritten];
  }

  /** Gives the entry its id, and writes it down. */
  add(entry: Omit<HistoryEntry, "id">): HistoryEntry {
    const numbered = { ...entry, id: `${this.#options.node}-${this.#nextNumber++}` } as HistoryEntry;
    if (!this.#write(encodeEntryLine(numbered))) {
      this.#unwritten.push(numbered);
      if (this.#unwritten.length > UNWRITTEN_MAX) this.#unwritten.shift();
    }
    return numbered;
  }

  /** What became known after the entry was written. */
  addStamp({ id, ...stamp }: LateStamp): void {
    this.#unwritten = this.#unwritten.map((entry) => (entry.id === id ? withStamp(entry, stamp) : entry));
    this.#write(encodeStampLine({ id, ...stamp }));
  }

  /** A file that is longer than any that was written here is not read. */
  #text(path: string): string {
    try {
      if (statSync(path).size > 2 * this.#options.fileBytesMax) return "";
      const text = readFileSync(path, "utf8");
      return text.endsWith("\n") || text === "" ? text : `${text}\n`;
    } catch {
      return "";
    }
  }

  #write(line: string): boolean {
    try {
      const fd = this.#open(Buffer.byteLength(line));
      this.#bytes += writeSync(fd, line);
      this.#lines++;
      this.#syncSoon(fd);
      this.#failing = false;
      return true;
    } catch (error) {
      // Once, not for every line: a full disk lasts.
      const text = `cannot write ${this.#path}: ${error instanceof Error ? error.message : String(error)}`;
      if (!this.#failing) this.#options.onError(text);
      this.#failing = true;
      this.#close();
      return false;
    }
  }

  #open(bytes: number): number {
    const { directory, fileBytesMax, fileLinesMax } = this.#options;
    if (this.#fd === undefined) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const found = this.#found();
      this.#fd = openSync(this.#path, "a", 0o600);
      // A torn line must not spoil the next one.
      if (found.isTorn) writeSync(this.#fd, "\n");
      this.#bytes = found.bytes;
      this.#lines = found.lines;
    }
    if (this.#bytes > 0 && (this.#bytes + bytes > fileBytesMax || this.#lines >= fileLinesMax)) {
      this.#close();
      renameSync(this.#path, this.#pathBefore);
      this.#fd = openSync(this.#path, "a", 0o600);
      this.#bytes = this.#lines = 0;
    }
    return this.#fd ?? openSync(this.#path, "a", 0o600);
  }

  #found(): { readonly bytes: number; readonly lines: number; readonly isTorn: boolean } {
    try {
      const content = readFileSync(this.#path);
      return {
        bytes: content.length,
        lines: content.toString("latin1").split("\n").length - 1,
        isTorn: content.length > 0 && content.at(-1) !== 0x0a,
      };
    } catch {
      return { bytes: 0, lines: 0, isTorn: false };
    }
  }

  /** The line is in the kernel and outlives this process; the disk gets it without anybody waiting. */
  #syncSoon(fd: number): void {
    const before = this.#sync;
    this.#sync = before === "done" ? "running" : "again";
    if (before !== "done") return;
    fdatasync(fd, () => {
      const again = this.#sync === "again";
      this.#sync = "done";
      if (again && this.#fd !== undefined) this.#syncSoon(this.#fd);
    });
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
