import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type AuditEntry, auditEntrySchema } from "../../contract/audit.ts";

/** Then a new file begins, and the oldest of them is given up. */
const FILE_BYTES_MAX = 8 << 20;
const FILES_MAX = 5;

/** Everything that was changed on this node: audit.jsonl in the state folder, one JSON object a line, only added to. */
export class AuditLog {
  readonly #path: string;
  readonly #onError: (text: string) => void;

  constructor(stateDirectory: string, onError: (text: string) => void) {
    this.#path = join(stateDirectory, "audit.jsonl");
    this.#onError = onError;
  }

  add(entry: AuditEntry): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      this.#makeRoom();
      appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { mode: 0o600, flush: true });
    } catch (error) {
      // The log of the daemon has it at least.
      const reason = error instanceof Error ? error.message : String(error);
      this.#onError(`${JSON.stringify(entry)} could not be written to ${this.#path}: ${reason}`);
    }
  }

  /** The newest first. A line that was torn by a power failure is left out. */
  last(limit: number): AuditEntry[] {
    const found: AuditEntry[] = [];
    for (let number = 0; number < FILES_MAX && found.length < limit; number++)
      found.push(...entriesOf(this.#file(number)).reverse());
    return found.slice(0, limit);
  }

  #makeRoom(): void {
    if (sizeOf(this.#path) < FILE_BYTES_MAX) return;
    for (let number = FILES_MAX - 2; number >= 0; number--)
      if (sizeOf(this.#file(number)) > 0) renameSync(this.#file(number), this.#file(number + 1));
  }

  #file(number: number): string {
    return number === 0 ? this.#path : `${this.#path}.${number}`;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function entriesOf(path: string): AuditEntry[] {
  if (sizeOf(path) === 0) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [auditEntrySchema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}
