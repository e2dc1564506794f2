import type { AddressEvent } from "../../../src/lab/address-timeline.ts";

/** When nodes came to hold all virtual addresses, from an instant on: once for each takeover, whoever may have given way. */
export function takeoversSeen(
  events: readonly AddressEvent[],
  { addresses, fromMs }: { readonly addresses: readonly string[]; readonly fromMs: number },
): number[] {
  const held = new Map<string, Set<string>>();
  const takeovers: number[] = [];
  for (const { atMs, node, address, present } of events) {
    const own = held.get(node) ?? new Set<string>();
    held.set(node, own);
    const before = own.size;
    if (present) own.add(address);
    else own.delete(address);
    const isComplete = own.size === addresses.length && before < addresses.length;
    if (isComplete && atMs >= fromMs) takeovers.push(atMs);
  }
  return takeovers;
}

/** What keepalived's log says of one of its instances. */
export interface KeepalivedLog {
  readonly becameMaster: number;
  readonly becameBackup: number;
  /** Another master was heard. */
  readonly conflicts: number;
}

export function readKeepalivedLog(text: string, instance: string): KeepalivedLog {
  const of = (words: string) => text.split(`(${instance}) ${words}`).length - 1;
  return {
    becameMaster: of("Entering MASTER STATE"),
    becameBackup: of("Entering BACKUP STATE"),
    // vrrp.c: heard by a master. "received lower priority" is what a backup without preemption discards.
    conflicts: of("Received advert from ") + of("Master received advert from "),
  };
}
