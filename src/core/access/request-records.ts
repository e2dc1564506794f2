import type { RequestRecord } from "../../contract/node-events.ts";

/** A request that came with a key, and what has become of it. */
export interface KnownRequest<Pending> {
  readonly record: RequestRecord;
  /** What it asked for, to notice another request under the same key. */
  readonly content: string;
  /** Whoever repeats the request waits for this as well. */
  readonly pending: Pending;
}

/** The requests of all users that came with a key: for a bounded time, and so many. Times are given. */
export class RequestRecords<Pending> {
  readonly #known = new Map<
    string,
    KnownRequest<Pending> & { readonly who: string; readonly startedMs: number }
  >();

  find(nowMs: number, who: string, key: string): KnownRequest<Pending> | undefined {
    const found = this.#known.get(`${who} ${key}`);
    return found === undefined || nowMs - found.startedMs > KEPT_MS ? undefined : found;
  }

  /** @returns false when too many are under way: none of them may be forgotten */
  add(nowMs: number, who: string, request: KnownRequest<Pending>): boolean {
    if (this.#known.size >= REQUESTS_MAX && !this.#forgetOne()) return false;
    this.#known.set(`${who} ${request.record.id}`, { ...request, who, startedMs: nowMs });
    return true;
  }

  /** The oldest first. */
  all(): (KnownRequest<Pending> & { readonly who: string })[] {
    return [...this.#known.values()];
  }

  update(who: string, record: RequestRecord): void {
    const key = `${who} ${record.id}`;
    const known = this.#known.get(key);
    if (known !== undefined) this.#known.set(key, { ...known, record });
  }

  /** The oldest that has ended. */
  #forgetOne(): boolean {
    for (const [key, { record }] of this.#known) {
      if (record.state === "running") continue;
      this.#known.delete(key);
      return true;
    }
    return false;
  }
}

const KEPT_MS = 24 * 60 * 60_000;
const REQUESTS_MAX = 500;
