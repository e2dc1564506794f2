import { readBlockFile, type SourceFile, type Statement } from "./block-file.ts";
import { conntrackdLines } from "./block-lines.ts";
import { plainAddress } from "./config-values.ts";
import type { Remarks } from "./remark.ts";

/** A dedicated link, by which conntrackd speaks to the other node. */
export interface SyncLink {
  readonly at: Statement;
  readonly device: string | undefined;
  /** The node's own address there. */
  readonly address: string | undefined;
  readonly isDefault: boolean;
}

/** What one conntrackd is told. */
export interface ConntrackdFacts {
  readonly links: readonly SyncLink[];
  /** Protocols of `nat.helpers` whose expectations are mirrored. */
  readonly helpers: readonly string[];
}

/** conntrackd's names of helpers, and the document's. */
const helperNames: Readonly<Record<string, string>> = {
  ftp: "ftp",
  tftp: "tftp",
  sip: "sip",
  pptp: "pptp",
  irc: "irc",
  ras: "h323",
  "q.931": "h323",
  "h.245": "h323",
};

/** Reads what conntrackd is told. Total: what is not understood becomes a remark. */
export function readConntrackd(source: SourceFile, remarks: Remarks): ConntrackdFacts {
  const links: SyncLink[] = [];
  const helpers = new Set<string>();
  for (const section of readBlockFile(source, { syntax: conntrackdLines, remarks })) {
    if (/^sync$/i.test(section.name)) readSync(section, { links, helpers, remarks });
    else if (/^general$/i.test(section.name)) readGeneral(section, remarks);
    else if (/^helper$/i.test(section.name))
      remarks.lost(
        section,
        "helpers in user space are not tocha's",
        "nat.helpers has those of the kernel: ftp, tftp, sip, pptp, irc, h323.",
      );
    else if (/^stats$/i.test(section.name))
      remarks.lost(
        section,
        "tocha keeps no log of connections",
        "Tocha's metrics and tocha connections show them.",
      );
    else remarks.lost(section, "tocha import does not know this section");
  }
  return { links, helpers: [...helpers].sort() };
}

interface Sync {
  readonly links: SyncLink[];
  readonly helpers: Set<string>;
  readonly remarks: Remarks;
}

function readSync(section: Statement, { links, helpers, remarks }: Sync): void {
  for (const one of section.block ?? []) {
    const name = one.name.toLowerCase();
    if (name === "multicast" || name === "udp" || name === "tcp") links.push(readLink(one, remarks));
    else if (name === "mode")
      remarks.needless(one, "tocha mirrors the connections in its own way, into the standby's kernel");
    else if (name === "options") for (const option of one.block ?? []) readOption(option, helpers, remarks);
    else remarks.lost(one, "tocha import does not know this");
  }
}

function readLink(statement: Statement, remarks: Remarks): SyncLink {
  let device: string | undefined;
  let address: string | undefined;
  // In a Multicast block IPv4_address is the group; the node's own address is IPv4_interface.
  const isMulticast = /^multicast$/i.test(statement.name);
  for (const one of statement.block ?? []) {
    const name = one.name.toLowerCase();
    const [value = ""] = one.values;
    const isOwn = isMulticast
      ? name === "ipv4_interface"
      : name === "ipv4_address" || name === "ipv6_address";
    if (name === "interface") device = value;
    else if (isOwn) address = plainAddress(value);
    else if (/^(group|port|ipv[46]_(destination_)?address)$/.test(name))
      remarks.needless(
        one,
        "tocha's streams go from node to node over TLS, to its own ports (replication.port)",
      );
    else if (/^(sndsocketbuffer|rcvsocketbuffer|checksum|ipv6_interface)$/.test(name))
      remarks.needless(one, "TCP sees to that");
    else remarks.lost(one, "tocha import does not know this");
  }
  return {
    at: statement,
    device,
    address,
    isDefault: statement.values.some((value) => /^default$/i.test(value)),
  };
}

function readOption(statement: Statement, helpers: Set<string>, remarks: Remarks): void {
  const name = statement.name.toLowerCase();
  if (name === "expectationsync") {
    if (statement.block === undefined) {
      remarks.lost(
        statement,
        "the document names the helpers one by one",
        "Add those that you use to nat.helpers: ftp, tftp, sip, pptp, irc, h323.",
      );
    }
    for (const one of statement.block ?? []) {
      const helper = Object.hasOwn(helperNames, one.name.toLowerCase())
        ? helperNames[one.name.toLowerCase()]
        : undefined;
      if (helper === undefined) remarks.lost(one, `tocha has no helper "${one.name.slice(0, 40)}"`);
      else helpers.add(helper);
    }
  } else if (name === "tcpwindowtracking") {
    remarks.needless(statement, "connections that are taken over are not judged by their windows");
  } else {
    remarks.lost(statement, "tocha import does not know this");
  }
}

function readGeneral(section: Statement, remarks: Remarks): void {
  for (const one of section.block ?? []) {
    if (/^filter$/i.test(one.name)) {
      remarks.lost(
        one,
        "tocha mirrors every established connection that it forwards, and none of its own",
        "Nothing has to be done, unless a kind of connections was left out on purpose.",
      );
    } else {
      remarks.needless(one, "tocha's replicator sizes and watches this by itself");
    }
  }
}
