import { join } from "node:path";
import * as z from "zod";
import { type TakenBack, takenBackSchema } from "../contract/config-operations.ts";
import { readIfThere, removeDurably, writeDurably } from "./durable-file.ts";

/** So long it is shown, unless another change applies before. Whoever looks later finds it in the logs. */
const SHOWN_MS = 24 * 60 * 60_000;

const recordSchema = takenBackSchema.extend({
  /** Terminals and audit log know of it. */
  told: z.boolean(),
});
type TakenBackRecord = z.output<typeof recordSchema>;

/** `taken-back.json` in the state folder: the change that this node has taken back last. */
export class TakenBackFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, "taken-back.json");
  }

  /** @param change its long texts are left out */
  note(
    { id, number, author }: Pick<TakenBack, "id" | "number" | "author">,
    why: string,
    nowMs: number,
  ): void {
    const at = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
    this.#write({ id, number, author, at, why, told: false });
  }

  /** What is still to be shown. A clock that was set by more than that time ends it, too. */
  shown(nowMs: number): TakenBack | undefined {
    const record = this.#read();
    if (record === undefined || Math.abs(nowMs - Date.parse(record.at)) > SHOWN_MS) return undefined;
    const { told: _told, ...takenBack } = record;
    return takenBack;
  }

  /** What nobody was told of yet. Whoever gets it has to tell, and then to say so. */
  get untold(): TakenBack | undefined {
    const record = this.#read();
    return record?.told === false ? record : undefined;
  }

  setTold(): void {
    const record = this.#read();
    if (record !== undefined) this.#write({ ...record, told: true });
  }

  /** Another change applies. */
  forget(): void {
    removeDurably(this.#path);
  }

  /** One that cannot be read tells nothing. */
  #read(): TakenBackRecord | undefined {
    const text = readIfThere(this.#path);
    if (text === undefined) return undefined;
    try {
      return recordSchema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  #write(record: TakenBackRecord): void {
    writeDurably(this.#path, `${JSON.stringify(record)}\n`);
  }
}
