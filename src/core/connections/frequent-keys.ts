import { compareIp } from "../../base/ip.ts";

/** Longest key: an IPv6 address. */
const KEY_BYTES = 16;
/** Length and bytes of a key. */
const SLOT_BYTES = 1 + KEY_BYTES;

export interface FrequentKey {
  readonly key: Uint8Array;
  readonly count: number;
}

/**
 * Counts the most frequent of any number of keys in memory of a fixed size (the sketch of Misra and Gries, "Finding
 * repeated elements", 1982).
 *
 * As long as there are no more different keys than places, all counts are exact. A further key finds no place: then 1 is
 * taken off every count, the new key's own included, and the keys that are left with nothing give up their places. So a
 * count is too low by `uncertainty` at most, and that is at most the number of keys added divided by the number of
 * places: every key that is more frequent than that is here.
 *
 * With 32,768 places it takes 1.4 MB, or twice that once there were more keys; a million of them are at most 30 off.
 */
export class FrequentKeys {
  readonly #places: number;
  /** Open addressing, at most half full; a slot whose count is 0 is empty. */
  readonly #mask: number;
  #slots: Slots;
  /** What the slots are moved to when places are given up: with open addressing nothing can be taken out singly. */
  #spare: Slots | undefined;
  #used = 0;
  #uncertainty = 0;

  /** @param places a power of two */
  constructor(places: number) {
    this.#places = places;
    this.#mask = 2 * places - 1;
    this.#slots = emptySlots(2 * places);
  }

  /** By how much a count may be too low, and how often a key that is not here may have come. */
  get uncertainty(): number {
    return this.#uncertainty;
  }

  /** How many different keys there were; undefined when there were too many to know. */
  get distinct(): number | undefined {
    return this.#uncertainty === 0 ? this.#used : undefined;
  }

  /** Counts a key: the first `length` bytes (16 at most) of `key`, which is not kept. */
  add(key: Uint8Array, length: number): void {
    const slot = find(this.#slots, this.#mask, key, 0, length);
    const count = this.#slots.counts[slot] ?? 0;
    if (count === 0) {
      if (this.#used === this.#places) {
        this.#takeOffOne();
        return;
      }
      this.#used++;
      write(this.#slots, slot, key, 0, length);
    }
    this.#slots.counts[slot] = count + 1;
  }

  /** The most frequent keys, most frequent first; equal ones in the order of their bytes. */
  most(limit: number): FrequentKey[] {
    const { keys, counts } = this.#slots;
    const found: FrequentKey[] = [];
    for (let slot = 0; slot <= this.#mask; slot++) {
      const count = counts[slot] ?? 0;
      const start = slot * SLOT_BYTES + 1;
      if (count > 0) found.push({ key: keys.slice(start, start + (keys[start - 1] ?? 0)), count });
    }
    found.sort((a, b) => b.count - a.count || compareIp(a.key, b.key));
    return found.slice(0, limit);
  }

  #takeOffOne(): void {
    this.#uncertainty++;
    const from = this.#slots;
    const to = this.#spare ?? emptySlots(this.#mask + 1);
    to.counts.fill(0);
    this.#used = 0;
    for (let slot = 0; slot <= this.#mask; slot++) {
      const count = from.counts[slot] ?? 0;
      if (count <= 1) continue;
      const start = slot * SLOT_BYTES + 1;
      const length = from.keys[start - 1] ?? 0;
      const place = find(to, this.#mask, from.keys, start, length);
      write(to, place, from.keys, start, length);
      to.counts[place] = count - 1;
      this.#used++;
    }
    this.#spare = from;
    this.#slots = to;
  }
}

interface Slots {
  readonly keys: Uint8Array;
  readonly counts: Uint32Array;
}

function emptySlots(count: number): Slots {
  return { keys: new Uint8Array(count * SLOT_BYTES), counts: new Uint32Array(count) };
}

/** @returns the key's slot, or the empty one where it belongs */
function find({ keys, counts }: Slots, mask: number, key: Uint8Array, start: number, length: number): number {
  let slot = hash(key, start, length) & mask;
  while ((counts[slot] ?? 0) > 0) {
    const at = slot * SLOT_BYTES + 1;
    let i = 0;
    if (keys[at - 1] === length) while (i < length && keys[at + i] === key[start + i]) i++;
    if (i === length) return slot;
    slot = (slot + 1) & mask;
  }
  return slot;
}

function write({ keys }: Slots, slot: number, key: Uint8Array, start: number, length: number): void {
  const at = slot * SLOT_BYTES;
  keys[at] = length;
  for (let i = 0; i < length; i++) keys[at + 1 + i] = key[start + i] ?? 0;
}

/** FNV-1a, with a last mix (the finalizer of MurmurHash3): the low bits choose the slot. */
function hash(key: Uint8Array, start: number, length: number): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < length; i++) value = Math.imul(value ^ (key[start + i] ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
