import { seededRandom } from "../../src/base/prng.ts";
import { FlowKeySet } from "../../src/core/replication/flow-key-set.ts";
import { type SinkEffect, SinkStream } from "../../src/core/replication/sink-stream.ts";
import { type SourceEffect, SourceStream } from "../../src/core/replication/source-stream.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import { SyncFrameSplitter } from "../../src/wire/flow-sync.ts";
import { encodeEvents, encodeUpserts, type FakeFlow, FakeKernel, fillFields, flowOf } from "./fake-kernel.ts";

/** What the driver of the replicator role does, on virtual time: a node with its kernel and its source's stream. */
export class SimulatedNode {
  readonly name: string;
  kernel: FakeKernel;
  source: SourceStream;
  active = false;
  dump: Generator<FakeFlow[], void> | undefined;

  constructor(name: string, peer: string, eventsMax: number) {
    this.name = name;
    this.kernel = new FakeKernel(eventsMax);
    this.source = new SourceStream({ cluster: "sim", node: name, peer, refreshMs: 20_000 });
  }
}

interface Connection {
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
  readonly sink: SinkStream;
  readonly keys: FlowKeySet;
  /** Bytes under way with their arrival times, in order, in both directions. */
  readonly forward: { atMs: number; bytes: Uint8Array }[];
  readonly backward: { atMs: number; bytes: Uint8Array }[];
  readonly forwardSplitter: SyncFrameSplitter;
  readonly backwardSplitter: SyncFrameSplitter;
  purgeAtMs: number | undefined;
  purgeCopy: number;
}

export interface WorldFaults {
  /** Chances per step. */
  readonly cut: number;
  readonly takeover: number;
  readonly switchover: number;
  readonly pressure: number;
  readonly readDelay: number;
}

const STEP_MS = 5;
const DUMP_PART = 7;
const FLOW_IDS = 200;
const NAT_PORTS = 260;

/** Two nodes whose replication machines run against fake kernels over a network that is cut, slow, and comes back. */
export class ReplicationWorld {
  readonly nodes: readonly [SimulatedNode, SimulatedNode];
  readonly #random: () => number;
  #nowMs = 0;
  #connections: Connection[] = [];
  readonly #eventsMax: number;
  readonly #fields = new FlowFields();
  /** Per source: for each record sent, by its sequence, which flow it made or ended. */
  #log: { sequence: number; flow: FakeFlow; destroyed: boolean }[] = [];
  /** Flows as the hosts have them: what the kernels should know. */
  #alive = new Map<number, number>();
  /** Flows with little time, which only traffic makes full. */
  #provisional: { readonly kernel: FakeKernel; readonly id: number }[] = [];
  takeovers = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#eventsMax = 5 + Math.floor(this.#random() * 60);
    this.nodes = [new SimulatedNode("a", "b", this.#eventsMax), new SimulatedNode("b", "a", this.#eventsMax)];
    this.#activate(this.nodes[0]);
  }

  get active(): SimulatedNode | undefined {
    return this.nodes.find(({ active }) => active);
  }

  get standby(): SimulatedNode | undefined {
    return this.nodes.find(({ active }) => !active);
  }

  /** The standby says that it has everything. */
  get complete(): boolean {
    return this.#connections.some(({ from, sink }) => from === this.active && sink.complete);
  }

  run(durationMs: number, traffic: boolean, faults: WorldFaults): void {
    const endMs = this.#nowMs + durationMs;
    // Nothing happens quickly while it is calm.
    const stepMs = traffic ? STEP_MS : 5 * STEP_MS;
    while (this.#nowMs < endMs) this.#step(stepMs, traffic, faults);
  }

  #step(stepMs: number, traffic: boolean, faults: WorldFaults): void {
    this.#nowMs += stepMs;
    if (traffic) this.#makeTraffic();
    if (this.#random() < 0.02) this.#expireProvisional();
    if (this.#random() < faults.cut) this.#cut();
    if (this.#random() < faults.takeover) this.#takeOver();
    if (this.#random() < faults.switchover) this.#switchOver();
    this.#connect();
    for (const node of this.nodes) this.#runNode(node, faults);
    for (const connection of [...this.#connections]) this.#deliver(connection);
  }

  #makeTraffic(): void {
    const kernel = this.active?.kernel;
    if (kernel === undefined) return;
    for (let i = Math.floor(this.#random() * 6); i > 0; i--) {
      const id = Math.floor(this.#random() * FLOW_IDS);
      if (kernel.flows.has(id)) {
        kernel.destroy(id);
        this.#alive.delete(id);
      } else {
        const flow = { id, natPort: this.#freePort(kernel) };
        kernel.create(flow);
        this.#alive.set(id, flow.natPort);
      }
    }
  }

  #expireProvisional(): void {
    for (const { kernel, id } of this.#provisional) {
      const flow = kernel.flows.get(id);
      if (flow !== undefined && kernel === this.active?.kernel && this.#alive.get(id) !== flow.natPort)
        kernel.destroy(id);
    }
    this.#provisional = [];
  }

  /** Ports are used again soon, as on a busy gateway. */
  #freePort(kernel: FakeKernel): number {
    const used = new Set([...kernel.flows.values()].map(({ natPort }) => natPort));
    let port = Math.floor(this.#random() * NAT_PORTS);
    while (used.has(port)) port = (port + 1) % NAT_PORTS;
    return port;
  }

  #runNode(node: SimulatedNode, faults: WorldFaults): void {
    if (node.active && this.#random() >= faults.readDelay) this.#readEvents(node);
    if (this.#random() < faults.pressure) this.#performSource(node, node.source.pressed());
    else this.#performSource(node, node.source.relieved());
    if (node.dump !== undefined && this.#random() < 0.7) {
      const part = node.dump.next();
      if (part.done === true) {
        node.dump = undefined;
        this.#performSource(node, node.source.copyEnded(this.#nowMs, true));
      } else {
        const flows = part.value;
        const before = node.source.counters.recordsSent;
        const effects = node.source.copied(this.#nowMs, encodeUpserts(flows), flows.length);
        this.#remember(
          node,
          before,
          flows.map((flow) => ({ flow, destroyed: false })),
        );
        this.#performSource(node, effects);
      }
    }
    if (this.#nowMs >= node.source.deadline) this.#performSource(node, node.source.timeout(this.#nowMs));
  }

  #readEvents(node: SimulatedNode): void {
    const events = node.kernel.readEvents(20);
    if (events === "overrun") {
      this.#performSource(node, node.source.overrun());
    } else if (events.length > 0) {
      const before = node.source.counters.recordsSent;
      const effects = node.source.changed(this.#nowMs, encodeEvents(events), events.length);
      this.#remember(node, before, events);
      this.#performSource(node, effects);
    }
  }

  /** Notes what the records that were just sent say, so that a checker can ask what was acknowledged. */
  #remember(
    node: SimulatedNode,
    before: number,
    events: readonly { flow: FakeFlow; destroyed: boolean }[],
  ): void {
    const sent = node.source.counters.recordsSent - before;
    // Only what went out at once has a known place in the sequence; what waits behind a copy is not judged.
    if (sent !== events.length || !node.active) return;
    const end = node.source.counters.recordsSent;
    for (const [index, event] of events.entries()) {
      this.#log.push({ sequence: end - events.length + index + 1, ...event });
    }
  }

  #connect(): void {
    for (const from of this.nodes) {
      const to = this.nodes[from === this.nodes[0] ? 1 : 0];
      if (this.#connections.some((one) => one.from === from) || this.#random() > 0.05) continue;
      const connection: Connection = {
        from,
        to,
        sink: new SinkStream({ cluster: "sim", node: to.name, peer: from.name }, this.#nowMs),
        keys: new FlowKeySet(),
        forward: [],
        backward: [],
        forwardSplitter: new SyncFrameSplitter(),
        backwardSplitter: new SyncFrameSplitter(),
        purgeAtMs: undefined,
        purgeCopy: 0,
      };
      connection.sink.setSelfActive(to.active);
      this.#connections.push(connection);
      this.#performSource(from, from.source.connected(this.#nowMs));
    }
  }

  #cut(): void {
    for (const connection of this.#connections) this.#disconnect(connection);
  }

  #disconnect(connection: Connection): void {
    this.#connections = this.#connections.filter((one) => one !== connection);
    connection.sink.disconnected();
    // What was under way is lost; a new stream counts from the beginning.
    if (connection.from.active) this.#log = [];
    this.#performSource(connection.from, connection.from.source.disconnected());
  }

  #takeOver(): void {
    const { active: dead, standby: heir } = this;
    if (dead === undefined || heir === undefined || !this.complete) return;
    this.#checkAcknowledged(dead, heir);
    this.takeovers++;
    this.#cut();
    dead.active = false;
    dead.dump = undefined;
    dead.kernel = new FakeKernel(this.#eventsMax);
    dead.source = new SourceStream({ cluster: "sim", node: dead.name, peer: heir.name, refreshMs: 20_000 });
    // Connections that the heir does not know are gone.
    this.#alive = new Map([...heir.kernel.flows.values()].map(({ id, natPort }) => [id, natPort]));
    this.#activate(heir);
  }

  #switchOver(): void {
    const { active: from, standby: to } = this;
    if (from === undefined || to === undefined || !this.complete) return;
    this.#readEvents(from);
    from.active = false;
    from.kernel.subscribed = false;
    this.#performSource(from, from.source.setActive(this.#nowMs, false));
    for (const { to: node, sink } of this.#connections) if (node === from) sink.setSelfActive(false);
    this.#activate(to);
  }

  #activate(node: SimulatedNode): void {
    node.active = true;
    node.source.setWhole(true);
    node.kernel.subscribed = true;
    this.#log = [];
    for (const { to, sink } of this.#connections) if (to === node) sink.setSelfActive(true);
    this.#performSource(node, node.source.setActive(this.#nowMs, true));
  }

  /** The promise: what the standby acknowledged survives the active node's death. */
  #checkAcknowledged(dead: SimulatedNode, heir: SimulatedNode): void {
    const acknowledged = dead.source.counters.recordsSent - dead.source.lagRecords;
    const last = new Map<number, { sequence: number; flow: FakeFlow; destroyed: boolean }>();
    for (const entry of this.#log) last.set(entry.flow.id, entry);
    for (const { sequence, flow, destroyed } of last.values()) {
      if (sequence > acknowledged || destroyed || this.#alive.get(flow.id) !== flow.natPort) continue;
      const held = heir.kernel.flows.get(flow.id);
      if (held?.natPort !== flow.natPort)
        throw new Error(
          `flow ${flow.id} was acknowledged and is ${held === undefined ? "lost" : "mistranslated"}`,
        );
    }
  }

  #performSource(node: SimulatedNode, effects: readonly SourceEffect[]): void {
    for (const effect of effects) {
      const connection = this.#connections.find(({ from }) => from === node);
      switch (effect.do) {
        case "send":
          if (connection !== undefined) this.#send(connection.forward, effect.frame);
          break;
        case "start-copy":
          node.dump = node.kernel.dump(DUMP_PART);
          break;
        case "abort-copy":
          node.dump = undefined;
          break;
        case "close":
          if (connection !== undefined) this.#disconnect(connection);
          break;
        case "marked":
          break;
      }
    }
  }

  #send(queue: { atMs: number; bytes: Uint8Array }[], bytes: Uint8Array): void {
    const latest = queue.at(-1)?.atMs ?? 0;
    // Torn as TCP tears: two pieces, in order, each with its own delay.
    const at = Math.floor(this.#random() * bytes.length);
    const first = Math.max(latest, this.#nowMs + this.#random() * 30);
    queue.push({ atMs: first, bytes: bytes.slice(0, at) });
    queue.push({ atMs: first + this.#random() * 5, bytes: bytes.slice(at) });
  }

  #deliver(connection: Connection): void {
    while ((connection.forward[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.#nowMs) {
      const { bytes } = connection.forward.shift() ?? { bytes: new Uint8Array(0) };
      const fault = connection.forwardSplitter.push(bytes, (frame) =>
        this.#performSink(connection, connection.sink.receive(this.#nowMs, frame)),
      );
      if (fault !== undefined) throw new Error(`the sink cannot read the stream: ${fault.reason}`);
    }
    while ((connection.backward[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.#nowMs) {
      const { bytes } = connection.backward.shift() ?? { bytes: new Uint8Array(0) };
      connection.backwardSplitter.push(bytes, (frame) =>
        this.#performSource(connection.from, connection.from.source.receive(this.#nowMs, frame)),
      );
    }
    if (connection.purgeAtMs !== undefined && this.#nowMs >= connection.purgeAtMs) this.#purge(connection);
    if (this.#nowMs >= connection.sink.deadline)
      this.#performSink(connection, connection.sink.timeout(this.#nowMs));
  }

  #performSink(connection: Connection, effects: readonly SinkEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case "send":
          this.#send(connection.backward, effect.frame);
          break;
        case "apply":
          connection.to.kernel.inject(effect.records, {
            first: effect.first,
            taken: effect.taken,
            onUpsert: (fields) => {
              if (effect.remember) connection.keys.add(fields);
              if (effect.provisional)
                this.#provisional.push({ kernel: connection.to.kernel, id: flowOf(fields).id });
            },
          });
          break;
        case "begin-copy":
          connection.keys.clear();
          break;
        case "purge":
          connection.purgeAtMs = this.#nowMs + this.#random() * 50;
          connection.purgeCopy = effect.copy;
          break;
        case "abort-purge":
          connection.purgeAtMs = undefined;
          break;
        case "close":
          this.#disconnect(connection);
          break;
      }
    }
  }

  #purge(connection: Connection): void {
    connection.purgeAtMs = undefined;
    for (const flow of [...connection.to.kernel.flows.values()]) {
      fillFields(this.#fields, flow);
      if (!connection.keys.has(this.#fields)) connection.to.kernel.flows.delete(flow.id);
    }
    connection.keys.clear();
    this.#performSink(connection, connection.sink.purged(connection.purgeCopy));
  }
}
