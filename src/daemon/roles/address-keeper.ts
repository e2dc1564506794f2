import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import { type AddressOrder, AddressOrders } from "../drivers/address-orders.ts";
import { VirtualAddresses } from "../drivers/virtual-addresses.ts";
import type { GroupSettings } from "../node-settings.ts";

/** What the failover role gives its second thread. */
export interface AddressKeeperData {
  readonly memory: SharedArrayBuffer;
  /** What the kernel has of each group's addresses (VirtualAddresses). */
  readonly presence: readonly Uint8Array[];
  readonly groups: readonly GroupSettings[];
}

const STDERR = 2;
/** As often as the loop rehearses its part (core/election/rehearsal.ts). */
const REHEARSALS = 12;

const { memory, presence, groups } = workerData as AddressKeeperData;
const addresses = groups.map((group, place) => new VirtualAddresses(group, presence[place]));
/** What was last refused, by group: a renewal that fails does so four times a second. */
const told = groups.map(() => "");

function carryOut(group: number, order: AddressOrder): void {
  // With one group its name says nothing.
  const name = groups.length === 1 ? "" : `${groups[group]?.name}: `;
  const text = refusals(group, order)
    .map((refusal) => `${name}${order} virtual address ${refusal}\n`)
    .join("");
  if (text === told[group]) return;
  told[group] = text;
  if (text !== "") tell(text);
}

function refusals(group: number, order: AddressOrder): readonly string[] {
  try {
    return addresses[group]?.[order]() ?? [];
  } catch (error) {
    return [String(error)];
  }
}

/** Past the loop of the failover role, which never turns: the supervisor reads it. */
function tell(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // The supervisor has gone: what is to be removed still is.
  }
}

for (let time = 0; time < REHEARSALS; time++) for (const group of groups.keys()) refusals(group, "prepare");
flushCompileCache();
globalThis.gc?.();
AddressOrders.in(memory).follow(carryOut);
