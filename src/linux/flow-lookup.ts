import { IPCTNL_MSG_CT_NEW, IPCTNL_MSG_EXP_NEW } from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import { writeGet } from "../wire/conntrack-request.ts";
import type { ExpectationFields } from "../wire/expectation-fields.ts";
import { writeGetExpectation } from "../wire/expectation-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import type { KnownZones } from "./known-zones.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** Looks up single flows in the kernel's table. */
export class FlowLookup {
  readonly #zones: KnownZones;
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  readonly #writer = new NetlinkWriter(512);
  readonly #question = new FlowFields();
  readonly #answer = new FlowFields();

  constructor(zones: KnownZones) {
    this.#zones = zones;
  }

  /**
   * The flow that an expectation belongs to; the next answer takes its memory. Sets the expectation's zone to that in which the flow
   * is found: the kernel takes one, and looks in no other, but tells none (nf_conntrack_netlink.c, ctnetlink_exp_dump_expect).
   *
   * A helper that rewrites a message of the flow, because an address in it is translated, shifts the sequence numbers
   * of the flow. The kernel reports the expectation, but not the shift.
   *
   * @param ended the expectation is gone: of several zones with such a flow, it was in one where it is not
   */
  masterOf(expectation: ExpectationFields, ended: boolean): FlowFields | undefined {
    const zones = [0, ...this.#zones.all].filter((zone) => this.#hasMaster(expectation, zone));
    const [first] = zones;
    if (first === undefined) return undefined;
    const zone = zones.length === 1 ? first : zones.find((one) => this.#expects(expectation, one) !== ended);
    expectation.zone = zone ?? first;
    // With one zone the answer is still there.
    if (zones.length > 1 || this.#zones.all.size > 0) this.#hasMaster(expectation, expectation.zone);
    return this.#answer;
  }

  /** Fills the answer. */
  #hasMaster({ family, master }: ExpectationFields, zone: number): boolean {
    const question = this.#question;
    question.clear();
    question.family = family;
    question.protocol = master.protocol;
    question.zone = zone;
    question.original.source.set(master.source);
    question.original.destination.set(master.destination);
    question.original.sourcePort = master.sourcePort;
    question.original.destinationPort = master.destinationPort;
    this.#writer.reset();
    writeGet(this.#writer, question, 1);
    this.#writer.addFlagsToLast(NLM_F_ACK);
    let found = false;
    this.#socket.transact(this.#writer.written(), ({ type, payload }) => {
      if (type !== IPCTNL_MSG_CT_NEW) return;
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      found = parseFlow(view, 0, payload.byteLength, this.#answer) === flowParse.ok;
    });
    return found;
  }

  #expects(expectation: ExpectationFields, zone: number): boolean {
    expectation.zone = zone;
    this.#writer.reset();
    writeGetExpectation(this.#writer, expectation, 1);
    this.#writer.addFlagsToLast(NLM_F_ACK);
    let found = false;
    this.#socket.transact(this.#writer.written(), ({ type }) => {
      if (type === IPCTNL_MSG_EXP_NEW) found = true;
    });
    return found;
  }

  close(): void {
    this.#socket.close();
  }
}
