import { validIp } from "../../base/ip.ts";
import { IPPROTO_TCP } from "../../wire/conntrack-constants.ts";
import { FlowFields } from "../../wire/flow-fields.ts";

/** Seen in both directions, assured, confirmed. */
const STATUS_ASSURED = 0x0e;

/** A flow as the kernel would tell of it: an established TCP connection, where nothing else is said. */
export function testFlow({
  protocol = IPPROTO_TCP,
  source = "10.1.0.7",
  sourcePort = 40_000,
  destination = "203.0.113.9",
  destinationPort = 443,
  as,
  asPort = sourcePort,
  to,
  toPort = destinationPort,
  status = STATUS_ASSURED,
  tcpState = 3,
  timeoutSeconds = 300,
  mark = 0,
  zone = 0,
}: {
  readonly protocol?: number;
  readonly source?: string;
  readonly sourcePort?: number;
  readonly destination?: string;
  readonly destinationPort?: number;
  /** What the source is translated to. */
  readonly as?: string;
  readonly asPort?: number;
  /** What the destination is translated to. */
  readonly to?: string;
  readonly toPort?: number;
  readonly status?: number;
  readonly tcpState?: number;
  readonly timeoutSeconds?: number;
  readonly mark?: number;
  readonly zone?: number;
} = {}): FlowFields {
  const fields = new FlowFields();
  fields.family = source.includes(":") ? 6 : 4;
  fields.protocol = protocol;
  const { original, reply } = fields;
  original.source.set(validIp(source));
  original.destination.set(validIp(destination));
  if (fields.isIcmp) {
    original.icmpId = 77;
    original.icmpType = fields.family === 4 ? 8 : 128;
  } else {
    original.sourcePort = sourcePort;
    original.destinationPort = destinationPort;
  }
  fields.invertOriginal();
  if (as !== undefined) {
    reply.destination.set(validIp(as));
    if (!fields.isIcmp) reply.destinationPort = asPort;
  }
  if (to !== undefined) {
    reply.source.set(validIp(to));
    reply.sourcePort = toPort;
  }
  fields.status = status;
  fields.tcpState = protocol === IPPROTO_TCP ? tcpState : 0;
  fields.timeoutSeconds = timeoutSeconds;
  fields.mark = mark;
  fields.zone = zone;
  return fields;
}
