import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import * as z from "zod";
import type { ResumePlace } from "../../core/replication/resume-place.ts";
import { kernelIdentity } from "../kernel-identity.ts";

/** Written at most so often: what was applied since is applied again, which changes nothing. */
const WRITE_MS = 1_000;

const placeSchema = z.object({
  session: z.int().nonnegative(),
  position: z.int().nonnegative(),
  groups: z.int().nonnegative(),
  atMs: z.number(),
}) satisfies z.ZodType<ResumePlace>;

const storedSchema = z.object({
  kernel: z.string(),
  places: z.array(z.tuple([z.string(), placeSchema])),
});

type Stored = z.output<typeof placeSchema>;

/**
 * How far this node's kernel has followed the logs of its peers, so that a replicator that was restarted, or cut off for a
 * while, gets what it missed instead of a comparison.
 *
 * The file is in the run folder, which a boot finds empty as it finds the kernel's table; it also names the boot and the
 * network namespace, for a table of another one is another table.
 */
export class ResumeFile {
  readonly #path: string;
  readonly #onError: (text: string) => void;
  readonly #kernel: string;
  readonly #places: Map<string, Stored>;
  #timer: NodeJS.Timeout | undefined;
  #failing = false;

  /** @param onError told once when the file cannot be written, and again only when it could be meanwhile */
  constructor(path: string, onError: (text: string) => void) {
    this.#path = path;
    this.#onError = onError;
    this.#kernel = kernelIdentity();
    let text = "";
    try {
      text = readFileSync(path, "utf8");
    } catch {
      // There is none: then tables are compared.
    }
    this.#places = readPlaces(text, this.#kernel);
  }

  /** @param ageMsMax entries that nobody keeps alive run out: an older place is worth nothing */
  get(peer: string, ageMsMax: number): ResumePlace | undefined {
    const place = this.#places.get(peer);
    if (place === undefined || Math.abs(Date.now() - place.atMs) > ageMsMax) return undefined;
    return { session: place.session, position: place.position, groups: place.groups };
  }

  get places(): ReadonlyMap<string, ResumePlace> {
    return this.#places;
  }

  /** This node's table follows these peers' logs no more. On disk at once: whoever is killed now must not come back to them. */
  forget(peers: readonly string[]): void {
    const known = peers.filter((peer) => this.#places.delete(peer));
    if (known.length > 0) this.#write();
  }

  /** Remembers a place. One that is new is on disk at once, too: there is none at all until then. */
  set(peer: string, place: ResumePlace): void {
    const isNew = !this.#places.has(peer);
    this.#places.set(peer, { ...place, atMs: Date.now() });
    if (isNew) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), WRITE_MS);
  }

  /** A folder that takes nothing must not end the role: without a file tables are compared, and that is all. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#replace(JSON.stringify({ kernel: this.#kernel, places: [...this.#places] }));
      this.#failing = false;
    } catch (error) {
      // Once, not every second: a full folder lasts.
      const text = `cannot write ${this.#path}: ${error instanceof Error ? error.message : String(error)}`;
      if (!this.#failing) this.#onError(`${text}; if the replicator restarts, tables are compared`);
      this.#failing = true;
    }
  }

  #replace(text: string): void {
    try {
      this.#put(text);
    } catch {
      // The old file may hold places that are forgotten, so it must not stay. In a full folder its room is enough for the new one.
      rmSync(this.#path, { force: true });
      this.#put(text);
    }
  }

  #put(text: string): void {
    writeFileSync(`${this.#path}.new`, text);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/**
 * The places in a file's text; none where it is cut short, not ours, or of another kernel: then tables are compared.
 *
 * @param kernel boot and namespace that the table belongs to
 */
export function readPlaces(text: string, kernel: string): Map<string, Stored> {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return new Map();
  }
  const result = storedSchema.safeParse(stored);
  return result.success && result.data.kernel === kernel ? new Map(result.data.places) : new Map();
}
