import { ChangeLog } from "../../src/core/replication/change-log.ts";
import type { FlowOwner, GroupSet } from "../../src/core/replication/flow-owner.ts";
import { forgottenPlaces, type ResumePlace } from "../../src/core/replication/resume-place.ts";
import type { SinkStream } from "../../src/core/replication/sink-stream.ts";
import { SourceStream } from "../../src/core/replication/source-stream.ts";
import type { SourceEffect } from "../../src/core/replication/source-types.ts";
import { TableDigest } from "../../src/core/replication/table-digest.ts";
import { UnmergedGroups } from "../../src/core/replication/unmerged-groups.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
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
    const settings = { cluster: "sim", node: node.name, peer, groups: node.groupNames, sweepMs: SWEEP_MS };
    this.stream = new SourceStream(settings, node.log, () => Math.floor(node.random() * 2 ** 32));
  }
}

export interface SimulatedNodeOptions {
  readonly random: () => number;
  readonly eventsMax: number;
  readonly groupNames: readonly string[];
  readonly owner: FlowOwner;
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
  readonly groupNames: readonly string[];
  readonly owner: FlowOwner;
  /** It is active for these. */
  groups: GroupSet = 0;
  /** Its table is the truth about these. */
  whole = true;
  readonly #adoptedFrom = new Set<string>();
  unmerged = new UnmergedGroups();
  /** What the resume file holds, by peer, and what stood in it some time ago. */
  readonly places = new Map<string, ResumePlace>();
  /** Flows here that somebody laid hands on while this was a standby: nothing is promised until its table is compared. */
  readonly altered = new Set<number>();
  /** What the present log says, for a checker. */
  entries: LogEntry[] = [];
  readonly #fields = new FlowFields();
  /** Performs effects: the world's, for they go over its network. */
  perform: (source: SimulatedSource, effects: readonly SourceEffect[]) => void = () => undefined;

  constructor(name: string, peers: readonly string[], options: SimulatedNodeOptions) {
    this.name = name;
    this.random = options.random;
    this.#peers = peers;
    this.#eventsMax = options.eventsMax;
    this.groupNames = options.groupNames;
    this.owner = options.owner;
    this.kernel = new FakeKernel(options.eventsMax);
    this.log = this.#newLog();
    this.#newSources();
  }

  /** The machine boots: nothing is left. */
  boot(): void {
    this.kernel = new FakeKernel(this.#eventsMax);
    this.places.clear();
    this.altered.clear();
    this.groups = 0;
    this.whole = true;
    this.restartRole();
  }

  /** The replicator is killed and starts again; the kernel and the run folder are as they were. */
  restartRole(): void {
    this.log = this.#newLog();
    this.entries = [];
    this.kernel.subscribe(false);
    this.unmerged = new UnmergedGroups();
    this.#newSources();
  }

  /** Of what the log said until now no place in the new one tells: who is complete then has it all the same. */
  restartLog(): void {
    for (const { flow, destroyed } of this.entries) if (!destroyed) this.kernel.unreported.add(flow);
    this.log.restart(this.#newSession());
    this.entries = [];
  }

  /** As the replicator role does it. @param whole false when it becomes active for a group without every connection */
  setGroups(nowMs: number, groups: GroupSet, whole = true): void {
    const before = this.groups;
    if (before !== 0) this.readEvents(nowMs, Number.POSITIVE_INFINITY);
    this.groups = groups;
    this.whole = groups === 0 || (whole && this.whole);
    this.#adoptedFrom.clear();
    this.unmerged.add(groups);
    if (groups !== 0) {
      for (const source of this.sources) this.perform(source, source.stream.flush(nowMs));
      this.restartLog();
      if ((groups & ~before) !== 0) this.places.clear();
    }
    this.kernel.subscribe(groups !== 0);
    for (const source of this.sources) {
      source.stream.setWhole(this.whole);
      this.perform(source, source.stream.setGroups(nowMs, groups));
    }
  }

  /** The group that a flow belongs to. */
  groupOf(flow: FakeFlow): GroupSet {
    fillFields(this.#fields, flow);
    return this.owner.groupOf(this.#fields);
  }

  readEvents(nowMs: number, most = EVENTS_PER_READ): void {
    const all = this.kernel.readEvents(most);
    if (all === "overrun") {
      this.restartLog();
      for (const source of this.sources) this.perform(source, source.stream.overrun(nowMs));
      return;
    }
    const events = all.filter(({ flow, destroyed }) => {
      fillFields(this.#fields, flow);
      return this.owner.tells(this.groups, this.#fields, destroyed);
    });
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

  /** As the replicator role does it whenever a stream from a source has said something. */
  forgetPlaces(peer: string, sink: SinkStream): void {
    for (const name of forgottenPlaces(this.places, peer, sink)) this.places.delete(name);
  }

  drain(nowMs: number): void {
    for (;;) {
      const before = this.log.head;
      const { session } = this.log;
      this.readEvents(nowMs);
      if (this.log.head === before && this.log.session === session) return;
    }
  }

  /** A peer has nothing that this node lacks. */
  adopted(peer: string): void {
    this.#adoptedFrom.add(peer);
    if (this.#adoptedFrom.size < this.sources.length) return;
    this.whole = true;
    for (const { stream } of this.sources) stream.setWhole(true);
  }

  startDigest(
    nowMs: number,
    source: SimulatedSource,
    { groups, bits, seed }: SourceEffect & { do: "start-digest" },
  ): void {
    const digest = new TableDigest(bits, seed);
    source.pass = {
      parts: this.kernel.dump(DUMP_PART),
      take: (flows) => {
        const owned = flows.filter((flow) => (this.groupOf(flow) & groups) !== 0);
        addAll(digest, owned, this.#fields);
      },
      end: () => this.perform(source, source.stream.digested(nowMs, digest, 1)),
    };
  }

  startCopy(
    source: SimulatedSource,
    { groups, buckets }: SourceEffect & { do: "start-copy" },
    now: () => number,
  ): void {
    source.pass = {
      parts: this.kernel.dump(DUMP_PART),
      take: (flows) => {
        const chosen = flows.filter((flow) => {
          // This fills the fields, too.
          if ((this.groupOf(flow) & groups) === 0) return false;
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
