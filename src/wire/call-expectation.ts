import { IPPROTO_GRE } from "./conntrack-constants.ts";
import type { ExpectationFields } from "./expectation-fields.ts";
import { type FlowFields, flowExtra } from "./flow-fields.ts";

/** A GRE flow with a translated key: a call of PPTP (RFC 2637), whose key is its call id. */
export function isTranslatedCall({ protocol, original, reply }: FlowFields): boolean {
  if (protocol !== IPPROTO_GRE) return false;
  return reply.destinationPort !== original.sourcePort || reply.sourcePort !== original.destinationPort;
}

/** Long enough for a call to be found by its next packet, whenever its gateway goes. */
const CALL_SECONDS = 86_400;

/**
 * Fills in what another kernel must expect for the call to go on there. It cannot be given the flow itself: over ctnetlink it does
 * not translate keys, and it knows a packet's second key only from a table that its helper alone fills. But what is
 * expected of a control connection is translated, keys included, when its first packet comes; packets the other way are
 * translated by the rules, and have no key that would change.
 *
 * @param call a flow for which isTranslatedCall() holds
 * @returns false where an event does not tell the flow's master: then it says what is expected, but not of whom
 */
export function expectCall(call: FlowFields, expectation: ExpectationFields): boolean {
  const { original, reply } = call;
  // Packets from outside: the replies of a call that was made from inside, or the flow's own.
  const fromInside = reply.destinationPort !== original.sourcePort;
  const [outer, inside, insideKey] = fromInside
    ? [reply, original.source, original.sourcePort]
    : [original, reply.source, reply.sourcePort];
  expectation.clear();
  expectation.family = call.family;
  expectation.tuple.protocol = IPPROTO_GRE;
  expectation.tuple.source.set(outer.source);
  expectation.tuple.destination.set(outer.destination);
  // Without the helper's table the first key reads as zero.
  expectation.tuple.sourcePort = 0;
  expectation.tuple.destinationPort = outer.destinationPort;
  expectation.maskSource.fill(0xff);
  expectation.maskSourcePort = 0xffff;
  expectation.master.source.set(call.master.source);
  expectation.master.destination.set(call.master.destination);
  expectation.master.protocol = call.master.protocol;
  expectation.master.sourcePort = call.master.sourcePort;
  expectation.master.destinationPort = call.master.destinationPort;
  expectation.zone = call.zone;
  expectation.timeoutSeconds = CALL_SECONDS;
  expectation.hasNat = true;
  expectation.natDirection = 1; // IP_CT_DIR_REPLY: against the control connection, which goes out.
  expectation.natAddress.set(inside);
  expectation.natPort = insideKey;
  expectation.helper.setText("pptp");
  expectation.expectFunction.setText("nat-follow-master");
  return call.has(flowExtra.master);
}
