import type { FlowFilter } from "../../core/replication/flow-filter.ts";
import type { FlowOwner, GroupSet } from "../../core/replication/flow-owner.ts";
import { ConntrackEvents } from "../../linux/conntrack-reader.ts";
import { FlowLookup } from "../../linux/flow-lookup.ts";
import { PollSet } from "../../linux/poll.ts";
import type { ExpectationFields } from "../../wire/expectation-fields.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { FlowRecordWriter } from "../../wire/flow-record.ts";

/** Room for about 30,000 events that wait to be read: most of a second at 40,000 new connections a second. */
const EVENT_BUFFER_BYTES = 32 << 20;
/**
 * Changes that come together travel together; a fresh connection is unprotected for this much longer. What a turn costs
 * beside its events (a system call, a TLS record, a segment, work for the standby) is worth more than they under load.
 */
const COALESCE_MS = 1;
const COALESCE_BUSY_MS = 5;
/** A turn with more events than this is followed by a busy one. */
const BUSY_EVENTS = 16;
/** Turns without an event before the kernel is asked to wake this process: a wake-up by another thread is dear. */
const IDLE_TURNS = 8;
/** Batches of events that are read before other work of this process has its turn. */
const BATCHES_PER_TURN = 32;
/** A frame's worth of records. */
const RECORDS_BYTES = 32 << 10;
const EVENT_WAIT_MS = 1_000;

export interface FlowEventsOptions {
  readonly filter: FlowFilter;
  readonly owner: FlowOwner;
  /** Events that this netlink socket caused are skipped: our own injection. */
  readonly ignorePortId: number;
  /** A flow has changed; `fields` is used again. */
  readonly onFlow: (fields: FlowFields) => void;
  /** `count` records, in the order of the events; the bytes are the caller's to keep. */
  readonly onRecords: (records: Uint8Array, count: number) => void;
  /** The kernel dropped events: what it dropped is in no record. */
  readonly onOverrun: () => void;
}

/** The kernel's reports about mirrored flows, as records, in batches. */
export class FlowEvents {
  readonly #options: FlowEventsOptions;
  readonly #events = new ConntrackEvents({ receiveBufferBytes: EVENT_BUFFER_BYTES });
  readonly #poll = new PollSet([this.#events.fd]);
  readonly #lookup = new FlowLookup();
  readonly #writer = new FlowRecordWriter(RECORDS_BYTES);
  #idleTurns = 0;
  #groups: GroupSet = 0;

  constructor(options: FlowEventsOptions) {
    this.#options = options;
    this.#wait();
  }

  get counters(): { readonly overruns: number; readonly malformed: number } {
    return this.#events.counters;
  }

  /**
   * Reports flows of these groups from now on, and subscribes if there are any. The entries of others on this node are copies:
   * their timers run out here, and nobody must take that for the flow's end.
   */
  report(groups: GroupSet): void {
    this.#groups = groups;
    this.#events.subscribe(groups !== 0);
  }

  /** Reads all events that the kernel has. */
  drain(): void {
    while (this.#read() === "more");
  }

  #wait(): void {
    this.#poll.waitInBackground(EVENT_WAIT_MS, () => {
      this.#idleTurns = 0;
      if (this.#poll.readable(0)) setTimeout(() => this.#turn(), COALESCE_MS);
      else this.#wait();
    });
  }

  #turn(): void {
    const before = this.#events.counters.messages;
    if (this.#read() === "more") {
      setImmediate(() => this.#turn());
      return;
    }
    const events = this.#events.counters.messages - before;
    this.#idleTurns = events === 0 ? this.#idleTurns + 1 : 0;
    if (this.#idleTurns > IDLE_TURNS) this.#wait();
    else setTimeout(() => this.#turn(), events > BUSY_EVENTS ? COALESCE_BUSY_MS : COALESCE_MS);
  }

  #read(): "more" | "empty" {
    let result: "more" | "empty" = "more";
    for (let batch = 0; batch < BATCHES_PER_TURN && result === "more"; batch++) {
      const count = this.#events.readBatch(
        this.#visitFlow,
        this.#options.ignorePortId,
        this.#visitExpectation,
      );
      if (count === "overrun") {
        this.#flush();
        this.#options.onOverrun();
      } else if (count < this.#events.batchSize) {
        // There was no more: to ask again would only cost another system call.
        result = "empty";
      }
    }
    this.#flush();
    return result;
  }

  readonly #visitFlow = (fields: FlowFields, destroyed: boolean): void => {
    const { filter, owner } = this.#options;
    if (!filter.accepts(fields) || !owner.tells(this.#groups, fields, destroyed)) return;
    if (!this.#writer.hasRoom) this.#flush();
    this.#options.onFlow(fields);
    if (destroyed) this.#writer.writeDelete(fields);
    else this.#writer.writeUpsert(fields);
  };

  readonly #visitExpectation = (fields: ExpectationFields, ended: boolean): void => {
    const { filter, owner } = this.#options;
    if (!filter.acceptsExpectation(fields)) return;
    // Its helper may just have shifted the sequence numbers of its flow, of which there is no event.
    const master = this.#lookup.masterOf(fields);
    const group = master === undefined ? owner.groupOfExpectation(fields) : owner.groupOf(master);
    if (group !== 0 && (group & this.#groups) === 0) return;
    if (master !== undefined) this.#visitFlow(master, false);
    if (!this.#writer.hasRoom) this.#flush();
    if (ended) this.#writer.writeUnexpect(fields);
    else this.#writer.writeExpect(fields);
  };

  #flush(): void {
    const { count } = this.#writer;
    if (count > 0) this.#options.onRecords(this.#writer.take(), count);
  }
}
