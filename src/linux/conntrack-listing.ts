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
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

const LISTING = "/proc/net/nf_conntrack";
const SYSCTLS = "/proc/sys/net/netfilter";
/** Fewer flows than this part of the buckets, and a dump goes through so many empty ones for each datagram that it takes a millisecond. */
const SPARSE_PART = 64;
/**
 * The kernel goes on where it was (tried with 6.18, while other flows came and went). Old ones began anew with each page, and counted:
 * a flow that ended meanwhile made them leave out another one. In between nothing is known, so these are taken for old.
 */
const RESUMES_SINCE = [6, 18] as const;
/** The kernel gives a page at a time; a line is never cut. */
const PAGE_BYTES = 65_536;
/** A page has some 25 lines. */
const QUESTIONS_BYTES = 64 * FLOW_MESSAGE_BYTES_MAX;

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
  if (!resumes(release())) return false;
  try {
    return sysctl("nf_conntrack_count") * SPARSE_PART < sysctl("nf_conntrack_buckets");
  } catch {
    return false; // Connection tracking is not there (yet): the dump will tell.
  }
}

function resumes(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  return major > RESUMES_SINCE[0] || (major === RESUMES_SINCE[0] && minor >= RESUMES_SINCE[1]);
}

function sysctl(name: string): number {
  return Number(readFileSync(`${SYSCTLS}/${name}`, "latin1"));
}

/** A pass over a table with few flows: lists them page by page, and asks for those of a page. As `ConntrackDump` otherwise. */
export class ConntrackListing implements ConntrackTable {
  /** A kernel that writes other lines: only dumps from now on, for a flow that is left out would count as ended. */
  static #isUnderstood = true;
  readonly counters = { messages: 0, malformed: 0, overruns: 0 };
  readonly #list: number;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveBufferBytes: 1 << 20 });
  readonly #questions = new NetlinkWriter(QUESTIONS_BYTES);
  readonly #asked = new FlowFields();
  readonly #answers = new Uint8Array(PAGE_BYTES);
  readonly #view = new DataView(this.#answers.buffer);
  readonly #answer = new FlowFields();

  private constructor(list: number) {
    this.#list = list;
  }

  /** @returns undefined where the kernel has no such list (CONFIG_NF_CONNTRACK_PROCFS), or this process may not read it */
  static open(): ConntrackListing | undefined {
    if (!ConntrackListing.#isUnderstood) return undefined;
    let list: number;
    try {
      list = openSync(LISTING, "r");
    } catch {
      return undefined;
    }
    return new ConntrackListing(list);
  }

  step(visit: FlowVisitor): "more" | "done" | "failed" {
    const length = readSync(this.#list, this.#page);
    if (length === 0) return this.#end("done");
    const lines = this.#page.toString("latin1", 0, length).split("\n");
    if (lines.pop() !== "") return this.#end("failed");
    for (const line of lines) {
      if (!parseFlowLine(line, this.#asked)) {
        ConntrackListing.#isUnderstood = false;
        return this.#end("failed");
      }
      if (this.#questions.room < FLOW_MESSAGE_BYTES_MAX && !this.#ask(visit)) return this.#end("failed");
      writeGet(this.#questions, this.#asked, 1);
    }
    return this.#ask(visit) ? "more" : this.#end("failed");
  }

  close(): void {
    closeSync(this.#list);
    this.#socket.close();
  }

  /** Flows that have ended since they were listed are refused (ENOENT). @returns false when answers were lost */
  #ask(visit: FlowVisitor): boolean {
    if (this.#questions.offset === 0) return true;
    this.#socket.send(this.#questions.written());
    this.#questions.reset();
    for (;;) {
      // The kernel has answered everything before send() returned.
      const length = this.#socket.receiveInto(this.#answers);
      if (length === 0) return true;
      if (length < 0) return false;
      if (visitFlowMessages(this.#view, length, this.#answer, visit, this.counters) === "failed")
        return false;
    }
  }

  #end(result: "done" | "failed"): "done" | "failed" {
    this.close();
    return result;
  }
}
