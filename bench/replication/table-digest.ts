/**
 * Reads the connection table of the namespace that it runs in and prints a digest of the generator's established
 * connections as JSON: two tables with the same digest hold the same connections with the same translations.
 */
import { ConntrackDump } from "../../src/linux/conntrack-reader.ts";
import type { FlowFields, TupleFields } from "../../src/wire/flow-fields.ts";

export interface TableDigest {
  readonly entries: number;
  /** Sum and exclusive or of a hash of every entry, 32 bits each. */
  readonly sum: number;
  readonly mix: number;
}

const IPS_ASSURED = 1 << 2; // uapi nf_conntrack_common.h
const ATTEMPTS = 3;

function digest(): TableDigest | undefined {
  const dump = new ConntrackDump();
  let entries = 0;
  let sum = 0;
  let mix = 0;
  for (;;) {
    const state = dump.step((fields) => {
      if ((fields.status & IPS_ASSURED) === 0 || !isSubscriber(fields)) return;
      const hash = hashOf(fields);
      entries++;
      sum = (sum + hash) >>> 0;
      mix = (mix ^ hash) >>> 0;
    });
    if (state === "failed") return undefined;
    if (state === "done") return { entries, sum, mix };
  }
}

/** 10.77.0.0/16: where the generator's connections come from. */
function isSubscriber({ family, original }: FlowFields): boolean {
  return family === 4 && original.source[0] === 10 && original.source[1] === 77;
}

function hashOf({ protocol, original, reply }: FlowFields): number {
  return hashTuple(hashTuple(0x811c_9dc5 ^ protocol, original), reply);
}

/** FNV-1a over one direction. */
function hashTuple(start: number, tuple: TupleFields): number {
  let hash = start;
  const add = (byte: number) => {
    hash = Math.imul(hash ^ byte, 0x0100_0193);
  };
  for (let i = 0; i < 4; i++) add(tuple.source[i] ?? 0);
  for (let i = 0; i < 4; i++) add(tuple.destination[i] ?? 0);
  for (const port of [tuple.sourcePort, tuple.destinationPort]) {
    add(port & 0xff);
    add(port >>> 8);
  }
  return hash >>> 0;
}

for (let attempt = 1; ; attempt++) {
  const result = digest();
  if (result !== undefined) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    break;
  }
  if (attempt === ATTEMPTS) throw new Error(`the table could not be read ${ATTEMPTS} times`);
}
