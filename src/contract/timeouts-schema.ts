import * as z from "zod";
import { formatDurationMs } from "../base/duration.ts";
import { optionalDuration } from "./document-scalars.ts";

/** A timeout of the kernel's connection table. */
export interface KernelTimeout {
  /** Below net.netfilter.nf_conntrack_. */
  readonly sysctl: string;
  /** What tocha sets where the document does not say it; undefined: the kernel's own stays. */
  readonly defaultSeconds: number | undefined;
  readonly what: string;
  /** The least that an RFC on the behaviour of NATs allows. */
  readonly least?: { readonly seconds: number; readonly rfc: string };
  /** Why tocha sets its default. */
  readonly why?: string;
}

const rfc5382 = { seconds: 240, rfc: "RFC 5382 REQ-5 asks for 4 minutes" } as const;
const tcpWhy =
  "RFC 5382 REQ-5: a TCP connection that opens or closes keeps its mapping for 4 minutes or longer.";

function opening(sysctl: string, what: string): KernelTimeout {
  return { sysctl, defaultSeconds: 240, what, least: rfc5382, why: tcpWhy };
}

/** By their names in the document. Linux's defaults are shorter than what the RFCs on NAT behaviour ask for. */
export const kernelTimeouts = {
  udp: {
    sysctl: "udp_timeout",
    defaultSeconds: 120,
    what: "UDP that was not answered",
    least: { seconds: 120, rfc: "RFC 4787 REQ-5 asks for 2 minutes" },
    why: "RFC 4787 REQ-5: a UDP mapping lives 2 minutes or longer.",
  },
  udpStream: {
    sysctl: "udp_timeout_stream",
    defaultSeconds: 300,
    what: "UDP with traffic both ways",
    least: { seconds: 120, rfc: "RFC 4787 REQ-5 asks for 2 minutes, better 5" },
    why: "RFC 4787 REQ-5 recommends 5 minutes.",
  },
  icmp: {
    sysctl: "icmp_timeout",
    defaultSeconds: 60,
    what: "ICMP queries",
    least: { seconds: 60, rfc: "RFC 5508 REQ-2 asks for 60 seconds" },
    why: "RFC 5508 REQ-2: an ICMP query mapping lives 60 seconds or longer.",
  },
  icmpv6: {
    sysctl: "icmpv6_timeout",
    defaultSeconds: 60,
    what: "ICMPv6 queries",
    least: { seconds: 60, rfc: "RFC 5508 REQ-2 asks for 60 seconds" },
    why: "The same for ICMPv6.",
  },
  tcpSynSent: opening("tcp_timeout_syn_sent", "TCP that was not answered"),
  tcpSynRecv: opening("tcp_timeout_syn_recv", "TCP that was answered, and not yet established"),
  tcpFinWait: opening("tcp_timeout_fin_wait", "TCP that one side has closed"),
  tcpCloseWait: opening("tcp_timeout_close_wait", "TCP whose other side has yet to close"),
  tcpLastAck: opening("tcp_timeout_last_ack", "TCP that waits for its last word"),
  tcpTimeWait: opening("tcp_timeout_time_wait", "TCP that both sides have closed"),
  tcpEstablished: {
    sysctl: "tcp_timeout_established",
    defaultSeconds: undefined,
    what: "established TCP without a packet",
    least: { seconds: 7_440, rfc: "RFC 5382 REQ-5 asks for 2 hours and 4 minutes" },
  },
  tcpUnacknowledged: {
    sysctl: "tcp_timeout_unacknowledged",
    defaultSeconds: undefined,
    what: "TCP with data that nobody acknowledges",
  },
  gre: { sysctl: "gre_timeout", defaultSeconds: undefined, what: "GRE in one direction" },
  greStream: { sysctl: "gre_timeout_stream", defaultSeconds: undefined, what: "GRE both ways" },
  generic: { sysctl: "generic_timeout", defaultSeconds: undefined, what: "every other protocol" },
} as const satisfies Record<string, KernelTimeout>;

export type TimeoutName = keyof typeof kernelTimeouts;
export const timeoutNames = Object.keys(kernelTimeouts) as readonly TimeoutName[];

const wholeSeconds = { ms: 1_000, why: "The kernel counts in whole seconds" } as const;
/** Thirty days: longer than any connection is silent on purpose. */
const MOST_MS = 720 * 3_600_000;

function timeout(name: TimeoutName) {
  const { what, defaultSeconds }: KernelTimeout = kernelTimeouts[name];
  const byDefault = defaultSeconds === undefined ? "the kernel's" : formatDurationMs(defaultSeconds * 1_000);
  return optionalDuration({
    minMs: 1_000,
    maxMs: MOST_MS,
    step: wholeSeconds,
    default: defaultSeconds === undefined ? "10m" : formatDurationMs(defaultSeconds * 1_000),
    description: `${what.charAt(0).toUpperCase()}${what.slice(1)}. Default ${byDefault}.`,
  });
}

export const timeouts = z
  .strictObject(
    Object.fromEntries(timeoutNames.map((name) => [name, timeout(name)])) as Record<
      TimeoutName,
      ReturnType<typeof timeout>
    >,
  )
  .prefault({})
  .meta({ description: "How long the kernel remembers connections without a packet." });
