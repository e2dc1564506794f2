import { FlowFields } from "../../src/wire/flow-fields.ts";
import { FlowRecordReader, FlowRecordWriter } from "../../src/wire/flow-record.ts";

/** A flow in a simulation: its number makes the original tuple and chooses one of two public addresses, `natPort` is the translation. */
export interface FakeFlow {
  readonly id: number;
  readonly natPort: number;
  readonly mark: number;
}

const IPPROTO_TCP = 6;
const ESTABLISHED = 3;
const CONFIRMED_SEEN_REPLY_ASSURED = 0x0e;

export function fillFields(fields: FlowFields, flow: FakeFlow): void {
  fields.clear();
  fields.family = 4;
  fields.protocol = IPPROTO_TCP;
  fields.status = CONFIRMED_SEEN_REPLY_ASSURED;
  fields.timeoutSeconds = 432_000;
  fields.tcpState = ESTABLISHED;
  fields.mark = flow.mark;
  setIpv4(fields.original.source, 0x0a00_0000 | flow.id); // 10.0.0.0/16
  setIpv4(fields.original.destination, 0xc633_6401); // 198.51.100.1
  fields.original.sourcePort = 1_024 + flow.id;
  fields.original.destinationPort = 443;
  fields.invertOriginal();
  setIpv4(fields.reply.destination, 0xc000_0200 | publicAddressOf(flow.id)); // 192.0.2.0/24
  fields.reply.destinationPort = flow.natPort;
}

/** Byte by byte: this is done for every flow of every dump, and lists of bytes took a quarter of all the time. */
function setIpv4(bytes: Uint8Array, address: number): void {
  bytes[0] = address >>> 24;
  bytes[1] = address >>> 16;
  bytes[2] = address >>> 8;
  bytes[3] = address;
}

/** The last byte of the address that a flow is translated to. */
function publicAddressOf(id: number): number {
  return 1 + (id & 1);
}

export function flowOf(fields: FlowFields): FakeFlow {
  return {
    id: fields.original.sourcePort - 1_024,
    natPort: fields.reply.destinationPort,
    mark: fields.mark,
  };
}

export interface FakeEvent {
  readonly flow: FakeFlow;
  readonly destroyed: boolean;
}

export interface FakeInjectOptions {
  readonly taken: "replace" | "keep";
  readonly onUpsert: (fields: FlowFields) => void;
  readonly onKept: (id: number) => void;
}

/** A kernel's connection table as replication sees it: events with a bounded queue, dumps in parts, injection. */
export class FakeKernel {
  readonly flows = new Map<number, FakeFlow>();
  /** Flows of whose beginning no event tells, and whose loss has been noticed, or an event of an earlier log: for a checker. */
  readonly unreported = new Set<FakeFlow>();
  #dropped: FakeFlow[] = [];
  readonly #eventsMax: number;
  #events: FakeEvent[] = [];
  #overrun = false;
  #subscribed = false;
  readonly #fields = new FlowFields();

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  subscribe(wanted: boolean): void {
    if (wanted && !this.#subscribed) {
      this.#events = [];
      this.#overrun = false;
      this.#dropped = [];
      this.unreported.clear();
    }
    this.#subscribed = wanted;
  }

  /** Traffic made a connection. */
  create(flow: FakeFlow): void {
    this.flows.set(flow.id, flow);
    this.#report({ flow, destroyed: false });
  }

  destroy(id: number): void {
    const flow = this.flows.get(id);
    if (flow === undefined) return;
    this.flows.delete(id);
    this.#report({ flow, destroyed: true });
  }

  /** As the kernel does: "overrun" once, with what was queued before it still to be read after. */
  readEvents(most: number): FakeEvent[] | "overrun" {
    if (this.#overrun) {
      this.#overrun = false;
      for (const flow of this.#dropped.splice(0)) this.unreported.add(flow);
      return "overrun";
    }
    return this.#events.splice(0, most);
  }

  /** Parts of a dump. Each part is made when the one before it is read, as the kernel does: it may be old when it is read. */
  *dump(partSize: number): Generator<FakeFlow[], void> {
    const ids = [...this.flows.keys()];
    let place = 0;
    const make = () => {
      const part = ids.slice(place, place + partSize).flatMap((id) => this.flows.get(id) ?? []);
      place += partSize;
      return part;
    };
    let ready = make();
    while (place - partSize < ids.length) {
      const part = ready;
      ready = make();
      yield part;
    }
  }

  /** Writes records as the injector does (src/linux/conntrack-injector.ts). */
  inject(records: Uint8Array, options: FakeInjectOptions): void {
    const reader = new FlowRecordReader(records);
    while (!reader.atEnd) {
      const kind = reader.next(this.#fields);
      if (kind !== "upsert" && kind !== "delete") {
        throw new Error(`the source sent ${typeof kind === "string" ? kind : kind.reason}`);
      }
      const flow = flowOf(this.#fields);
      if (kind === "delete") {
        // The flow of an active node is its own; it gets little time instead.
        if (options.taken === "keep") options.onKept(flow.id);
        else this.flows.delete(flow.id);
        continue;
      }
      options.onUpsert(this.#fields);
      this.#upsert(flow, options);
    }
  }

  /** A create fails where the id or the translated port is taken. */
  #upsert(flow: FakeFlow, options: FakeInjectOptions): void {
    const holder = [...this.flows.values()].find((one) => isSamePort(one, flow));
    const isTaken = this.flows.has(flow.id) || holder !== undefined;
    if (isTaken && options.taken === "keep") return;
    if (holder !== undefined) this.flows.delete(holder.id);
    this.flows.set(flow.id, flow);
  }

  #report(event: FakeEvent): void {
    if (!this.#subscribed) return;
    if (this.#events.length < this.#eventsMax) {
      this.#events.push(event);
    } else {
      this.#overrun = true;
      if (!event.destroyed) this.#dropped.push(event.flow);
    }
  }
}

/** Replies to both would have the same tuple. */
export function isSamePort(a: FakeFlow, b: FakeFlow): boolean {
  return a.natPort === b.natPort && publicAddressOf(a.id) === publicAddressOf(b.id);
}

export function encodeUpserts(flows: readonly FakeFlow[]): Uint8Array {
  return encodeEvents(flows.map((flow) => ({ flow, destroyed: false })));
}

export function encodeEvents(events: readonly FakeEvent[]): Uint8Array {
  const writer = new FlowRecordWriter(events.length * 64 + 128);
  const fields = new FlowFields();
  for (const { flow, destroyed } of events) {
    fillFields(fields, flow);
    if (destroyed) writer.writeDelete(fields);
    else writer.writeUpsert(fields);
  }
  return writer.take();
}
