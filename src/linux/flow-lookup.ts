import { IPCTNL_MSG_CT_NEW } from "../wire/conntrack-constants.ts";
import { flowParse, parseFlow } from "../wire/conntrack-message.ts";
import { writeGet } from "../wire/conntrack-request.ts";
import type { ExpectationFields } from "../wire/expectation-fields.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** Looks up single flows in the kernel's table. */
export class FlowLookup {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  readonly #writer = new NetlinkWriter(512);
  readonly #question = new FlowFields();
  readonly #answer = new FlowFields();

  /**
   * The flow that an expectation belongs to; the next answer takes its memory.
   *
   * A helper that rewrites a message of the flow, because an address in it is translated, shifts the sequence numbers
   * of the flow. The kernel reports the expectation, but not the shift.
   */
  masterOf({ family, master, zone }: ExpectationFields): FlowFields | undefined {
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
    return found ? this.#answer : undefined;
  }

  close(): void {
    this.#socket.close();
  }
}
