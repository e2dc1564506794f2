import { DecodeError } from "../base/decode-error.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeDelete,
  writeDeleteByReply,
  writeUpdate,
} from "../wire/conntrack-message.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordReader } from "../wire/flow-record.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { errno, errorName } from "./libc.ts";
import { NETLINK_NETFILTER, NetlinkSocket, type Refusal } from "./netlink-socket.ts";

/** Messages per system call: enough to make the call's cost vanish, few enough not to hold the table's locks for long. */
const BATCH_MESSAGES = 128;

const NO_SEQUENCE = 0xffff_ffff;

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
  /** What to do where a create meets a flow with the same original or reply tuple: remove that one first, or keep it. */
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
      if (kind === "delete") {
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
    const again: number[] = [];
    const expected = options.first === "create" ? errno.EEXIST : errno.ENOENT;
    for (const refusal of refusals) {
      if (this.#isDelete[refusal.sequence] === 1) {
        deletes--;
        this.#count("delete", refusal);
      } else {
        upserts--;
        if (refusal.errno === expected) again.push(refusal.sequence);
        else this.#count(options.first, refusal);
      }
    }
    this.counters.deleted += deletes;
    if (options.first === "create") this.counters.created += upserts;
    else this.counters.updated += upserts;
    if (options.first === "create" && options.taken === "keep") this.counters.kept += again.length;
    else if (again.length > 0) this.#tryOtherWay(again, options);
  }

  /** A create met another flow, which goes first; or an update met none, and becomes a create. */
  #tryOtherWay(sequences: readonly number[], options: InjectOptions): void {
    const resumeAt = this.#reader.offset;
    const replaces = options.first === "create";
    // A replacement is three messages.
    const step = Math.floor(BATCH_MESSAGES / 3);
    for (let start = 0; start < sequences.length; start += step) {
      const part = sequences.slice(start, start + step);
      this.#writer.reset();
      for (const sequence of part) {
        this.#reader.offset = this.#recordOffsets[sequence] ?? 0;
        this.#reader.next(this.#fields);
        this.#limitTimeout(options);
        if (replaces) {
          // The place may be empty by now; these refusals mean nothing, so they carry no flow's sequence.
          writeDelete(this.#writer, this.#fields, NO_SEQUENCE);
          writeDeleteByReply(this.#writer, this.#fields, NO_SEQUENCE);
        }
        writeCreate(this.#writer, this.#fields, sequence);
      }
      this.#writer.addFlagsToLast(NLM_F_ACK);
      const refusals = this.#socket
        .transact(this.#writer.written())
        .filter(({ sequence }) => sequence !== NO_SEQUENCE);
      for (const refusal of refusals) this.#count("create", refusal);
      if (replaces) this.counters.replaced += part.length - refusals.length;
      else this.counters.created += part.length - refusals.length;
    }
    this.#reader.offset = resumeAt;
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
