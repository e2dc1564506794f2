import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { release } from "node:os";
import { parseFlowLine } from "../wire/conntrack-line.ts";
import { FLOW_MESSAGE_BYTES_MAX, writeGet } from "../wire/conntrack-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { NetlinkWriter } from "../wire/netlink.ts";
import {
  ConntrackDump,
  type ConntrackTable,
  type FlowVisitor,
  visitFlowMessages,
} from "./conntrack-reader.ts";
import { errno } from "./libc.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

const LISTING = "/proc/net/nf_conntrack";
const SYSCTLS = "/proc/sys/net/netfilter";
/** Fewer flows than this part of the buckets, and a dump goes through empty ones for more than a millisecond, for each datagram. */
const SPARSE_PART = 128;
/**
 * Before, the kernel began anew with each page, and counted: a flow that ended meanwhile made it leave out another one (patches "speed up
 * reads from nf_conntrack proc file" of April 2025, "do not skip entries in /proc/net/nf_conntrack" of September 2025).
 */
const GOES_ON_SINCE = [6, 18] as const;
/** The kernel gives a page at a time, whole lines. */
const PAGE_BYTES = 65_536;
/** A table that fills so quickly is not sparse any more. */
const LISTED_BYTES_MAX = 16 << 20;
/** Flows of one part. */
const QUESTIONS_MAX = 64;
/** Of fewer than these nothing follows when most are gone. */
const JUDGED_MIN = 64;

/**
 * Begins a pass over the kernel's whole connection table, in the way that disturbs others least.
 *
 * A dump holds a processor, packets included, for as long as it finds nothing to tell (ctnetlink_dump_table: a lock for each bucket, softirqs
 * off): 9 ms for the 262,144 buckets that are the default of large machines, 35 ms for a million, where the table is nearly
 * empty. Listing the flows as text passes empty buckets sixty times as fast, and holds up nobody.
 */
export function openConntrackTable(): ConntrackTable {
  return (isSparse() ? ConntrackListing.open() : undefined) ?? new ConntrackDump();
}

function isSparse(): boolean {
  if (!goesOn(release())) return false;
  try {
    return sysctl("nf_conntrack_count") * SPARSE_PART < sysctl("nf_conntrack_buckets");
  } catch {
    return false; // Connection tracking is not there (yet): the dump will tell.
  }
}

function goesOn(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  return major > GOES_ON_SINCE[0] || (major === GOES_ON_SINCE[0] && minor >= GOES_ON_SINCE[1]);
}

function sysctl(name: string): number {
  return Number(readFileSync(`${SYSCTLS}/${name}`, "latin1"));
}

/**
 * A pass over a table with few flows: lists them, and asks for some at a time. As `ConntrackDump` otherwise.
 *
 * A flow that it leaves out counts as ended for whoever compares two tables, so it must leave out none that is there. All is listed in one go:
 * the kernel goes on in the bucket where it was, but counts within that one.
 */
export class ConntrackListing implements ConntrackTable {
  /** A kernel that writes or answers otherwise: only dumps from then on. */
  static #isUnderstood = true;
  readonly counters = { messages: 0, malformed: 0, overruns: 0 };
  readonly #socket: NetlinkSocket;
  readonly #buckets: number;
  readonly #lines: readonly string[];
  #next = 0;
  #ended = 0;
  #isOpen = true;
  readonly #questions = new NetlinkWriter(QUESTIONS_MAX * FLOW_MESSAGE_BYTES_MAX);
  readonly #asked = new FlowFields();
  readonly #answers = new Uint8Array(PAGE_BYTES);
  readonly #view = new DataView(this.#answers.buffer);
  readonly #answer = new FlowFields();

  private constructor(lines: readonly string[], buckets: number) {
    this.#lines = lines;
    this.#buckets = buckets;
    this.#socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveBufferBytes: 1 << 20 });
  }

  /** @returns undefined where the kernel has no such list (CONFIG_NF_CONNTRACK_PROCFS), this process may not read it, or it is too long */
  static open(): ConntrackListing | undefined {
    if (!ConntrackListing.#isUnderstood) return undefined;
    try {
      const buckets = sysctl("nf_conntrack_buckets");
      const text = readListing();
      return text === undefined ? undefined : new ConntrackListing(text.split("\n"), buckets);
    } catch {
      return undefined;
    }
  }

  step(visit: FlowVisitor): "more" | "done" | "failed" {
    // Behind the last line there is nothing.
    const end = Math.min(this.#next + QUESTIONS_MAX, this.#lines.length - 1);
    const count = end - this.#next;
    for (; this.#next < end; this.#next++) {
      if (!parseFlowLine(this.#lines[this.#next] ?? "", this.#asked)) return this.#misunderstood();
      writeGet(this.#questions, this.#asked, 1);
    }
    if (count > 0 && !this.#ask(count, visit)) return this.#end("failed");
    if (!this.#isOpen) return "failed";
    if (this.#next < this.#lines.length - 1) return "more";
    // Hardly any flow ends between two questions: if most did, it was not they that were asked for.
    if (this.#ended > JUDGED_MIN && this.#ended > this.#lines.length / 2) return this.#misunderstood();
    // Whoever changes the size of the hash table moves the flows to other buckets meanwhile.
    return this.#end(sysctl("nf_conntrack_buckets") === this.#buckets ? "done" : "failed");
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  /** @returns false when not all was answered, or something else than that a flow has ended since (ENOENT) */
  #ask(count: number, visit: FlowVisitor): boolean {
    const before = this.counters.messages + this.#ended;
    this.#socket.send(this.#questions.written());
    this.#questions.reset();
    while (this.#isOpen) {
      // The kernel has answered everything before send() returned.
      const length = this.#socket.receiveInto(this.#answers);
      if (length === 0) return this.counters.messages + this.#ended - before === count;
      if (length < 0) return false;
      const result = visitFlowMessages(this.#view, length, this.#answer, visit, this.counters);
      if (result === errno.ENOENT) this.#ended++;
      else if (result !== "more") return false;
    }
    return false;
  }

  #misunderstood(): "failed" {
    ConntrackListing.#isUnderstood = false;
    return this.#end("failed");
  }

  #end<Result extends "done" | "failed">(result: Result): Result {
    this.close();
    return result;
  }
}

/** @returns undefined when it is too long */
function readListing(): string | undefined {
  const page = Buffer.alloc(PAGE_BYTES);
  const list = openSync(LISTING, "r");
  try {
    let text = "";
    while (text.length < LISTED_BYTES_MAX) {
      const length = readSync(list, page);
      if (length === 0) return text;
      text += page.toString("latin1", 0, length);
    }
    return undefined;
  } finally {
    closeSync(list);
  }
}
