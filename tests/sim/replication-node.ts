import { ChangeLog } from "../../src/core/replication/change-log.ts";
import { SourceStream } from "../../src/core/replication/source-stream.ts";
import type { SourceEffect } from "../../src/core/replication/source-types.ts";
import { TableDigest } from "../../src/core/replication/table-digest.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import type { LogPlace } from "../../src/wire/flow-sync.ts";
import {
  encodeEvents,
  encodeUpserts,
  type FakeEvent,
  type FakeFlow,
  FakeKernel,
  fillFields,
} from "./fake-kernel.ts";

export const SWEEP_MS = 20_000;
const DUMP_PART = 7;
const EVENTS_PER_READ = 20;

/** A place in this node's log, with what stands there. */
export interface LogEntry extends FakeEvent {
  readonly position: number;
}

/** One stream's source on a node, with the pass over the table that it has under way. */
export class SimulatedSource {
  readonly peer: string;
  readonly stream: SourceStream;
  pass:
    | {
        readonly parts: Generator<FakeFlow[], void>;
        readonly take: (flows: FakeFlow[]) => void;
        end: () => void;
      }
    | undefined;

  constructor(node: SimulatedNode, peer: string) {
    this.peer = peer;
    const settings = { cluster: "sim", node: node.name, peer, sweepMs: SWEEP_MS };
    this.stream = new SourceStream(settings, node.log, () => Math.floor(node.random() * 2 ** 32));
  }
}

/** What the driver of the replicator role does, on virtual time: a node with its kernel and its streams' sources. */
export class SimulatedNode {
  readonly name: string;
  readonly random: () => number;
  readonly #peers: readonly string[];
  readonly #eventsMax: number;
  kernel: FakeKernel;
  log: ChangeLog;
  sources: readonly SimulatedSource[] = [];
  active = false;
  /** What the resume file holds, by peer, and what stood in it some time ago. */
  readonly adoptedFrom = new Set<string>();
  readonly places = new Map<string, LogPlace>();
  /** What the present log says, for a checker. */
  entries: LogEntry[] = [];
  readonly #fields = new FlowFields();
  /** Performs effects: the world's, for they go over its network. */
  perform: (source: SimulatedSource, effects: readonly SourceEffect[]) => void = () => undefined;

  constructor(name: string, peers: readonly string[], options: { random: () => number; eventsMax: number }) {
    this.name = name;
    this.random = options.random;
    this.#peers = peers;
    this.#eventsMax = options.eventsMax;
    this.kernel = new FakeKernel(options.eventsMax);
    this.log = this.#newLog();
    this.#newSources();
  }

  /** The machine boots: nothing is left. */
  boot(): void {
    this.kernel = new FakeKernel(this.#eventsMax);
    this.places.clear();
    this.active = false;
    this.restartRole();
  }

  /** The replicator is killed and starts again; the kernel and the run folder are as they were. */
  restartRole(): void {
    this.log = this.#newLog();
    this.entries = [];
    this.kernel.subscribe(false);
    this.#newSources();
  }

  restartLog(): void {
    this.log.restart(this.#newSession());
    this.entries = [];
  }

  setActive(nowMs: number, active: boolean, whole = true): void {
    this.active = active;
    this.adoptedFrom.clear();
    if (active) {
      this.restartLog();
      this.places.clear();
      this.kernel.subscribe(true);
    } else {
      this.readEvents(nowMs, Number.POSITIVE_INFINITY);
      this.kernel.subscribe(false);
    }
    for (const source of this.sources) {
      source.stream.setWhole(whole);
      this.perform(source, source.stream.setActive(nowMs, active));
    }
  }

  readEvents(nowMs: number, most = EVENTS_PER_READ): void {
    const events = this.kernel.readEvents(most);
    if (events === "overrun") {
      this.restartLog();
      for (const source of this.sources) this.perform(source, source.stream.overrun(nowMs));
      return;
    }
    if (events.length === 0) return;
    for (const { flow } of events) {
      fillFields(this.#fields, flow);
      for (const { stream } of this.sources) stream.touch(this.#fields);
    }
    this.log.append(encodeEvents(events), events.length);
    const before = this.log.head - events.length;
    for (const [index, event] of events.entries())
      this.entries.push({ ...event, position: before + index + 1 });
    for (const source of this.sources) this.perform(source, source.stream.changed(nowMs));
  }

  drain(nowMs: number): void {
    for (;;) {
      const before = this.log.head;
      const { session } = this.log;
      this.readEvents(nowMs);
      if (this.log.head === before && this.log.session === session) return;
    }
  }

  startDigest(
    nowMs: number,
    source: SimulatedSource,
    { bits, seed }: SourceEffect & { do: "start-digest" },
  ): void {
    const digest = new TableDigest(bits, seed);
    source.pass = {
      parts: this.kernel.dump(DUMP_PART),
      take: (flows) => addAll(digest, flows, this.#fields),
      end: () => this.perform(source, source.stream.digested(nowMs, digest, 1)),
    };
  }

  startCopy(
    source: SimulatedSource,
    buckets: (SourceEffect & { do: "start-copy" })["buckets"],
    now: () => number,
  ): void {
    source.pass = {
      parts: this.kernel.dump(DUMP_PART),
      take: (flows) => {
        const chosen = flows.filter((flow) => {
          fillFields(this.#fields, flow);
          return buckets === undefined || buckets.set.has(buckets.bucketing.bucket(this.#fields));
        });
        this.perform(source, source.stream.copied(now(), encodeUpserts(chosen), chosen.length));
      },
      end: () => this.perform(source, source.stream.copyEnded(now(), true)),
    };
  }

  /** One turn of the pass that a source has under way. */
  passTurn(source: SimulatedSource): void {
    const { pass } = source;
    if (pass === undefined) return;
    const part = pass.parts.next();
    if (part.done !== true) {
      pass.take(part.value);
      return;
    }
    source.pass = undefined;
    pass.end();
  }

  #newSources(): void {
    this.sources = this.#peers.map((peer) => new SimulatedSource(this, peer));
  }

  #newLog(): ChangeLog {
    // Small, so that places are forgotten often.
    return new ChangeLog({ capacityBytes: 3_000, batches: 40, session: this.#newSession() });
  }

  #newSession(): number {
    return 1 + Math.floor(this.random() * 2 ** 40);
  }
}

export function addAll(digest: TableDigest, flows: readonly FakeFlow[], fields: FlowFields): void {
  for (const flow of flows) {
    fillFields(fields, flow);
    digest.add(fields);
  }
}
