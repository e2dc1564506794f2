import { grouped } from "../../base/number-text.ts";
import { type DoctorCheck, finding, hasOthers } from "./examination.ts";

/** About what the kernel takes for an entry with its extensions (slab nf_conntrack, 320 to 512), and for a bucket. */
const ENTRY_BYTES = 448;
const BUCKET_BYTES = 8;
const MEMORY_SHARE_MAX = 0.5;
/** A table that could be so many times as large for a hundredth of the memory is small. */
const MEMORY_SHARE_EASY = 0.01;
const SMALL_FACTOR = 4;
/** Entries to a bucket when the table is full: each is looked at for each packet. */
const CHAIN_MAX = 8;
const FULL = 0.95;
const NEARLY_FULL = 0.8;

const persist = (max: number) =>
  `sysctl -w net.netfilter.nf_conntrack_max=${max} && echo net.netfilter.nf_conntrack_max=${max} > /etc/sysctl.d/60-tocha-conntrack.conf`;

export const conntrackCheck: DoctorCheck = {
  name: "conntrack",
  good: "the connection table fits its use and the memory",
  find: (node) => {
    const { count, max, buckets } = node.conntrack;
    const memory = node.memoryBytes;
    if (max === 0) return []; // The kernel has no connection table: another check says so.
    const found = [];
    const on = "net.netfilter.nf_conntrack_max";
    if (count >= NEARLY_FULL * max) {
      found.push(
        finding(node, count >= FULL * max ? "error" : "warning", "conntrack-nearly-full", {
          on,
          what: `${grouped(count)} of ${grouped(max)} entries are taken`,
          why: "When it is full, new connections are dropped, and a standby cannot take those of the active.",
          command: persist(2 * max),
        }),
      );
    }
    const bytes = max * ENTRY_BYTES + buckets * BUCKET_BYTES;
    if (memory > 0 && bytes > MEMORY_SHARE_MAX * memory) {
      found.push(
        finding(node, "warning", "conntrack-too-large", {
          on,
          what: `a full table of ${grouped(max)} entries would take about ${mebibytes(bytes)} of ${mebibytes(memory)} of memory`,
          why: "A flood of connections can then take the memory of all programs, this node's as well.",
          command: persist(Math.floor((MEMORY_SHARE_MAX * memory) / (2 * ENTRY_BYTES))),
        }),
      );
    }
    if (memory > 0 && bytes * SMALL_FACTOR < MEMORY_SHARE_EASY * memory) {
      found.push(
        finding(node, "note", "conntrack-small", {
          on,
          what: `the table holds ${grouped(max)} entries, the memory has room for many more`,
          why: "A hundredth of the memory is enough for several times as many.",
          command: persist(SMALL_FACTOR * max),
        }),
      );
    }
    if (buckets > 0 && max > CHAIN_MAX * buckets) {
      found.push(
        finding(node, "warning", "conntrack-slow", {
          on: "net.netfilter.nf_conntrack_buckets",
          what: `there are ${grouped(buckets)} buckets for ${grouped(max)} entries`,
          why: "Each packet is compared with all entries of its bucket: the fuller the table, the slower.",
          command: `echo ${max} > /sys/module/nf_conntrack/parameters/hashsize`,
        }),
      );
    }
    return found;
  },
};

function mebibytes(bytes: number): string {
  return `${grouped(bytes / 2 ** 20)} MiB`;
}

export const conntrackRoomCheck: DoctorCheck = {
  name: "conntrack-room",
  good: "every node has room for the connections of the others",
  isTelling: hasOthers,
  find: (node, { nodes }) => {
    const { max } = node.conntrack;
    const largest = nodes.reduce((best, one) => (one.conntrack.max > best.conntrack.max ? one : best), node);
    if (largest.conntrack.max === max) return [];
    return [
      finding(node, "warning", "conntrack-max-differs", {
        on: "net.netfilter.nf_conntrack_max",
        what: `the table holds ${grouped(max)} entries, that of ${largest.node} ${grouped(largest.conntrack.max)}`,
        why: "As standby it could not take all connections of the other one, and they would be lost at a takeover.",
        command: persist(largest.conntrack.max),
      }),
    ];
  },
};
