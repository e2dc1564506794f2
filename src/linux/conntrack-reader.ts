import {
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_NEW,
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_NEW,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_EXP_DESTROY,
  NFNLGRP_CONNTRACK_EXP_NEW,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import { writeDump } from "../wire/conntrack-request.ts";
import { ExpectationFields } from "../wire/expectation-fields.ts";
import { parseExpectation } from "../wire/expectation-message.ts";
import { writeExpectationDump } from "../wire/expectation-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { align4, NetlinkWriter, NLMSG_DONE, NLMSG_ERROR, NLMSG_HEADER_BYTES } from "../wire/netlink.ts";
import { DatagramBatch } from "./datagram-batch.ts";
import { errno } from "./libc.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** Called for each flow; `fields` is used again for the next one. */
export type FlowVisitor = (fields: FlowFields, destroyed: boolean) => void;
/** Called for each expectation, `ended` when its flow has come or nobody waits for it any more. */
export type ExpectationVisitor = (fields: ExpectationFields, ended: boolean) => void;

export interface ReaderCounters {
  messages: number;
  /** Datagrams or messages that were not understood. */
  malformed: number;
  /** Times that the kernel had to drop events, because they were not read fast enough (ENOBUFS). */
  overruns: number;
}

/** What happens to flows in their lives. */
const lifeGroups = [NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY];
/** How they come about, and what helpers expect. */
const birthGroups = [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_EXP_NEW, NFNLGRP_CONNTRACK_EXP_DESTROY];

const EVENT_SLOTS = 128;
/** A conntrack event with every attribute that exists is shorter than this. */
const EVENT_SLOT_BYTES = 2_048;

/**
 * The kernel's reports about flows (ctnetlink events), read in batches.
 *
 * Subscribe only while they are wanted: with no subscriber in the namespace the kernel does not even build them.
 */
export class ConntrackEvents {
  readonly counters: ReaderCounters = { messages: 0, malformed: 0, overruns: 0 };
  readonly #socket: NetlinkSocket;
  readonly #groups: readonly number[];
  readonly #batch = new DatagramBatch(EVENT_SLOTS, EVENT_SLOT_BYTES);
  readonly #fields = new FlowFields();
  readonly #expectation = new ExpectationFields();
  #subscribed = false;

  /**
   * @param options.births whether the births of flows and expectations are wanted, too. A listener costs where nobody looks at
   *   what it hears: the kernel builds the event of every flow that is created over ctnetlink, in all namespaces of the machine
   */
  constructor(options: { readonly receiveBufferBytes: number; readonly births: boolean }) {
    this.#groups = options.births ? [...lifeGroups, ...birthGroups] : lifeGroups;
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      receiveBufferBytes: options.receiveBufferBytes,
    });
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Datagrams that one readBatch() reads at most: fewer mean that no more were waiting. */
  get batchSize(): number {
    return EVENT_SLOTS;
  }

  subscribe(wanted: boolean): void {
    if (wanted === this.#subscribed) return;
    this.#subscribed = wanted;
    for (const group of this.#groups) {
      if (wanted) this.#socket.subscribe(group);
      else this.#socket.unsubscribe(group);
    }
  }

  /**
   * Reads one batch of waiting events.
   *
   * @param ignorePortId events that this netlink socket caused are skipped: our own injection
   * @param visitExpectation gets the expectations among them, in their order with the flows
   * @returns how many datagrams were read, or "overrun": the kernel lost events, so only a copy restores the truth
   */
  readBatch(
    visit: FlowVisitor,
    ignorePortId: number,
    visitExpectation?: ExpectationVisitor,
  ): number | "overrun" {
    const count = this.#socket.receiveBatch(this.#batch);
    if (count === -errno.ENOBUFS) {
      this.counters.overruns++;
      return "overrun";
    }
    for (let slot = 0; slot < count; slot++) {
      if (this.#batch.truncated(slot)) {
        this.counters.malformed++;
        continue;
      }
      const start = slot * this.#batch.slotBytes;
      this.#visitMessages(start, start + this.#batch.length(slot), visit, ignorePortId, visitExpectation);
    }
    return count;
  }

  close(): void {
    this.#socket.close();
  }

  #visitMessages(
    start: number,
    end: number,
    visit: FlowVisitor,
    ignorePortId: number,
    visitExpectation: ExpectationVisitor | undefined,
  ): void {
    const view = this.#batch.view;
    let offset = start;
    while (offset + NLMSG_HEADER_BYTES <= end) {
      const length = view.getUint32(offset, true);
      if (length < NLMSG_HEADER_BYTES || offset + length > end) {
        this.counters.malformed++;
        return;
      }
      this.counters.messages++;
      const type = view.getUint16(offset + 4, true);
      if (view.getUint32(offset + 12, true) !== ignorePortId) {
        const from = offset + NLMSG_HEADER_BYTES;
        if (type === IPCTNL_MSG_CT_NEW || type === IPCTNL_MSG_CT_DELETE) {
          const result = parseFlow(view, from, offset + length, this.#fields);
          if (result === flowParse.ok) visit(this.#fields, type === IPCTNL_MSG_CT_DELETE);
          else this.counters.malformed++;
        } else if (visitExpectation !== undefined && isExpectation(type)) {
          const result = parseExpectation(view, from, offset + length, this.#expectation);
          if (result === flowParse.ok) visitExpectation(this.#expectation, type === IPCTNL_MSG_EXP_DELETE);
          else this.counters.malformed++;
        }
      }
      offset += align4(length);
    }
  }
}

function isExpectation(type: number): boolean {
  return type === IPCTNL_MSG_EXP_NEW || type === IPCTNL_MSG_EXP_DELETE;
}

/**
 * Visits all expectations of the kernel in one go; there are never many.
 *
 * @throws KernelError when the kernel refuses
 */
export function visitExpectations(visit: ExpectationVisitor): void {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveBufferBytes: 1 << 20 });
  try {
    const request = new NetlinkWriter(64);
    writeExpectationDump(request, 1);
    const fields = new ExpectationFields();
    for (const { type, payload } of socket.dump(request.written())) {
      if (type !== IPCTNL_MSG_EXP_NEW) continue;
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      if (parseExpectation(view, 0, payload.length, fields) === flowParse.ok) visit(fields, false);
    }
  } finally {
    socket.close();
  }
}

/** Large enough for what the kernel packs into one dump datagram (at most 32 KiB). */
const DUMP_BYTES = 65_536;

/** One pass over the kernel's whole connection table, a part (some flows, at most some hundred) at a time: the caller decides the pace. */
export interface ConntrackTable {
  readonly counters: Readonly<ReaderCounters>;
  /** Reads the next part. @returns "more", "done" (all is closed then), or "failed": begin again */
  step(visit: FlowVisitor): "more" | "done" | "failed";
  /** Ends the pass early. */
  close(): void;
}

/** A pass that the kernel makes by itself, over full and empty buckets alike (`openConntrackTable`). Memory does not grow with the table. */
export class ConntrackDump implements ConntrackTable {
  readonly counters: ReaderCounters = { messages: 0, malformed: 0, overruns: 0 };
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveBufferBytes: 1 << 20 });
  readonly #bytes = new Uint8Array(DUMP_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #fields = new FlowFields();

  constructor() {
    const request = new NetlinkWriter(64);
    writeDump(request, 1);
    this.#socket.send(request.written());
  }

  step(visit: FlowVisitor): "more" | "done" | "failed" {
    const length = this.#socket.receiveInto(this.#bytes);
    if (length <= 0) return this.#end("failed");
    const result = visitFlowMessages(this.#view, length, this.#fields, visit, this.counters);
    if (result === "more") return "more";
    return this.#end(result === "done" ? "done" : "failed");
  }

  close(): void {
    this.#socket.close();
  }

  #end(result: "done" | "failed"): "done" | "failed" {
    this.close();
    return result;
  }
}

/** Visits the flows in one datagram of answers. @returns the error number of a refusal, "failed" for what is no answer */
export function visitFlowMessages(
  view: DataView,
  length: number,
  fields: FlowFields,
  visit: FlowVisitor,
  counters: ReaderCounters,
): "more" | "done" | "failed" | number {
  let offset = 0;
  while (offset + NLMSG_HEADER_BYTES <= length) {
    const messageLength = view.getUint32(offset, true);
    if (messageLength < NLMSG_HEADER_BYTES || offset + messageLength > length) return "failed";
    const type = view.getUint16(offset + 4, true);
    if (type === NLMSG_DONE) return "done";
    if (type === NLMSG_ERROR) {
      const hasNumber = messageLength >= NLMSG_HEADER_BYTES + 4;
      return hasNumber ? -view.getInt32(offset + NLMSG_HEADER_BYTES, true) : "failed";
    }
    counters.messages++;
    const end = offset + messageLength;
    const result = parseFlow(view, offset + NLMSG_HEADER_BYTES, end, fields);
    if (result === flowParse.ok) visit(fields, false);
    else counters.malformed++;
    offset += align4(messageLength);
  }
  return "more";
}
