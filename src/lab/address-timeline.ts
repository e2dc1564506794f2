/** One virtual address appears on a node or goes. */
export interface AddressEvent {
  /** Milliseconds of the monotonic clock. */
  readonly atMs: number;
  readonly node: string;
  readonly address: string;
  readonly present: boolean;
}

/** The nodes that hold each address after all events so far. */
export function holders(events: readonly AddressEvent[]): Map<string, Set<string>> {
  const held = new Map<string, Set<string>>();
  for (const event of events) {
    const nodes = held.get(event.address) ?? new Set<string>();
    if (event.present) nodes.add(event.node);
    else nodes.delete(event.node);
    held.set(event.address, nodes);
  }
  return held;
}

/** The node that holds all of the addresses, alone or not; undefined when nobody does. */
export function holderOfAll(
  events: readonly AddressEvent[],
  addresses: readonly string[],
): string | undefined {
  const held = holders(events);
  const [first, ...rest] = addresses.map((address) => held.get(address) ?? new Set<string>());
  return [...(first ?? [])].find((node) => rest.every((nodes) => nodes.has(node)));
}

/** When a node got the last of the addresses after `fromMs`, as the events tell; undefined while it lacks one. */
export function heldAllSince(
  events: readonly AddressEvent[],
  { node, addresses, fromMs }: { node: string; addresses: readonly string[]; fromMs: number },
): number | undefined {
  const own = events.filter((event) => event.node === node);
  const held = holders(own);
  if (!addresses.every((address) => held.get(address)?.has(node) === true)) return undefined;
  const gained = own.filter((event) => event.present && event.atMs >= fromMs);
  return gained.reduce((latest, event) => Math.max(latest, event.atMs), fromMs);
}

/** The longest time that one address stood on more than one node, between the two instants. */
export function longestDuplicateMs(
  events: readonly AddressEvent[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): number {
  let longest = 0;
  for (const address of new Set(events.map((event) => event.address))) {
    const nodes = new Set<string>();
    let sinceMs: number | undefined;
    const own = events.filter((event) => event.address === address);
    for (const event of [...own, { atMs: toMs, node: "", present: false }]) {
      if (sinceMs !== undefined) longest = Math.max(longest, Math.min(event.atMs, toMs) - sinceMs);
      if (event.present) nodes.add(event.node);
      else nodes.delete(event.node);
      sinceMs = nodes.size > 1 ? (sinceMs ?? Math.max(event.atMs, fromMs)) : undefined;
    }
  }
  return Math.max(0, longest);
}

/** The nodes that came to hold all addresses after `fromMs`, in order: a node that lost them counts again. */
export function takeoversSince(
  events: readonly AddressEvent[],
  { addresses, fromMs }: { addresses: readonly string[]; fromMs: number },
): string[] {
  const held = new Map<string, Set<string>>();
  const takeovers: string[] = [];
  for (const { atMs, node, address, present } of events) {
    const own = held.get(node) ?? new Set<string>();
    held.set(node, own);
    if (present) own.add(address);
    else own.delete(address);
    if (present && atMs >= fromMs && addresses.every((one) => own.has(one))) takeovers.push(node);
  }
  return takeovers;
}

/** The longest time in which no node held all addresses, between the two instants. */
export function longestVacantMs(
  events: readonly AddressEvent[],
  { addresses, fromMs, toMs }: { addresses: readonly string[]; fromMs: number; toMs: number },
): number {
  const held = new Map<string, Set<string>>();
  let longest = 0;
  let sinceMs: number | undefined = fromMs;
  for (const { atMs, node, address, present } of [
    ...events,
    { atMs: toMs, node: "", address: "", present: false },
  ]) {
    if (sinceMs !== undefined) longest = Math.max(longest, Math.min(atMs, toMs) - sinceMs);
    const own = held.get(node) ?? new Set<string>();
    held.set(node, own);
    if (present) own.add(address);
    else own.delete(address);
    const isHeld = [...held.values()].some((set) => addresses.every((one) => set.has(one)));
    sinceMs = isHeld ? undefined : (sinceMs ?? Math.max(atMs, fromMs));
  }
  return Math.max(0, longest);
}
