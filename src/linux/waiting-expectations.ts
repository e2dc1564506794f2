import { FLOW_MESSAGE_BYTES_MAX } from "../wire/conntrack-request.ts";
import type { ExpectationFields } from "../wire/expectation-fields.ts";
import { writeExpect } from "../wire/expectation-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordReader } from "../wire/flow-record.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { countRefusal } from "./count-refusal.ts";
import type { Refusal } from "./netlink-socket.ts";

/** Writes the request twice: the first creates the expectation with its helper's usual timer, the second sets the timer. */
export function writeExpectTwice(writer: NetlinkWriter, fields: ExpectationFields, sequence: number): void {
  writeExpect(writer, fields, sequence);
  writeExpect(writer, fields, sequence);
}

/** Gateways have a handful of expectations at a time, each for some seconds. */
const WAITING_MAX = 64;
/** The kernel reports an expectation before the flow that it belongs to; a batch or two may lie in between. */
const TRIES_MAX = 8;

interface Waiting {
  readonly record: Uint8Array;
  readonly fault: number;
  tries: number;
}

/** What the injector counts of expectations. */
export interface ExpectationCounters {
  expected: number;
  readonly refused: Record<string, number>;
}

/** Expectations whose master was not there when they came. They are tried again after each batch, some times. */
export class WaitingExpectations {
  readonly #transact: (writer: NetlinkWriter) => readonly Refusal[];
  readonly #writer = new NetlinkWriter(2 * FLOW_MESSAGE_BYTES_MAX);
  readonly #reader = new FlowRecordReader();
  readonly #fields = new FlowFields();
  #waiting: Waiting[] = [];

  constructor(transact: (writer: NetlinkWriter) => readonly Refusal[]) {
    this.#transact = transact;
  }

  /** @param record the bytes of an "expect" record, ours to keep; the oldest gives way when there are too many */
  add(record: Uint8Array, counters: ExpectationCounters): void {
    this.#waiting.push({ record, fault: 0, tries: 0 });
    if (this.#waiting.length > WAITING_MAX) this.#giveUp(this.#waiting.shift(), counters);
  }

  /** It is not expected any more. @param place where the record of its end begins in `bytes` */
  forget(bytes: FlowRecordReader, place: number): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter(({ record }) => !bytes.sameAs(place, record));
  }

  tryAgain(counters: ExpectationCounters): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.flatMap((one) => {
      const refusal = this.#try(one.record);
      if (refusal === undefined) {
        counters.expected++;
        return [];
      }
      const again = { ...one, fault: refusal.errno, tries: one.tries + 1 };
      if (again.tries < TRIES_MAX) return [again];
      this.#giveUp(again, counters);
      return [];
    });
  }

  #try(record: Uint8Array): Refusal | undefined {
    this.#reader.reset(record);
    this.#reader.next(this.#fields);
    this.#writer.reset();
    writeExpectTwice(this.#writer, this.#reader.expectation, 0);
    this.#writer.addFlagsToLast(NLM_F_ACK);
    return this.#transact(this.#writer)[0];
  }

  #giveUp(one: Waiting | undefined, counters: ExpectationCounters): void {
    if (one !== undefined) countRefusal(counters.refused, "expect", { errno: one.fault });
  }
}
