import type { FlowFilter } from "../../core/replication/flow-filter.ts";
import type { FlowOwner, GroupSet } from "../../core/replication/flow-owner.ts";
import { FlowRecorder } from "../../core/replication/flow-recorder.ts";
import { ConntrackEvents } from "../../linux/conntrack-reader.ts";
import { FlowLookup } from "../../linux/flow-lookup.ts";
import type { KnownZones } from "../../linux/known-zones.ts";
import { PollSet } from "../../linux/poll.ts";
import type { ExpectationFields } from "../../wire/expectation-fields.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { FlowRecordWriter } from "../../wire/flow-record.ts";

/** Room for about 30,000 events that wait to be read: most of a second at 40,000 new connections a second. */
const EVENT_BUFFER_BYTES = 32 << 20;
/**
 * Changes that come together travel together. What a turn costs beside its events (waking up, a system call, a TLS record, a
 * segment, work for the standby: about 0.2 ms of a processor) is worth more than they, unless they are many. So the first
 * event after a silence waits a millisecond, and while there are events the next turn comes when about 256 have gathered: 2
 * to 10 ms later. A connection that was established within that time before the power went is not on the standby.
 */
const FIRST_WAIT_MS = 1;
const WAIT_MS_MIN = 2;
const WAIT_MS_MAX = 10;
const EVENTS_PER_TURN = 256;
/** Batches of events that are read before other work of this process has its turn. */
const BATCHES_PER_TURN = 32;
/** A frame's worth of records. */
const RECORDS_BYTES = 32 << 10;
const EVENT_WAIT_MS = 1_000;

export interface FlowEventsOptions {
  readonly filter: FlowFilter;
  readonly owner: FlowOwner;
  /** Zones of flows: what the kernel says of an expectation does not tell its own. */
  readonly zones: KnownZones;
  /** Whether the rules ask for events of flows that are not established yet, or for expectations. */
  readonly births: boolean;
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
  readonly #events: ConntrackEvents;
  readonly #poll: PollSet;
  readonly #lookup: FlowLookup;
  readonly #writer = new FlowRecordWriter(RECORDS_BYTES);
  readonly #recorder: FlowRecorder;
  #turnMs = 0;
  #groups: GroupSet = 0;

  constructor(options: FlowEventsOptions) {
    this.#options = options;
    this.#lookup = new FlowLookup(options.zones);
    this.#events = new ConntrackEvents({
      receiveBufferBytes: EVENT_BUFFER_BYTES,
      births: options.births,
    });
    this.#poll = new PollSet([this.#events.fd]);
    this.#recorder = new FlowRecorder(options.filter, this.#writer, () => this.#flush());
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
      if (this.#poll.readable(0)) this.#turnIn(FIRST_WAIT_MS);
      else this.#wait();
    });
  }

  #turnIn(waitMs: number): void {
    this.#turnMs = performance.now();
    setTimeout(() => this.#turn(), waitMs);
  }

  #turn(): void {
    const before = this.#events.counters.messages;
    if (this.#read() === "more") {
      setImmediate(() => this.#turn());
      return;
    }
    const events = this.#events.counters.messages - before;
    if (events === 0) {
      this.#wait();
      return;
    }
    const gatheredMs = performance.now() - this.#turnMs;
    const waitMs = (gatheredMs * EVENTS_PER_TURN) / events;
    this.#turnIn(Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, waitMs)));
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
    if (!this.#options.owner.tells(this.#groups, fields, destroyed)) return;
    this.#options.zones.add(fields.zone);
    this.#options.onFlow(fields);
    this.#recorder.flow(fields, destroyed);
  };

  readonly #visitExpectation = (fields: ExpectationFields, ended: boolean): void => {
    const { owner } = this.#options;
    // Its helper may just have shifted the sequence numbers of its flow, of which there is no event.
    const master = this.#lookup.masterOf(fields, ended);
    const group = master === undefined ? owner.groupOfExpectation(fields) : owner.groupOf(master);
    if (group !== 0 && (group & this.#groups) === 0) return;
    if (master !== undefined) this.#visitFlow(master, false);
    this.#recorder.expectation(fields, ended);
  };

  #flush(): void {
    const { count } = this.#writer;
    if (count > 0) this.#options.onRecords(this.#writer.take(), count);
  }
}
