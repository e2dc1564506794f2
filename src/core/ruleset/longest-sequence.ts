/** Where an item stands in both of two lists. */
export interface CommonItem {
  readonly before: number;
  readonly after: number;
}

/** A place in both lists, and the longest chain of places before it. */
interface Link extends CommonItem {
  readonly previous: Link | undefined;
}

/**
 * The longest sequence that two lists have in common, in order (Hunt and Szymanski 1977: the longest increasing chain of places
 * where they agree). Quick where most items are unlike each other, as rules are: n log n, and what is equal at both ends costs
 * nothing. Undefined items are like no other.
 */
export function longestCommonSequence(
  before: readonly (string | undefined)[],
  after: readonly string[],
): readonly CommonItem[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;

  const middle = longestChain(before, after, { head, tail });
  return [...range(head, 0, 0), ...middle, ...range(tail, before.length - tail, after.length - tail)];
}

function longestChain(
  before: readonly (string | undefined)[],
  after: readonly string[],
  { head, tail }: { readonly head: number; readonly tail: number },
): CommonItem[] {
  const places = new Map<string, number[]>();
  for (let index = after.length - tail - 1; index >= head; index--) {
    const text = after[index] ?? "";
    const known = places.get(text);
    if (known === undefined) places.set(text, [index]);
    else known.push(index);
  }
  // Of all chains of one length the one that ends earliest in `after`; the places of one item come from the last to the first, so
  // that no chain holds two of them.
  const ends: Link[] = [];
  for (let index = head; index < before.length - tail; index++) {
    const text = before[index];
    for (const place of (text === undefined ? undefined : places.get(text)) ?? []) {
      const length = chainsEndingBefore(ends, place);
      ends[length] = { before: index, after: place, previous: ends[length - 1] };
    }
  }
  const chain: CommonItem[] = [];
  for (let link = ends.at(-1); link !== undefined; link = link.previous) {
    chain.push({ before: link.before, after: link.after });
  }
  return chain.reverse();
}

/** How many chains, from the shortest on, end before a place: they end later the longer they are. */
function chainsEndingBefore(ends: readonly Link[], place: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const half = (low + high) >>> 1;
    if ((ends[half]?.after ?? 0) < place) low = half + 1;
    else high = half;
  }
  return low;
}

function range(length: number, before: number, after: number): CommonItem[] {
  return Array.from({ length }, (_, index) => ({ before: before + index, after: after + index }));
}
