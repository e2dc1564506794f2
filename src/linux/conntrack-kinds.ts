import {
  IPCTNL_MSG_CT_NEW,
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
} from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import { writeCreate, writeDelete, writeGet } from "../wire/conntrack-request.ts";
import { ExpectationFields } from "../wire/expectation-fields.ts";
import { writeExpect } from "../wire/expectation-request.ts";
import { FlowFields, flowExtra, zoneDirection } from "../wire/flow-fields.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** What flows can have, beside TCP, UDP and ICMP. Names for people, and for a status. */
export const flowKinds = [
  ...["IPv6", "SCTP", "DCCP", "UDPLITE", "GRE", "marks", "zones", "zones of one direction"],
  ...["sequence adjustment", "synproxy", "expectations"],
  ...["helper ftp", "helper tftp", "helper sip", "helper pptp", "helper irc", "helper h323"],
] as const;
export type FlowKind = (typeof flowKinds)[number];

/** Seconds: should this process die in the middle, nothing of it stays. */
const LIFE_SECONDS = 2;

/**
 * Finds out which kinds of flows this kernel takes: each is created over ctnetlink, read back, compared and deleted.
 * Modules of the kernel that can be loaded on demand are loaded by this.
 *
 * The flows are between addresses that no packet has. Whoever listens to the namespace's events hears of them, so call it
 * before. Needs CAP_NET_ADMIN.
 *
 * @returns the kinds that it does not take, in the order of `wanted`
 * @throws KernelError when conntrack itself is missing
 */
export function missingFlowKinds(wanted: readonly FlowKind[] = flowKinds): FlowKind[] {
  const probe = new KindProbe();
  try {
    return wanted.filter((kind) => !tests[kind](probe));
  } finally {
    probe.close();
  }
}

class KindProbe {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  readonly #writer = new NetlinkWriter(4_096);

  /** Whether the kernel, having been given this flow, tells of the same one. */
  keeps(
    change: (flow: FlowFields) => void,
    isKept: (found: FlowFields, given: FlowFields) => boolean,
  ): boolean {
    const flow = probeFlow();
    change(flow);
    flow.invertOriginal();
    const found = this.#exchange(flow);
    if (found === undefined) return false;
    return found.sameTuples(flow) && isKept(found, flow);
  }

  hasHelper(name: string, protocol: number): boolean {
    const addHelper = (flow: FlowFields) => {
      flow.protocol = protocol;
      flow.tcpState = protocol === IPPROTO_TCP ? 3 : 0;
      flow.helper.setText(name);
      flow.extras |= flowExtra.helper;
    };
    return this.keeps(addHelper, (found) => found.has(flowExtra.helper) && found.helper.text === name);
  }

  /** Whether a flow with a helper may expect another one. */
  expects(): boolean {
    const master = probeFlow();
    master.helper.setText("ftp");
    master.extras |= flowExtra.helper;
    const expectation = new ExpectationFields();
    for (const tuple of [expectation.tuple, expectation.master]) {
      tuple.protocol = IPPROTO_TCP;
      tuple.source.set(master.original.source);
      tuple.destination.set(master.original.destination);
    }
    Object.assign(expectation.master, { sourcePort: 1, destinationPort: 2 });
    expectation.tuple.destinationPort = 3;
    expectation.maskSource.fill(0xff);
    expectation.timeoutSeconds = LIFE_SECONDS;
    let isTaken = false;
    this.#exchange(master, () => {
      const refusals = this.#send((writer) => writeExpect(writer, expectation, 1));
      isTaken = refusals.length === 0;
    });
    return isTaken;
  }

  close(): void {
    this.#socket.close();
  }

  /** Creates the flow, reads it back, and takes it away with everything that hangs on it. */
  #exchange(flow: FlowFields, meanwhile?: () => void): FlowFields | undefined {
    if (this.#send((writer) => writeCreate(writer, flow, 1)).length > 0) return undefined;
    let found: FlowFields | undefined;
    this.#send(
      (writer) => writeGet(writer, flow, 1),
      (type, payload) => {
        const fields = new FlowFields();
        const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
        if (type !== IPCTNL_MSG_CT_NEW) return;
        if (parseFlow(view, 0, payload.byteLength, fields) === flowParse.ok) found = fields;
      },
    );
    meanwhile?.();
    this.#send((writer) => writeDelete(writer, flow, 1));
    return found;
  }

  #send(write: (writer: NetlinkWriter) => void, onAnswer?: (type: number, payload: Uint8Array) => void) {
    this.#writer.reset();
    write(this.#writer);
    this.#writer.addFlagsToLast(NLM_F_ACK);
    return this.#socket.transact(this.#writer.written(), ({ type, payload }) => onAnswer?.(type, payload));
  }
}

/** Reserved addresses (RFC 1112 section 4: class E), between which no packet passes. */
function probeFlow(): FlowFields {
  const flow = new FlowFields();
  flow.protocol = IPPROTO_TCP;
  flow.tcpState = 3;
  flow.status = IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED;
  flow.timeoutSeconds = LIFE_SECONDS;
  flow.original.source.set([240, 0, 0, 1]);
  flow.original.destination.set([240, 0, 0, 2]);
  Object.assign(flow.original, { sourcePort: 1, destinationPort: 2 });
  flow.invertOriginal();
  return flow;
}

const ofProtocol = (protocol: number) => (flow: FlowFields) => {
  flow.protocol = protocol;
  flow.tcpState = 0;
};
const always = () => true;
const sameNumbers = (a: Uint32Array, b: Uint32Array) => a.every((value, index) => value === b[index]);

const tests: Readonly<Record<FlowKind, (probe: KindProbe) => boolean>> = {
  IPv6: (probe) =>
    probe.keeps((flow) => {
      // 100::/64, where packets are discarded (RFC 6666).
      flow.family = 6;
      for (const end of [flow.original.source, flow.original.destination]) end.fill(0).set([1]);
      flow.original.source[15] = 1;
      flow.original.destination[15] = 2;
    }, always),
  SCTP: (probe) =>
    probe.keeps(
      (flow) => {
        ofProtocol(IPPROTO_SCTP)(flow);
        flow.sctp.set([4, 5, 6]);
        flow.extras |= flowExtra.sctp;
      },
      (found, given) => found.has(flowExtra.sctp) && sameNumbers(found.sctp, given.sctp),
    ),
  DCCP: (probe) =>
    probe.keeps(
      (flow) => {
        ofProtocol(IPPROTO_DCCP)(flow);
        flow.dccp.set([4, 0, 5, 6]);
        flow.extras |= flowExtra.dccp;
      },
      (found, given) => found.has(flowExtra.dccp) && sameNumbers(found.dccp, given.dccp),
    ),
  UDPLITE: (probe) => probe.keeps(ofProtocol(IPPROTO_UDPLITE), always),
  GRE: (probe) => probe.keeps(ofProtocol(IPPROTO_GRE), always),
  marks: (probe) =>
    probe.keeps(
      (flow) => {
        flow.mark = 7;
      },
      (found) => found.mark === 7,
    ),
  zones: (probe) =>
    probe.keeps((flow) => {
      flow.zone = 7;
    }, always),
  "zones of one direction": (probe) =>
    probe.keeps((flow) => {
      flow.zone = 7;
      flow.zoneDirection = zoneDirection.original;
    }, always),
  "sequence adjustment": (probe) =>
    probe.keeps(
      (flow) => {
        flow.sequenceOriginal.set([1, 2, 3]);
        flow.extras |= flowExtra.sequenceOriginal;
      },
      (found, given) => sameNumbers(found.sequenceOriginal, given.sequenceOriginal),
    ),
  synproxy: (probe) =>
    probe.keeps(
      (flow) => {
        flow.synproxy.set([1, 2, 3]);
        flow.extras |= flowExtra.synproxy;
      },
      (found, given) => sameNumbers(found.synproxy, given.synproxy),
    ),
  expectations: (probe) => probe.expects(),
  "helper ftp": (probe) => probe.hasHelper("ftp", IPPROTO_TCP),
  "helper tftp": (probe) => probe.hasHelper("tftp", IPPROTO_UDP),
  "helper sip": (probe) => probe.hasHelper("sip", IPPROTO_UDP) && probe.hasHelper("sip", IPPROTO_TCP),
  "helper pptp": (probe) => probe.hasHelper("pptp", IPPROTO_TCP),
  "helper irc": (probe) => probe.hasHelper("irc", IPPROTO_TCP),
  "helper h323": (probe) => probe.hasHelper("RAS", IPPROTO_UDP) && probe.hasHelper("Q.931", IPPROTO_TCP),
};
