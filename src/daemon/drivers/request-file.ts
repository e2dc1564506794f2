import { readFileSync, renameSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { type RequestRecord, requestRecordSchema } from "../../contract/node-events.ts";

/** The newest ones: whoever asks about a request asks soon. */
const REQUESTS_MAX = 100;
/** A longer answer is not kept. */
const ANSWER_CHARACTERS_MAX = 32_768;

const keptSchema = z.object({
  requests: z.array(z.object({ who: z.string(), digest: z.string(), record: requestRecordSchema })),
});

/** A request with a key, as it is on the disk. */
export interface KeptRequest {
  readonly who: string;
  /** Of what it asked for. */
  readonly digest: string;
  readonly record: RequestRecord;
}

/**
 * `requests.json` in the run folder: what has become of requests with a key, for who asks after the control process has started
 * again, which a change of the document may bring. It holds nothing that is secret: see `answerKept` of the operations.
 */
export class RequestFile {
  readonly #path: string;
  readonly #onError: (text: string) => void;

  constructor(path: string, onError: (text: string) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** The oldest first. A damaged file holds none. */
  read(): KeptRequest[] {
    try {
      return keptSchema.parse(JSON.parse(readFileSync(this.#path, "utf8"))).requests;
    } catch {
      return [];
    }
  }

  /** In the file when this returns: the process may be killed at any moment. Power failures take the run folder with them. */
  write(requests: readonly KeptRequest[]): void {
    const kept = requests.slice(-REQUESTS_MAX).map((one) => ({ ...one, record: bounded(one.record) }));
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify({ requests: kept }), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#onError(`requests cannot be remembered in ${this.#path}: ${why}`);
    }
  }
}

function bounded({ answer, problem, ...record }: RequestRecord): RequestRecord {
  const isShort = answer !== undefined && JSON.stringify(answer).length <= ANSWER_CHARACTERS_MAX;
  if (problem === undefined) return isShort ? { ...record, answer } : record;
  const { code, message, hint } = problem;
  return { ...record, problem: { code, message, ...(hint === undefined ? {} : { hint }) } };
}
