import { type NetlinkWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST } from "./netlink.ts";

// The few nftables messages that our own process must send itself, because the kernel ties the table to the socket that
// made it (uapi linux/netfilter/nf_tables.h and nfnetlink.h). All other rules are loaded by nft as text.

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 0;
const NFT_MSG_NEWCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 3;
const NFT_MSG_NEWRULE = (NFNL_SUBSYS_NFTABLES << 8) | 6;
const NLM_F_APPEND = 0x800;

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
/** The table goes when the socket that made it closes. */
const NFT_TABLE_F_OWNER = 0x2;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFT_REG_1 = 1;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_META_SREG = 3;
const NFT_META_MARK = 3;
const NFT_META_L4PROTO = 16;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFT_CMP_EQ = 0;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;

const NFPROTO_ARP = 3;
const NFPROTO_IPV6 = 10;
const NF_ARP_IN = 0;
const NF_INET_LOCAL_IN = 1;
const IPPROTO_ICMPV6 = 58;
const ND_NEIGHBOR_SOLICIT = 135;

const CHAIN = "input";

interface OwnedTable {
  readonly family: number;
  readonly hook: number;
  /** Which packets are marked; all others pass unchanged. */
  readonly match: (writer: NetlinkWriter) => void;
}

const ownedTables: readonly OwnedTable[] = [
  { family: NFPROTO_ARP, hook: NF_ARP_IN, match: () => {} },
  { family: NFPROTO_IPV6, hook: NF_INET_LOCAL_IN, match: writeNeighborSolicitationMatch },
];

export interface LivenessTableOptions {
  readonly table: string;
  /** Set on ARP and neighbour solicitations that arrive for this host. */
  readonly mark: number;
  /** Lower runs earlier; the rules that look at the mark must run later. */
  readonly priority: number;
}

/**
 * Writes one transaction that makes two tables which live as long as the sending socket: every ARP packet and neighbour
 * solicitation for this host gets a mark. When the process dies, by whatever cause, the kernel removes the tables, and
 * rules elsewhere that want the mark see it no more.
 */
export function writeLivenessTables(writer: NetlinkWriter, options: LivenessTableOptions): void {
  writeBatchEdge(writer, NFNL_MSG_BATCH_BEGIN);
  for (const { family, hook, match } of ownedTables) {
    begin(writer, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
    writeName(writer, NFTA_TABLE_NAME, options.table);
    writer.attributeU32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    writer.end();

    begin(writer, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
    writeName(writer, NFTA_CHAIN_TABLE, options.table);
    writeName(writer, NFTA_CHAIN_NAME, CHAIN);
    const hookAt = writer.beginNested(NFTA_CHAIN_HOOK);
    writer.attributeU32(NFTA_HOOK_HOOKNUM, hook);
    writer.attributeU32(NFTA_HOOK_PRIORITY, options.priority >>> 0);
    writer.endNested(hookAt);
    writeName(writer, NFTA_CHAIN_TYPE, "filter");
    writer.end();

    begin(writer, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
    writeName(writer, NFTA_RULE_TABLE, options.table);
    writeName(writer, NFTA_RULE_CHAIN, CHAIN);
    const expressions = writer.beginNested(NFTA_RULE_EXPRESSIONS);
    match(writer);
    writeSetMark(writer, options.mark);
    writer.endNested(expressions);
    writer.end();
  }
  writeBatchEdge(writer, NFNL_MSG_BATCH_END);
}

function writeBatchEdge(writer: NetlinkWriter, type: number): void {
  writer.begin(type, NLM_F_REQUEST, 0);
  // struct nfgenmsg; the resource id names the subsystem of the batch, in network byte order.
  writer.raw(0, 0, 0, NFNL_SUBSYS_NFTABLES);
  writer.end();
}

function begin(writer: NetlinkWriter, type: number, flags: number, family: number): void {
  writer.begin(type, NLM_F_REQUEST | NLM_F_ACK | flags, 1);
  writer.raw(family, 0, 0, 0);
}

function writeName(writer: NetlinkWriter, type: number, name: string): void {
  writer.attributeBytes(type, new TextEncoder().encode(`${name}\0`));
}

function writeExpression(writer: NetlinkWriter, name: string, writeData: () => void): void {
  const element = writer.beginNested(NFTA_LIST_ELEM);
  writeName(writer, NFTA_EXPR_NAME, name);
  const data = writer.beginNested(NFTA_EXPR_DATA);
  writeData();
  writer.endNested(data);
  writer.endNested(element);
}

function writeValue(writer: NetlinkWriter, type: number, value: Uint8Array): void {
  const at = writer.beginNested(type);
  writer.attributeBytes(NFTA_DATA_VALUE, value);
  writer.endNested(at);
}

function writeEqual(writer: NetlinkWriter, value: Uint8Array): void {
  writeExpression(writer, "cmp", () => {
    writer.attributeU32(NFTA_CMP_SREG, NFT_REG_1);
    writer.attributeU32(NFTA_CMP_OP, NFT_CMP_EQ);
    writeValue(writer, NFTA_CMP_DATA, value);
  });
}

function writeNeighborSolicitationMatch(writer: NetlinkWriter): void {
  writeExpression(writer, "meta", () => {
    writer.attributeU32(NFTA_META_KEY, NFT_META_L4PROTO);
    writer.attributeU32(NFTA_META_DREG, NFT_REG_1);
  });
  writeEqual(writer, Uint8Array.of(IPPROTO_ICMPV6));
  writeExpression(writer, "payload", () => {
    writer.attributeU32(NFTA_PAYLOAD_DREG, NFT_REG_1);
    writer.attributeU32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    writer.attributeU32(NFTA_PAYLOAD_OFFSET, 0);
    writer.attributeU32(NFTA_PAYLOAD_LEN, 1);
  });
  writeEqual(writer, Uint8Array.of(ND_NEIGHBOR_SOLICIT));
}

function writeSetMark(writer: NetlinkWriter, mark: number): void {
  writeExpression(writer, "immediate", () => {
    writer.attributeU32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    // A mark is a number in the host's byte order.
    const value = new DataView(new ArrayBuffer(4));
    value.setUint32(0, mark, true);
    writeValue(writer, NFTA_IMMEDIATE_DATA, new Uint8Array(value.buffer));
  });
  writeExpression(writer, "meta", () => {
    writer.attributeU32(NFTA_META_KEY, NFT_META_MARK);
    writer.attributeU32(NFTA_META_SREG, NFT_REG_1);
  });
}
