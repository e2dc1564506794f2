import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { Rule, TableObject } from "./ruleset.ts";

// Which events the kernel reports of which flows, and which helpers watch them. Everything that replication does not
// need is not even built by the kernel.

/** A helper of the document, by the kernel's helpers that make it up, and the ports where flows begin that it watches. */
interface KernelHelper {
  /** The kernel's name. */
  readonly type: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/** Ports by the services' registration (IANA); IRC's is the usual one. */
const kernelHelpers: Readonly<Record<Helper, readonly KernelHelper[]>> = {
  ftp: [{ type: "ftp", protocol: "tcp", port: 21 }],
  tftp: [{ type: "tftp", protocol: "udp", port: 69 }],
  sip: [
    { type: "sip", protocol: "udp", port: 5060 },
    { type: "sip", protocol: "tcp", port: 5060 },
  ],
  pptp: [{ type: "pptp", protocol: "tcp", port: 1723 }],
  irc: [{ type: "irc", protocol: "tcp", port: 6667 }],
  h323: [
    { type: "RAS", protocol: "udp", port: 1719 },
    { type: "Q.931", protocol: "tcp", port: 1720 },
  ],
};

export type Helper = ClusterDocument["nat"]["helpers"][number];

/** IPS_HELPER (uapi nf_conntrack_common.h): a rule gave the flow its helper. nft has no word for it. */
const HELPED = "0x2000";

/** The helpers as objects of the table; a kernel that lacks one refuses all rules. */
export function helperObjects(helpers: readonly Helper[]): TableObject[] {
  return kernelHelpersOf(helpers).map((helper) => ({
    kind: "ct helper",
    name: objectName(helper),
    body: [`type "${helper.type}" protocol ${helper.protocol};`],
  }));
}

/** Gives flows their helpers, before anything is translated: then the kernel makes room for shifted sequence numbers. */
export function helperRules(helpers: readonly Helper[]): Rule[] {
  return kernelHelpersOf(helpers).map((helper) => ({
    match: `ct state new ${helper.protocol} dport ${helper.port}`,
    verdict: `ct helper set "${objectName(helper)}"`,
    comment: `${helper.type} opens further connections`,
  }));
}

function kernelHelpersOf(helpers: readonly Helper[]): KernelHelper[] {
  return helpers.flatMap((helper) => kernelHelpers[helper]);
}

function objectName({ type, protocol }: KernelHelper): string {
  return `${type.toLowerCase().replace(".", "")}-${protocol}`;
}

/** What has no connection to end, or is over before anything could be lost. */
const BRIEF = "meta l4proto { icmp, icmpv6, udp, udplite }";

/**
 * The events of forwarded flows. Copied entries are born with all events on, hence for every packet, not only for the first.
 *
 * An event that is asked for brings along what else happened with that packet: a flow's helper and the state of its
 * protocol need no event of their own.
 */
export function eventRules({ replication }: ClusterDocument, helpers: readonly Helper[]): Rule[] {
  // Quoted, for nft 1.0.6 takes this name for a keyword otherwise.
  const marks = replication.marks ? `,"mark",label` : "";
  const ask = (events: string) => `ct event set ${events}${marks}`;
  const watched: Rule[] = [
    {
      match: "ct status expected",
      verdict: `${ask("related,assured,destroy,seqadj")} accept`,
      comment: "flows that a helper expected, from their first packet on",
    },
    {
      match: `ct status & ${HELPED} != 0`,
      verdict: `${ask("new,assured,destroy,seqadj")} accept`,
      comment: "flows that a helper watches, and where it shifted sequence numbers",
    },
  ];
  const brief: Rule = replication.shortExchanges
    ? {
        match: BRIEF,
        verdict: `${ask("new,reply,assured,destroy")} accept`,
        comment: "single exchanges, as replication.shortExchanges says",
      }
    : {
        match: `ct state new ${BRIEF}`,
        verdict: "counter",
        comment: "begin here; no standby knows of them until they last",
      };
  return [
    ...(helpers.length > 0 ? watched : []),
    brief,
    { match: "", verdict: ask("assured,destroy"), comment: "what replication needs, and no more" },
  ];
}
