import { DecodeError } from "../base/decode-error.ts";
import { decodeAttributes, type NetlinkMessage, type NetlinkWriter, NLM_F_REQUEST } from "./netlink.ts";

// The generation of a namespace's nftables rules (uapi linux/netfilter/nf_tables.h): a number that every transaction raises, whoever
// makes it. To see that nobody has changed anything it is enough to see that it is the same.
//
//    0               2               4               6               8
//    +---------------+---------------+---------------+---------------+
//    | family|version|  resource id  | length = 8    | NFTA_GEN_ID=1 |   then the generation, 4 bytes in network byte order,
//    +---------------+---------------+---------------+---------------+   and who asked

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = (NFNL_SUBSYS_NFTABLES << 8) | 15;
const NFT_MSG_GETGEN = (NFNL_SUBSYS_NFTABLES << 8) | 16;
const NFGENMSG_BYTES = 4;
const NFTA_GEN_ID = 1;

export function writeGenerationQuestion(writer: NetlinkWriter): void {
  writer.begin(NFT_MSG_GETGEN, NLM_F_REQUEST, 1);
  writer.raw(0, 0, 0, 0);
  writer.end();
}

/** @returns the generation; undefined for a message about something else */
export function decodeGeneration({ type, payload }: NetlinkMessage): number | DecodeError | undefined {
  if (type !== NFT_MSG_NEWGEN) return undefined;
  if (payload.length < NFGENMSG_BYTES) return new DecodeError("generation-short");
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_BYTES));
  if (attributes instanceof DecodeError) return attributes;
  const id = attributes.get(NFTA_GEN_ID);
  if (id === undefined || id.length !== 4) return new DecodeError("generation-missing");
  return new DataView(id.buffer, id.byteOffset, id.byteLength).getUint32(0, false);
}
