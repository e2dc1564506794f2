import type { ConnectionCount } from "../../contract/connections.ts";
import { IPPROTO_TCP, tcpStates } from "../../wire/conntrack-constants.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { protocolName, replyState, replyStates, stateName } from "./flow-names.ts";

const PROTOCOLS = 256;
/** Slots of a protocol's states: TCP's own, then whether there were answers. */
const STATES = tcpStates.length + replyStates.length;

/** Counts flows by what they are, in memory of a fixed size. */
export class FlowCount {
  #ipv4 = 0;
  #ipv6 = 0;
  #bySource = 0;
  #byDestination = 0;
  #byBoth = 0;
  #notTranslated = 0;
  #mirrored = 0;
  /** By protocol and state. */
  readonly #counts = new Float64Array(PROTOCOLS * STATES);
  readonly #names = new Map<number, string>();

  add(fields: FlowFields, mirrored: boolean): void {
    if (fields.family === 4) this.#ipv4++;
    else this.#ipv6++;
    const source = fields.sourceTranslated;
    const destination = fields.destinationTranslated;
    if (source && destination) this.#byBoth++;
    else if (source) this.#bySource++;
    else if (destination) this.#byDestination++;
    else this.#notTranslated++;
    if (mirrored) this.#mirrored++;
    const slot = (fields.protocol & 0xff) * STATES + stateSlot(fields);
    const before = this.#counts[slot] ?? 0;
    this.#counts[slot] = before + 1;
    if (before === 0) this.#names.set(slot, stateName(fields));
  }

  result(): ConnectionCount {
    const protocols: Record<string, number> = {};
    const states: Record<string, number> = {};
    // Frequent ones first.
    const slots = [...this.#names].sort(([a], [b]) => (this.#counts[b] ?? 0) - (this.#counts[a] ?? 0));
    for (const [slot, state] of slots) {
      const protocol = protocolName(Math.floor(slot / STATES));
      const count = this.#counts[slot] ?? 0;
      // A protocol without a name is a number, and such keys of an object come first whatever is done.
      protocols[protocol] = (protocols[protocol] ?? 0) + count;
      states[`${protocol} ${state}`] = count;
    }
    const total = this.#ipv4 + this.#ipv6;
    return {
      total,
      families: { ipv4: this.#ipv4, ipv6: this.#ipv6 },
      protocols,
      states,
      translated: {
        source: this.#bySource,
        destination: this.#byDestination,
        both: this.#byBoth,
        none: this.#notTranslated,
      },
      mirrored: { yes: this.#mirrored, no: total - this.#mirrored },
    };
  }
}

function stateSlot(fields: FlowFields): number {
  const { protocol, tcpState } = fields;
  if (protocol === IPPROTO_TCP && tcpState > 0 && tcpState < tcpStates.length) return tcpState;
  return tcpStates.length + replyStates.indexOf(replyState(fields));
}
