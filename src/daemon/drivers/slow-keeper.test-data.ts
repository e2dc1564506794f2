import { workerData } from "node:worker_threads";
import { type AddressOrder, AddressOrders } from "./address-orders.ts";

/** A keeper that needs some time for each order, and notes them: one word each, the number of its kind counted from 1. */
export interface SlowKeeperData {
  readonly memory: SharedArrayBuffer;
  readonly notes: SharedArrayBuffer;
  readonly orderMs: number;
}

const kinds = ["add", "renew", "remove", "prepare"] as const satisfies readonly AddressOrder[];
const data = workerData as SlowKeeperData;
const notes = new Int32Array(data.notes);
let count = 0;

AddressOrders.in(data.memory).follow((_group, order) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, data.orderMs);
  notes[count++] = kinds.indexOf(order) + 1;
});
