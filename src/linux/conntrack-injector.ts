import { DecodeError } from "../base/decode-error.ts";
import { IPCTNL_MSG_CT_NEW } from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeDelete,
  writeDeleteByReply,
  writeGet,
  writeTimeout,
  writeUpdate,
} from "../wire/conntrack-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordReader } from "../wire/flow-record.ts";
import { type NetlinkMessage, NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { errno, errorName } from "./libc.ts";
import { NETLINK_NETFILTER, NetlinkSocket, type Refusal } from "./netlink-socket.ts";

/** Messages per system call: enough to make the call's cost vanish, few enough not to hold the table's locks for long. */
const BATCH_MESSAGES = 128;

const NO_SEQUENCE = 0xffff_ffff;
/** A second try writes up to three messages a record. */
const RETRY_RECORDS = Math.floor(BATCH_MESSAGES / 3);

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
  readonly timeoutSecondsMin: number;
  /** And none more than this. */
  readonly timeoutSecondsMax?: number;
  /** Called with every upserted flow before it is written; `fields` is used again. */
  readonly onUpsert?: (fields: FlowFields) => void;
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
  readonly #isDelete = new Uint8Array(BATCH_MESSAGES);

  /** Events that the injection causes carry this netlink port id. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Applies all records in order.
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
    return total;
  }

  /** Deletes one flow by its original tuple; for removing what does not belong. */
  deleteFlow(fields: FlowFields): void {
    this.#writer.reset();
    writeDelete(this.#writer, fields, 0);
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
    while (count < BATCH_MESSAGES && !this.#reader.atEnd) {
      this.#recordOffsets[count] = this.#reader.offset;
      const kind = this.#reader.next(this.#fields);
      if (kind instanceof DecodeError) return { count, fault: kind };
      this.#isDelete[count] = kind === "delete" ? 1 : 0;
      if (kind === "delete" && options.taken === "keep") {
        this.#fields.timeoutSeconds = options.timeoutSecondsMax ?? options.timeoutSecondsMin;
        writeTimeout(this.#writer, this.#fields, count);
      } else if (kind === "delete") {
        writeDelete(this.#writer, this.#fields, count);
      } else {
        this.#limitTimeout(options);
        options.onUpsert?.(this.#fields);
        if (options.first === "create") writeCreate(this.#writer, this.#fields, count);
        else writeUpdate(this.#writer, this.#fields, count);
      }
      count++;
    }
    return { count };
  }

  #sendBatch(count: number, options: InjectOptions): void {
    this.#writer.addFlagsToLast(NLM_F_ACK);
    const refusals = this.#socket.transact(this.#writer.written());
    let deletes = 0;
    for (let i = 0; i < count; i++) deletes += this.#isDelete[i] ?? 0;
    let upserts = count - deletes;
    const mayBeDeleted = deletes > 0;
    const again: number[] = [];
    const expected = options.first === "create" ? errno.EEXIST : errno.ENOENT;
    for (const refusal of refusals) {
      if (this.#isDelete[refusal.sequence] === 1) {
        deletes--;
        this.#count("delete", refusal);
      } else {
        upserts--;
        if (refusal.errno === expected) {
          // What ended later in this batch must not be brought back by a second try.
          if (!mayBeDeleted || !this.#isDeletedLater(refusal.sequence, count)) again.push(refusal.sequence);
        } else {
          this.#count(options.first, refusal);
        }
      }
    }
    if (options.taken === "keep") this.counters.kept += deletes;
    else this.counters.deleted += deletes;
    if (options.first === "create") this.counters.created += upserts;
    else this.counters.updated += upserts;
    if (again.length === 0) return;
    if (options.first === "update" && options.missing === "skip") this.counters.absent += again.length;
    else if (options.first === "update") this.#create(again, options);
    else if (options.taken === "replace") this.#updateOrReplace(again, options);
    else this.counters.kept += again.length;
  }

  #isDeletedLater(sequence: number, count: number): boolean {
    const place = this.#recordOffsets[sequence] ?? 0;
    for (let later = sequence + 1; later < count; later++) {
      if (this.#isDelete[later] !== 1) continue;
      if (this.#reader.sameFlow(place, this.#recordOffsets[later] ?? 0)) return true;
    }
    return false;
  }

  /** Updates met no flow. */
  #create(sequences: readonly number[], options: InjectOptions): void {
    const refused = this.#retry(sequences, options, writeCreate);
    this.counters.created += sequences.length - refused.size;
    const taken: number[] = [];
    for (const [sequence, refusal] of refused) {
      // Another flow has the same replies.
      if (refusal.errno === errno.EEXIST && options.taken === "replace") taken.push(sequence);
      else this.#count("create", refusal);
    }
    if (taken.length > 0) this.#updateOrReplace(taken, options);
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
    for (const refusal of refusedUpdates.values()) this.#count("update", refusal);
    this.counters.updated += same.size - refusedUpdates.size;

    const stale = sequences.filter((sequence) => !same.has(sequence));
    const refused = this.#retry(stale, options, (writer, fields, sequence) => {
      // One of the two places may be empty: these refusals mean nothing, so they carry no flow's sequence.
      writeDelete(writer, fields, NO_SEQUENCE);
      writeDeleteByReply(writer, fields, NO_SEQUENCE);
      writeCreate(writer, fields, sequence);
    });
    for (const refusal of refused.values()) this.#count("create", refusal);
    this.counters.replaced += stale.length - refused.size;
  }

  #isSameFlow(sequence: number, payload: Uint8Array): boolean {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (parseFlow(view, 0, payload.byteLength, this.#held) !== flowParse.ok) return false;
    const resumeAt = this.#reader.offset;
    this.#reader.offset = this.#recordOffsets[sequence] ?? 0;
    this.#reader.next(this.#fields);
    this.#reader.offset = resumeAt;
    return this.#fields.sameTuples(this.#held);
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
    const atLeast = Math.max(this.#fields.timeoutSeconds, options.timeoutSecondsMin);
    this.#fields.timeoutSeconds = Math.min(atLeast, options.timeoutSecondsMax ?? Number.POSITIVE_INFINITY);
  }

  #count(operation: string, refusal: Refusal): void {
    if (operation === "delete" && refusal.errno === errno.ENOENT) {
      this.counters.absent++;
      return;
    }
    const key = `${operation} ${errorName(refusal.errno)}`;
    this.counters.refused[key] = (this.counters.refused[key] ?? 0) + 1;
  }
}
