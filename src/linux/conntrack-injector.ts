import { DecodeError } from "../base/decode-error.ts";
import { IPCTNL_MSG_CT_NEW } from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeCreatePlain,
  writeDelete,
  writeDeleteByReply,
  writeGet,
  writeTimeout,
  writeUpdate,
  writeUpdateOtherwise,
} from "../wire/conntrack-request.ts";
import { writeUnexpect } from "../wire/expectation-request.ts";
import { FlowFields, flowExtra } from "../wire/flow-fields.ts";
import { FlowRecordReader } from "../wire/flow-record.ts";
import { type NetlinkMessage, NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { countRefusal } from "./count-refusal.ts";
import { errno } from "./libc.ts";
import { NETLINK_NETFILTER, NetlinkSocket, type Refusal } from "./netlink-socket.ts";
import { WaitingExpectations, writeExpectTwice } from "./waiting-expectations.ts";

/** Messages per system call: enough to make the call's cost vanish, few enough not to hold the table's locks for long. */
const BATCH_MESSAGES = 128;

const NO_SEQUENCE = 0xffff_ffff;
/** A second try writes up to three messages a record. */
const RETRY_RECORDS = Math.floor(BATCH_MESSAGES / 3);

/** What a message is about, by its record. */
const kindOf = { upsert: 0, delete: 1, expect: 2, unexpect: 3 } as const;
const UPSERT = kindOf.upsert;
const DELETE = kindOf.delete;
const EXPECT = kindOf.expect;

export interface InjectionCounters {
  created: number;
  updated: number;
  deleted: number;
  /** Flows that were there already and were left as they are. */
  kept: number;
  /** Flows that took the place of a stale one. */
  replaced: number;
  /** Deletes of flows that were gone already: harmless. */
  absent: number;
  /** Expectations that were created, or whose timer was set. */
  expected: number;
  /** Refusals by operation and error, such as `create ENOMEM`. */
  readonly refused: Record<string, number>;
}

export interface InjectOptions {
  /** What to try first: `update` when most flows are there already, as in a refresh. */
  readonly first: "create" | "update";
  /** What an update that meets no flow does: create it (the default), or leave it, for it has ended meanwhile. */
  readonly missing?: "create" | "skip";
  /**
   * What to do where a create meets a flow with the same original or reply tuple: remove that one first, or keep it. Whoever
   * keeps flows does not delete them either: a flow whose end is reported gets `timeoutSecondsMax` at most, for it may be
   * a new one with the same tuple.
   */
  readonly taken: "replace" | "keep";
  /** No flow is given less time than this: on a standby no packet refreshes the timer, only the next copy does. */
  readonly timeoutSecondsMin: number | ((fields: FlowFields) => number);
  /** And none more than this. */
  readonly timeoutSecondsMax?: number;
  /** Called with every upserted flow before it is written; `fields` is used again. */
  readonly onUpsert?: (fields: FlowFields) => void;
  /** Called with every flow that the kernel would not create, for whatever reason; `fields` is used again. */
  readonly onRefused?: (fields: FlowFields) => void;
}

/**
 * Writes flow records into the kernel's connection table, in batches: one system call and one acknowledgement each.
 * Refusals are counted by kind; none of them stops the rest.
 */
export class ConntrackInjector {
  readonly counters: InjectionCounters = {
    created: 0,
    updated: 0,
    deleted: 0,
    kept: 0,
    replaced: 0,
    absent: 0,
    expected: 0,
    refused: {},
  };
  readonly #socket = new NetlinkSocket({
    protocol: NETLINK_NETFILTER,
    receiveBufferBytes: 4 << 20, // Room for a refusal of every message of a batch.
    sendBufferBytes: 1 << 20,
  });
  readonly #writer = new NetlinkWriter(BATCH_MESSAGES * FLOW_MESSAGE_BYTES_MAX);
  readonly #fields = new FlowFields();
  /** What the kernel holds where a create met an existing flow. */
  readonly #held = new FlowFields();
  readonly #reader = new FlowRecordReader();
  /** Where each message's record begins; its index is the message's sequence. */
  readonly #recordOffsets = new Uint32Array(BATCH_MESSAGES);
  readonly #kinds = new Uint8Array(BATCH_MESSAGES);
  readonly #waiting = new WaitingExpectations((writer) => this.#socket.transact(writer.written()));

  /** Events that the injection causes carry this netlink port id. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Applies all records in order; but an expectation waits for the flow that it belongs to, if that comes later.
   *
   * @returns how many there were, or why the bytes are not records (those before the fault are applied)
   */
  inject(records: Uint8Array, options: InjectOptions): number | DecodeError {
    this.#reader.reset(records);
    let total = 0;
    while (!this.#reader.atEnd) {
      const written = this.#fillBatch(options);
      if (written.count > 0) this.#sendBatch(written.count, options);
      total += written.count;
      if (written.fault !== undefined) return written.fault;
    }
    this.#waiting.tryAgain(this.counters);
    return total;
  }

  /** Deletes one flow as a dump has shown it: this very entry, for removing what does not belong. */
  deleteFlow(fields: FlowFields): void {
    this.#writer.reset();
    writeDeleteByReply(this.#writer, fields, 0);
    this.#writer.addFlagsToLast(NLM_F_ACK);
    const [refusal] = this.#socket.transact(this.#writer.written());
    if (refusal === undefined) this.counters.deleted++;
    else this.#count("delete", refusal);
  }

  close(): void {
    this.#socket.close();
  }

  #fillBatch(options: InjectOptions): { count: number; fault?: DecodeError } {
    this.#writer.reset();
    let count = 0;
    while (count < BATCH_MESSAGES && this.#writer.room >= 2 * FLOW_MESSAGE_BYTES_MAX && !this.#reader.atEnd) {
      this.#recordOffsets[count] = this.#reader.offset;
      const kind = this.#reader.next(this.#fields);
      if (kind instanceof DecodeError) return { count, fault: kind };
      this.#kinds[count] = kindOf[kind];
      if (kind === "upsert") {
        this.#limitTimeout(options);
        options.onUpsert?.(this.#fields);
        if (options.first === "create") writeCreate(this.#writer, this.#fields, count);
        else writeUpdate(this.#writer, this.#fields, count);
      } else if (kind === "delete" && options.taken === "keep") {
        this.#fields.timeoutSeconds = options.timeoutSecondsMax ?? secondsMin(options, this.#fields);
        writeTimeout(this.#writer, this.#fields, count);
      } else if (kind === "delete") {
        writeDelete(this.#writer, this.#fields, count);
      } else if (kind === "expect") {
        writeExpectTwice(this.#writer, this.#reader.expectation, count);
      } else {
        writeUnexpect(this.#writer, this.#reader.expectation, count);
        this.#waiting.forget(this.#reader, this.#recordOffsets[count] ?? 0);
      }
      count++;
    }
    return { count };
  }

  #sendBatch(count: number, options: InjectOptions): void {
    this.#writer.addFlagsToLast(NLM_F_ACK);
    const refusals = this.#socket.transact(this.#writer.written());
    let deletes = 0;
    let upserts = 0;
    for (let i = 0; i < count; i++) {
      if (this.#kinds[i] === UPSERT) upserts++;
      else if (this.#kinds[i] === DELETE) deletes++;
      else if (this.#kinds[i] === EXPECT) this.counters.expected++;
    }
    const mayBeDeleted = deletes > 0;
    const again: Refusal[] = [];
    const orphans = new Set<number>();
    for (const refusal of refusals) {
      const kind = this.#kinds[refusal.sequence];
      if (kind === UPSERT) {
        upserts--;
        // What ended later in this batch must not be brought back by a second try.
        if (!mayBeDeleted || !this.#isDeletedLater(refusal.sequence, count)) again.push(refusal);
      } else if (kind === DELETE) {
        deletes--;
        this.#count("delete", refusal);
      } else if (kind === EXPECT) {
        orphans.add(refusal.sequence);
      } else if (refusal.errno !== errno.ENOENT) {
        this.#count("unexpect", refusal);
      }
    }
    if (options.taken === "keep") this.counters.kept += deletes;
    else this.counters.deleted += deletes;
    if (options.first === "create") this.counters.created += upserts;
    else this.counters.updated += upserts;
    if (again.length > 0) this.#tryAgain(again, options);
    this.counters.expected -= orphans.size;
    for (const sequence of orphans) {
      if (!this.#isDeletedLater(sequence, count)) this.#waiting.add(this.#recordAt(sequence), this.counters);
    }
  }

  #isDeletedLater(sequence: number, count: number): boolean {
    const place = this.#recordOffsets[sequence] ?? 0;
    for (let later = sequence + 1; later < count; later++) {
      const kind = this.#kinds[later];
      if (kind !== DELETE && kind !== kindOf.unexpect) continue;
      if (this.#reader.sameFlow(place, this.#recordOffsets[later] ?? 0)) return true;
    }
    return false;
  }

  /** The bytes of a record of the present batch; a copy. */
  #recordAt(sequence: number): Uint8Array {
    const resumeAt = this.#reader.offset;
    const start = this.#recordOffsets[sequence] ?? 0;
    this.#reader.offset = start;
    this.#reader.next(this.#fields);
    const record = this.#reader.slice(start, this.#reader.offset);
    this.#reader.offset = resumeAt;
    return record;
  }

  /** Upserts that were refused at the first try, each by what it met. */
  #tryAgain(refusals: readonly Refusal[], options: InjectOptions): void {
    const create = options.first === "create";
    const missing: number[] = [];
    const taken: number[] = [];
    const otherStatus: number[] = [];
    for (const refusal of refusals) {
      if (create && refusal.errno === errno.EEXIST) taken.push(refusal.sequence);
      else if (create ? lacksCompany(refusal) : refusal.errno === errno.ENOENT)
        missing.push(refusal.sequence);
      else if (!create && refusal.errno === errno.EBUSY) otherStatus.push(refusal.sequence);
      else if (create) this.#countCreate(refusal, options);
      else this.#count("update", refusal);
    }
    if (options.missing === "skip") this.counters.absent += missing.length;
    else if (missing.length > 0) this.#create(missing, options);
    if (otherStatus.length > 0) this.#updateOtherwise(otherStatus, options);
    if (taken.length === 0) return;
    if (options.taken === "replace") this.#updateOrReplace(taken, options);
    else this.counters.kept += taken.length;
  }

  /** Updates met no flow, or creates no master: that may have come meanwhile, later in the same batch. */
  #create(sequences: readonly number[], options: InjectOptions): void {
    const refused = this.#retry(sequences, options, writeCreate);
    this.counters.created += sequences.length - refused.size;
    const taken: number[] = [];
    const plain: number[] = [];
    for (const [sequence, refusal] of refused) {
      // Another flow has the same replies.
      if (refusal.errno === errno.EEXIST && options.taken === "replace") taken.push(sequence);
      else if (lacksCompany(refusal) && this.#hasCompany(sequence)) plain.push(sequence);
      else this.#countCreate(refusal, options);
    }
    if (plain.length > 0) this.#createPlain(plain, options, refused);
    if (taken.length > 0) this.#updateOrReplace(taken, options);
  }

  /** The kernel does not have the helper, or the master is gone: the flow goes on without, and the lack is counted. */
  #createPlain(
    sequences: readonly number[],
    options: InjectOptions,
    why: ReadonlyMap<number, Refusal>,
  ): void {
    const refused = this.#retry(sequences, options, writeCreatePlain);
    for (const sequence of sequences) {
      const refusal = refused.get(sequence);
      const lack = why.get(sequence);
      if (refusal !== undefined) this.#countCreate(refusal, options);
      else if (lack !== undefined) this.#count(lack.errno === errno.ENOENT ? "master" : "helper", lack);
    }
    this.counters.created += sequences.length - refused.size;
  }

  #hasCompany(sequence: number): boolean {
    return this.#fieldsOf(sequence).has(flowExtra.helper | flowExtra.master);
  }

  #countCreate(refusal: Refusal, { onRefused }: InjectOptions): void {
    this.#count("create", refusal);
    onRefused?.(this.#fieldsOf(refusal.sequence));
  }

  /** What a record of the present batch says. */
  #fieldsOf(sequence: number): FlowFields {
    const resumeAt = this.#reader.offset;
    this.#reader.offset = this.#recordOffsets[sequence] ?? 0;
    this.#reader.next(this.#fields);
    this.#reader.offset = resumeAt;
    return this.#fields;
  }

  /**
   * Creates met existing flows. Where the kernel's flow has the same tuples it is the same flow, and is updated: it must not
   * be destroyed. Otherwise what is there is stale, and an update could not change its translation: it is replaced.
   */
  #updateOrReplace(sequences: readonly number[], options: InjectOptions): void {
    const same = new Set<number>();
    this.#retry(sequences, options, writeGet, ({ type, sequence, payload }) => {
      if (type === IPCTNL_MSG_CT_NEW && this.#isSameFlow(sequence, payload)) same.add(sequence);
    });
    const refusedUpdates = this.#retry([...same], options, writeUpdate);
    this.counters.updated += same.size - refusedUpdates.size;
    const otherStatus: number[] = [];
    for (const [sequence, refusal] of refusedUpdates) {
      if (refusal.errno === errno.EBUSY) otherStatus.push(sequence);
      else this.#count("update", refusal);
    }
    if (otherStatus.length > 0) this.#updateOtherwise(otherStatus, options);

    const stale = sequences.filter((sequence) => !same.has(sequence));
    const refused = this.#retry(stale, options, (writer, fields, sequence) => {
      // One of the two places may be empty: these refusals mean nothing, so they carry no flow's sequence.
      writeDelete(writer, fields, NO_SEQUENCE);
      writeDeleteByReply(writer, fields, NO_SEQUENCE);
      writeCreate(writer, fields, sequence);
    });
    this.counters.replaced += stale.length - refused.size;
    const plain: number[] = [];
    for (const [sequence, refusal] of refused) {
      if (lacksCompany(refusal) && this.#hasCompany(sequence)) plain.push(sequence);
      else this.#countCreate(refusal, options);
    }
    if (plain.length > 0) this.#createPlain(plain, options, refused);
  }

  #updateOtherwise(sequences: readonly number[], options: InjectOptions): void {
    const refused = this.#retry(sequences, options, writeUpdateOtherwise);
    for (const refusal of refused.values()) this.#count("update", refusal);
    this.counters.updated += sequences.length - refused.size;
  }

  #isSameFlow(sequence: number, payload: Uint8Array): boolean {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (parseFlow(view, 0, payload.byteLength, this.#held) !== flowParse.ok) return false;
    return this.#fieldsOf(sequence).sameTuples(this.#held);
  }

  /** Reads records of the present batch again and sends other messages for them. @returns the refusals by sequence */
  #retry(
    sequences: readonly number[],
    options: InjectOptions,
    write: (writer: NetlinkWriter, fields: FlowFields, sequence: number) => void,
    onAnswer?: (answer: NetlinkMessage) => void,
  ): Map<number, Refusal> {
    const resumeAt = this.#reader.offset;
    const refused = new Map<number, Refusal>();
    for (let start = 0; start < sequences.length; start += RETRY_RECORDS) {
      this.#writer.reset();
      for (const sequence of sequences.slice(start, start + RETRY_RECORDS)) {
        this.#reader.offset = this.#recordOffsets[sequence] ?? 0;
        this.#reader.next(this.#fields);
        this.#limitTimeout(options);
        write(this.#writer, this.#fields, sequence);
      }
      this.#writer.addFlagsToLast(NLM_F_ACK);
      for (const refusal of this.#socket.transact(this.#writer.written(), onAnswer)) {
        if (refusal.sequence !== NO_SEQUENCE) refused.set(refusal.sequence, refusal);
      }
    }
    this.#reader.offset = resumeAt;
    return refused;
  }

  #limitTimeout(options: InjectOptions): void {
    const atLeast = Math.max(this.#fields.timeoutSeconds, secondsMin(options, this.#fields));
    this.#fields.timeoutSeconds = Math.min(atLeast, options.timeoutSecondsMax ?? Number.POSITIVE_INFINITY);
  }

  #count(operation: string, refusal: Refusal): void {
    if (operation === "delete" && refusal.errno === errno.ENOENT) {
      this.counters.absent++;
      return;
    }
    countRefusal(this.counters.refused, operation, refusal);
  }
}

function secondsMin({ timeoutSecondsMin: limit }: InjectOptions, fields: FlowFields): number {
  return typeof limit === "number" ? limit : limit(fields);
}

/** A create may be refused for want of a helper in the kernel, or of the flow's master. */
function lacksCompany({ errno: number }: Refusal): boolean {
  return number === errno.ENOENT || number === errno.EOPNOTSUPP || number === errno.EAGAIN;
}
