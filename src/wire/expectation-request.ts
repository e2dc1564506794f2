import {
  AF_INET,
  AF_INET6,
  CTA_EXPECT_CLASS,
  CTA_EXPECT_FLAGS,
  CTA_EXPECT_FN,
  CTA_EXPECT_HELP_NAME,
  CTA_EXPECT_MASK,
  CTA_EXPECT_MASTER,
  CTA_EXPECT_NAT,
  CTA_EXPECT_NAT_DIR,
  CTA_EXPECT_NAT_TUPLE,
  CTA_EXPECT_TIMEOUT,
  CTA_EXPECT_TUPLE,
  CTA_EXPECT_ZONE,
  IPCTNL_MSG_EXP_DELETE,
  IPCTNL_MSG_EXP_GET,
  IPCTNL_MSG_EXP_NEW,
} from "./conntrack-constants.ts";
import { writeText } from "./conntrack-extras.ts";
import { writeTuple } from "./conntrack-tuple.ts";
import type { ExpectationFields } from "./expectation-fields.ts";
import { isIcmp, TupleFields } from "./flow-fields.ts";
import { type NetlinkWriter, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST } from "./netlink.ts";

const mask = new TupleFields();
const translation = new TupleFields();

/**
 * Writes a request that creates the expectation, or sets the timer of the one that is there. A new one gets its
 * helper's usual timer: write the request twice where the timer matters. ENOENT where the master is not there, EINVAL
 * where it has no helper.
 */
export function writeExpect(writer: NetlinkWriter, fields: ExpectationFields, sequence: number): void {
  const { tuple, master } = fields;
  begin(writer, IPCTNL_MSG_EXP_NEW, NLM_F_REQUEST | NLM_F_CREATE, sequence, fields);
  writeTuple(writer, CTA_EXPECT_MASTER, fields, master, master.protocol);
  writeTuple(writer, CTA_EXPECT_TUPLE, fields, tuple, tuple.protocol);
  writeMask(writer, fields);
  writer.attributeU32(CTA_EXPECT_TIMEOUT, fields.timeoutSeconds);
  writer.attributeU32(CTA_EXPECT_FLAGS, fields.flags);
  writer.attributeU32(CTA_EXPECT_CLASS, fields.class);
  if (fields.hasNat) writeNat(writer, fields);
  if (fields.expectFunction.length > 0) writeText(writer, CTA_EXPECT_FN, fields.expectFunction);
  if (isWatched(fields)) writeText(writer, CTA_EXPECT_HELP_NAME, fields.helper);
  writeZone(writer, fields);
  writer.end();
}

/** Writes a request that deletes the expectation of this tuple; ENOENT where there is none. */
export function writeUnexpect(writer: NetlinkWriter, fields: ExpectationFields, sequence: number): void {
  writeByTuple(writer, IPCTNL_MSG_EXP_DELETE, fields, sequence);
}

/** Writes a request for the expectation of this tuple; ENOENT where there is none. Only those of its zone are looked at. */
export function writeGetExpectation(
  writer: NetlinkWriter,
  fields: ExpectationFields,
  sequence: number,
): void {
  writeByTuple(writer, IPCTNL_MSG_EXP_GET, fields, sequence);
}

/** Writes a request for all expectations, both address families. */
export function writeExpectationDump(writer: NetlinkWriter, sequence: number): void {
  writer.begin(IPCTNL_MSG_EXP_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  writer.raw(0, 0, 0, 0);
  writer.end();
}

function writeByTuple(
  writer: NetlinkWriter,
  type: number,
  fields: ExpectationFields,
  sequence: number,
): void {
  begin(writer, type, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_EXPECT_TUPLE, fields, fields.tuple, fields.tuple.protocol);
  writeZone(writer, fields);
  writer.end();
}

function begin(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  sequence: number,
  { family }: ExpectationFields,
): void {
  writer.begin(type, flags, sequence);
  writer.raw(family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
}

function writeMask(writer: NetlinkWriter, fields: ExpectationFields): void {
  const { protocol } = fields.tuple;
  mask.source.set(fields.maskSource);
  mask.destination.fill(0xff);
  mask.sourcePort = fields.maskSourcePort;
  mask.destinationPort = 0xffff;
  mask.icmpId = fields.maskSourcePort;
  mask.icmpType = 0xff;
  mask.icmpCode = 0xff;
  writeTuple(writer, CTA_EXPECT_MASK, fields, mask, protocol);
}

function writeNat(writer: NetlinkWriter, fields: ExpectationFields): void {
  const at = writer.beginNested(CTA_EXPECT_NAT);
  writer.attributeU32(CTA_EXPECT_NAT_DIR, fields.natDirection);
  translation.source.set(fields.natAddress);
  const { protocol } = fields.master;
  if (isIcmp(protocol)) translation.icmpId = fields.natPort;
  else translation.sourcePort = fields.natPort;
  writeTuple(writer, CTA_EXPECT_NAT_TUPLE, fields, translation, protocol);
  writer.endNested(at);
}

const SIP_SIGNALLING = 0; // linux/netfilter/nf_conntrack_sip.h, `sip_expectation_classes`

/**
 * Whether the expected flow is watched by its master's helper. The kernel reports the master's helper in every
 * expectation, and gives the helper that it is told to the expected flow: for the data of an FTP transfer, which
 * nobody must search for commands, that would be wrong.
 */
function isWatched({ helper, class: kind }: ExpectationFields): boolean {
  return kind === SIP_SIGNALLING && helper.text === "sip";
}

function writeZone(writer: NetlinkWriter, fields: ExpectationFields): void {
  if (fields.zone !== 0) writer.attributeU16(CTA_EXPECT_ZONE, fields.zone);
}
