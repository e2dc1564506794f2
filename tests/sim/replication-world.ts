import { parseNetwork } from "../../src/base/ip.ts";
import { seededRandom } from "../../src/base/prng.ts";
import { FlowKeySet } from "../../src/core/replication/flow-key-set.ts";
import { FlowOwner, type GroupSet } from "../../src/core/replication/flow-owner.ts";
import { SinkStream } from "../../src/core/replication/sink-stream.ts";
import type { Purge, SinkEffect } from "../../src/core/replication/sink-types.ts";
import type { SourceEffect } from "../../src/core/replication/source-types.ts";
import { TableDigest } from "../../src/core/replication/table-digest.ts";
import { rivalsOf } from "../../src/core/replication/unmerged-groups.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import { SyncFrameSplitter } from "../../src/wire/flow-sync.ts";
import {
  encodeUpserts,
  type FakeFlow,
  type FakeKernel,
  fillFields,
  flowOf,
  isSamePort,
} from "./fake-kernel.ts";
import { addAll, SimulatedNode, type SimulatedSource } from "./replication-node.ts";

type Queue = { atMs: number; bytes: Uint8Array }[];

interface Pass {
  readonly parts: Generator<FakeFlow[], void>;
  readonly take: (flows: FakeFlow[]) => void;
  readonly end: () => void;
}

interface Connection {
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
  readonly source: SimulatedSource;
  readonly sink: SinkStream;
  readonly keys: FlowKeySet;
  /** Bytes under way with their arrival times, in order, in both directions. */
  readonly forward: Queue;
  readonly backward: Queue;
  readonly forwardSplitter: SyncFrameSplitter;
  readonly backwardSplitter: SyncFrameSplitter;
  purge: Pass | undefined;
  digest: Pass | undefined;
  /** Flows that somebody had laid hands on before the last digest began, and before that which the copy under way is about. */
  digested: Set<number> | undefined;
  mending: Set<number>;
}

export interface WorldFaults {
  /** Chances per step. */
  readonly cut: number;
  readonly takeover: number;
  readonly switchover: number;
  /** A replicator is killed and starts again. */
  readonly restart: number;
  readonly pressure: number;
  readonly readDelay: number;
  /** A standby becomes active although the active node goes on, until one of them gives way. */
  readonly contest: number;
  /** Somebody deletes, adds or alters an entry of a standby's table by hand. */
  readonly corrupt: number;
}

const STEP_MS = 5;
/** What a node says at once has arrived everywhere. */
const LAST_WORD_MS = 100;
const SETTLED_MS_MAX = 60_000;
export const calm: WorldFaults = {
  ...{ cut: 0, takeover: 0, switchover: 0, restart: 0, pressure: 0, readDelay: 0, contest: 0, corrupt: 0 },
};
const DUMP_PART = 7;
/** Flows that traffic makes are numbered below this. */
export const FLOW_IDS = 200;
const NAT_PORTS = 260;
/** A place that is older than this in the resume file does not count as yesterday's. */
const PLACE_AGE = 0.1;
/** Two nodes that hear each other settle it sooner; a split lasts longer. */
const CONTEST_MS_MAX = 1_000;

/** Nodes whose replication machines run against fake kernels over a network that is cut, slow, and comes back. */
export class ReplicationWorld {
  readonly nodes: readonly SimulatedNode[];
  /** Sets of one group each. */
  readonly groups: readonly GroupSet[];
  readonly #random: () => number;
  #nowMs = 0;
  #connections: Connection[] = [];
  /** Nodes that no stream reaches. */
  #cutOff = new Set<SimulatedNode>();
  readonly #fields = new FlowFields();
  /** Flows as the hosts have them: what the kernels should know. */
  #alive = new Map<number, number>();
  /** Flows with little time, which only traffic makes full. */
  #provisional: { readonly kernel: FakeKernel; readonly id: number }[] = [];
  /** Two nodes are active for the group. */
  #contests: { readonly group: GroupSet; readonly endMs: number }[] = [];
  takeovers = 0;
  /** … of which the other group was on another node, which went on. */
  takeoversOfOne = 0;
  /** Flows without an event that a complete standby had. */
  unreportedChecked = 0;
  corruptions = 0;
  contests = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const groupNames = this.#random() < 0.5 ? ["campus"] : ["campus", "guests"];
    this.groups = groupNames.map((_, index) => 1 << index);
    const owner = new FlowOwner(
      groupNames.map((_, index) => ({
        virtualAddresses: [parseNetwork(`192.0.2.${index + 1}/24`) ?? []].flat(),
      })),
    );
    const eventsMax = 5 + Math.floor(this.#random() * 60);
    const options = { random: this.#random, eventsMax, groupNames, owner };
    const size = this.#random();
    const names = ["a", "b", "c", "d"].slice(0, size < 0.3 ? 3 : size < 0.5 ? 4 : 2);
    this.nodes = names.map(
      (name) =>
        new SimulatedNode(
          name,
          names.filter((other) => other !== name),
          options,
        ),
    );
    for (const node of this.nodes)
      node.perform = (source, effects) => this.#performSource(node, source, effects);
    for (const [index, group] of this.groups.entries()) {
      const node = this.nodes[index % this.nodes.length];
      if (node !== undefined) this.#activate(node, group);
    }
  }

  activeFor(group: GroupSet): SimulatedNode | undefined {
    return this.nodes.find(({ groups }) => (groups & group) !== 0);
  }

  activesFor(group: GroupSet): readonly SimulatedNode[] {
    return this.nodes.filter(({ groups }) => (groups & group) !== 0);
  }

  standbysOf(group: GroupSet): readonly SimulatedNode[] {
    return this.nodes.filter(({ groups }) => (groups & group) === 0);
  }

  /** The standby says that it has everything of the group. */
  isComplete(standby: SimulatedNode, group: GroupSet): boolean {
    const stream = this.#stream(this.activeFor(group), standby);
    return stream !== undefined && (stream.sink.completeGroups & group) !== 0;
  }

  /** What a node's kernel holds of a group. */
  flowsOf(node: SimulatedNode | undefined, group: GroupSet): readonly FakeFlow[] {
    return [...(node?.kernel.flows.values() ?? [])].filter((flow) => node?.groupOf(flow) === group);
  }

  groupOf(id: number): GroupSet {
    return this.nodes[0]?.groupOf({ id, natPort: 0, mark: 0 }) ?? 0;
  }

  /** How many streams went on where they had been cut. */
  get resumed(): number {
    return this.nodes
      .flatMap(({ sources }) => sources)
      .reduce((sum, { stream }) => sum + stream.counters.resumed, 0);
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
    if (traffic) this.#checkComplete();
    if (this.#random() < faults.corrupt) this.#corrupt();
    if (this.#random() < faults.cut) this.#cut();
    if (this.#random() < faults.takeover) this.#takeOver();
    if (this.#random() < faults.switchover) this.#switchOver();
    if (this.#random() < faults.restart) this.#restart();
    if (this.#random() < faults.contest) this.#contest();
    this.#settleContests();
    this.#connect();
    for (const node of this.nodes) this.#runNode(node, faults);
    for (const connection of [...this.#connections]) this.#deliver(connection);
  }

  /** Any moment may be that of a takeover. */
  #checkComplete(): void {
    for (const group of this.groups) {
      const active = this.activeFor(group);
      if (active === undefined) continue;
      for (const standby of this.standbysOf(group))
        if (this.isComplete(standby, group)) this.#checkUnreported(active, standby, group);
    }
  }

  #makeTraffic(): void {
    for (let i = Math.floor(this.#random() * 6); i > 0; i--) {
      const id = Math.floor(this.#random() * FLOW_IDS);
      const actives = this.activesFor(this.groupOf(id));
      const kernel = this.#oneOf(actives)?.kernel;
      if (kernel === undefined) continue;
      if (kernel.flows.has(id)) {
        kernel.destroy(id);
        this.#alive.delete(id);
      } else if (actives.every((one) => !one.kernel.flows.has(id))) {
        // What begins on two active nodes with the same addresses and ports cannot go on twice.
        const natPort = this.#freePort(actives, id);
        const flow = { id, natPort, mark: Math.floor(this.#random() * 2) };
        kernel.create(flow);
        this.#alive.set(id, flow.natPort);
      }
    }
  }

  #expireProvisional(): void {
    for (const { kernel, id } of this.#provisional) {
      const flow = kernel.flows.get(id);
      if (
        flow !== undefined &&
        kernel === this.activeFor(this.groupOf(id))?.kernel &&
        this.#alive.get(id) !== flow.natPort
      )
        kernel.destroy(id);
    }
    this.#provisional = [];
  }

  /** Ports are used again soon, as on a busy gateway. */
  #freePort(nodes: readonly SimulatedNode[], id: number): number {
    const flows = nodes.flatMap(({ kernel }) => [...kernel.flows.values()]);
    const isUsed = (natPort: number) => flows.some((flow) => isSamePort(flow, { id, natPort, mark: 0 }));
    let port = Math.floor(this.#random() * NAT_PORTS);
    while (isUsed(port)) port = (port + 1) % NAT_PORTS;
    return port;
  }

  #corrupt(): void {
    const group = this.#anyGroup();
    const standby = this.#oneOf(this.standbysOf(group));
    const flow = this.#oneOf(this.flowsOf(standby, group));
    if (standby === undefined || flow === undefined) return;
    this.corruptions++;
    standby.altered.add(flow.id);
    for (const { to, digested, mending } of this.#connections) {
      if (to !== standby) continue;
      digested?.delete(flow.id);
      mending.delete(flow.id);
    }
    const kind = this.#random();
    if (kind < 0.4) {
      // Its kernel reports that, as it does when a copy's timer runs out: it must not count as the flow's end.
      standby.kernel.destroy(flow.id);
    } else if (kind < 0.7) {
      standby.kernel.flows.set(flow.id, { ...flow, mark: flow.mark + 2 });
    } else {
      const id = FLOW_IDS + 2 * Math.floor(this.#random() * 20) + (flow.id & 1);
      standby.kernel.flows.set(id, { id, natPort: NAT_PORTS + id, mark: 0 });
    }
  }

  #alteredOf(node: SimulatedNode, groups: GroupSet): Set<number> {
    return new Set([...node.altered].filter((id) => (this.groupOf(id) & groups) !== 0));
  }

  #anyGroup(): GroupSet {
    return this.#oneOf(this.groups) ?? 1;
  }

  #oneOf<T>(things: readonly T[]): T | undefined {
    return things[Math.floor(this.#random() * things.length)];
  }

  #runNode(node: SimulatedNode, faults: WorldFaults): void {
    if (node.groups !== 0 && this.#random() >= faults.readDelay) node.readEvents(this.#nowMs);
    for (const source of node.sources) {
      if (this.#random() < faults.pressure) source.stream.pressed();
      else if (this.#random() < 0.5) node.perform(source, source.stream.relieved(this.#nowMs));
      if (this.#random() < 0.7) node.passTurn(source);
      if (this.#nowMs >= source.stream.deadline) node.perform(source, source.stream.timeout(this.#nowMs));
    }
  }

  #connect(): void {
    for (const from of this.nodes) {
      for (const source of from.sources) {
        const to = this.nodes.find(({ name }) => name === source.peer);
        const connected = this.#connections.some((one) => one.source === source);
        if (this.#cutOff.has(from) || (to !== undefined && this.#cutOff.has(to))) continue;
        if (to !== undefined && !connected && this.#random() < 0.05) this.#open(from, to, source);
      }
    }
  }

  #open(from: SimulatedNode, to: SimulatedNode, source: SimulatedSource): void {
    const resume = to.places.get(from.name);
    const settings = {
      ...{ cluster: "sim", node: to.name, peer: from.name, groups: to.groupNames },
      ...{ flows: to.kernel.flows.size, resume, unmerged: to.unmerged },
    };
    const connection: Connection = {
      ...{ from, to, source },
      sink: new SinkStream(settings, this.#nowMs),
      keys: new FlowKeySet(),
      forward: [],
      backward: [],
      forwardSplitter: new SyncFrameSplitter(),
      backwardSplitter: new SyncFrameSplitter(),
      purge: undefined,
      digest: undefined,
      digested: undefined,
      mending: new Set(),
    };
    this.#connections.push(connection);
    this.#settleClaims(to);
    from.perform(source, source.stream.connected(this.#nowMs, from.kernel.flows.size));
  }

  #cut(): void {
    for (const connection of this.#connections) this.#disconnect(connection);
  }

  #disconnect(connection: Connection): void {
    this.#connections = this.#connections.filter((one) => one !== connection);
    connection.sink.disconnected();
    this.#settleClaims(connection.to);
    const { from, source } = connection;
    from.perform(source, source.stream.disconnected());
  }

  #restart(): void {
    const node = this.nodes[Math.floor(this.#random() * this.nodes.length)];
    if (node === undefined) return;
    for (const one of this.#connections) if (one.from === node || one.to === node) this.#disconnect(one);
    node.restartRole();
    const { groups } = node;
    node.groups = 0;
    if (groups !== 0) node.setGroups(this.#nowMs, groups);
  }

  /** A node dies, and others take over its groups: possibly not the same for all. */
  #takeOver(): void {
    const dead = this.activeFor(this.#anyGroup());
    if (dead === undefined) return;
    const heirs = this.groups
      .filter((group) => (dead.groups & group) !== 0)
      .map((group) => ({
        group,
        heir: this.standbysOf(group).find((standby) => this.isComplete(standby, group)),
      }));
    if (heirs.some(({ heir }) => heir === undefined)) return;
    for (const { group, heir } of heirs) if (heir !== undefined) this.#checkAcknowledged(dead, heir, group);
    this.takeovers++;
    if (heirs.length < this.groups.length) this.takeoversOfOne++;
    for (const one of this.#connections) if (one.from === dead || one.to === dead) this.#disconnect(one);
    dead.boot();
    for (const { group, heir } of heirs) {
      if (heir === undefined) continue;
      // Connections that the heir does not know are gone.
      for (const id of this.#alive.keys()) if (this.groupOf(id) === group) this.#alive.delete(id);
      for (const { id, natPort } of this.flowsOf(heir, group)) this.#alive.set(id, natPort);
      this.#activate(heir, group);
    }
  }

  #switchOver(): void {
    const group = this.#anyGroup();
    const from = this.activeFor(group);
    const to = this.standbysOf(group).find((standby) => this.isComplete(standby, group));
    if (from === undefined || to === undefined) return;
    this.#setGroups(from, from.groups & ~group);
    this.#activate(to, group);
  }

  #contest(): void {
    const group = this.#anyGroup();
    const heir = this.#oneOf(this.standbysOf(group));
    if (heir === undefined || this.activeFor(group) === undefined) return;
    this.contests++;
    this.#contests.push({ group, endMs: this.#nowMs + this.#random() * CONTEST_MS_MAX });
    this.#activate(heir, group, this.isComplete(heir, group));
  }

  #settleContests(): void {
    const ended = this.#contests.filter(({ endMs }) => endMs <= this.#nowMs);
    if (ended.length === 0) return;
    this.#contests = this.#contests.filter(({ endMs }) => endMs > this.#nowMs);
    for (const { group } of ended) {
      const actives = this.activesFor(group);
      const loser = actives.length > 1 ? this.#oneOf(actives) : undefined;
      if (loser !== undefined) this.#setGroups(loser, loser.groups & ~group);
    }
  }

  /** Both are active, and hear nothing of each other, while new connections go through either. @returns them with the one that stays active */
  splitAndHeal(count: number): { readonly group: GroupSet; readonly ids: readonly number[] } {
    const group = this.#anyGroup();
    const from = this.activeFor(group);
    const [heir] = this.standbysOf(group);
    if (from === undefined || heir === undefined)
      throw new Error("every group has an active node and a standby");
    this.#cut();
    this.#activate(heir, group, this.isComplete(heir, group));
    const ids = Array.from({ length: 2 * count }, (_, index) => FLOW_IDS + index).filter(
      (id) => this.groupOf(id) === group,
    );
    for (const id of ids) {
      const flow = { id, natPort: NAT_PORTS + id, mark: 0 };
      (this.#random() < 0.5 ? from : heir).kernel.create(flow);
      this.#alive.set(id, flow.natPort);
    }
    this.#setGroups(this.#random() < 0.5 ? from : heir, 0);
    return { group, ids };
  }

  /**
   * The active node of a group is out of everybody's hearing, but goes on. One standby takes over, with connections missing that had not
   * come yet, and gives way before the other node hears it again. @returns those connections, and the third node, which is complete
   */
  takeOverBehindTheBackOfTheLiving(count: number): { group: GroupSet; ids: number[]; third: SimulatedNode } {
    const group = this.#anyGroup();
    const from = this.activeFor(group);
    const [heir, third] = this.standbysOf(group);
    if (from === undefined || heir === undefined || third === undefined)
      throw new Error("every group has an active node and two standbys");
    const ids = Array.from({ length: 2 * count }, (_, index) => FLOW_IDS + index).filter(
      (id) => this.groupOf(id) === group,
    );
    this.#cutOff.add(heir);
    this.#cut();
    for (const id of ids) {
      from.kernel.create({ id, natPort: NAT_PORTS + id, mark: 0 });
      this.#alive.set(id, NAT_PORTS + id);
    }
    this.#settle(from, third, group);
    this.#cutOff = new Set([from]);
    this.#cut();
    this.#activate(heir, group);
    this.#settle(heir, third, group);
    this.#setGroups(heir, heir.groups & ~group);
    this.run(LAST_WORD_MS, false, calm);
    this.#cutOff.clear();
    this.#settle(from, third, group);
    return { group, ids, third };
  }

  /** Until the standby is complete by this source's word. */
  #settle(source: SimulatedNode, standby: SimulatedNode, group: GroupSet): void {
    const endMs = this.#nowMs + SETTLED_MS_MAX;
    do {
      if (this.#nowMs >= endMs) throw new Error(`${standby.name} does not become complete`);
      this.run(10 * STEP_MS, false, calm);
    } while (((this.#stream(source, standby)?.sink.completeGroups ?? 0) & group) === 0);
  }

  #activate(node: SimulatedNode, group: GroupSet, whole = true): void {
    // Whatever it has is the truth now. Other standbys' tables are what they were until they are compared.
    for (const id of this.#alteredOf(node, group)) node.altered.delete(id);
    this.#setGroups(node, node.groups | group, whole);
  }

  /** A standby takes over from a living node, as after a stall, with what it has; nothing can be told meanwhile. */
  takeOverFromTheLiving(): { readonly group: GroupSet; readonly heir: SimulatedNode } {
    const group = this.#anyGroup();
    const from = this.activeFor(group);
    const [heir] = this.standbysOf(group);
    if (from === undefined || heir === undefined)
      throw new Error("every group has an active node and a standby");
    const whole = this.isComplete(heir, group);
    this.#cut();
    this.#setGroups(from, from.groups & ~group);
    this.#activate(heir, group, whole);
    return { group, heir };
  }

  /** Flows begin that the standbys hear nothing of; their addresses and ports are new to all. */
  beginApart(count: number): void {
    this.#cut();
    for (let i = 0; i < count; i++) {
      const flow = { id: FLOW_IDS + i, natPort: NAT_PORTS + i, mark: 0 };
      this.activeFor(this.groupOf(flow.id))?.kernel.create(flow);
      this.#alive.set(flow.id, flow.natPort);
    }
    for (const node of this.nodes) if (node.groups !== 0) node.drain(this.#nowMs);
  }

  /** Flows of a group that the hosts have and a node does not know. */
  missingAt(node: SimulatedNode, group: GroupSet): number[] {
    return [...this.#alive]
      .filter(([id, port]) => this.groupOf(id) === group && node.kernel.flows.get(id)?.natPort !== port)
      .map(([id]) => id);
  }

  #setGroups(node: SimulatedNode, groups: GroupSet, whole = true): void {
    node.setGroups(this.#nowMs, groups, whole);
    this.#settleClaims(node);
  }

  /** As the replicator role does it. */
  #settleClaims(node: SimulatedNode): void {
    const connections = this.#connections.filter(({ to }) => to === node);
    const sinks = connections.map(({ sink }) => sink);
    for (const one of connections) {
      const effects = one.sink.setClaims(node.groups, rivalsOf(one.sink, sinks));
      if (effects.length > 0) node.forgetPlaces(one.from.name, one.sink);
      this.#performSink(one, effects);
    }
  }

  #stream(source: SimulatedNode | undefined, standby: SimulatedNode): Connection | undefined {
    return this.#connections.find(({ from, to }) => from === source && to === standby);
  }

  /** The promise: what the standby has acknowledged, or only applied, survives the active node's death. */
  #checkAcknowledged(dead: SimulatedNode, heir: SimulatedNode, group: GroupSet): void {
    const applied = this.#stream(dead, heir)?.sink.resumePoint;
    if (applied?.session !== dead.log.session) return;
    const last = new Map<number, { position: number; flow: FakeFlow; destroyed: boolean }>();
    for (const entry of dead.entries) last.set(entry.flow.id, entry);
    for (const { position, flow, destroyed } of last.values()) {
      if (position > applied.position || destroyed || heir.altered.has(flow.id)) continue;
      if (dead.groupOf(flow) !== group) continue;
      if (this.#alive.get(flow.id) !== flow.natPort || this.#isContested(flow)) continue;
      const held = heir.kernel.flows.get(flow.id);
      if (held?.natPort !== flow.natPort)
        throw new Error(
          `flow ${flow.id} was acknowledged and is ${held === undefined ? "lost" : "mistranslated"}`,
        );
    }
  }

  /** Another active node has taken its place with a flow of its own, which may be stale: a standby cannot have both. */
  #isContested(flow: FakeFlow): boolean {
    const actives = this.activesFor(this.groupOf(flow.id));
    return actives.some(({ kernel }) =>
      [...kernel.flows.values()].some((one) =>
        one.natPort !== flow.natPort ? one.id === flow.id : one.id !== flow.id && isSamePort(one, flow),
      ),
    );
  }

  /** The promise: who is complete has also what the log never told of, once it is known that there is such. */
  #checkUnreported(active: SimulatedNode, standby: SimulatedNode, group: GroupSet): void {
    if (this.#stream(active, standby)?.sink.resumePoint?.session !== active.log.session) return;
    for (const flow of active.kernel.unreported) {
      if (active.kernel.flows.get(flow.id) !== flow) {
        active.kernel.unreported.delete(flow);
        continue;
      }
      if (active.groupOf(flow) !== group || standby.altered.has(flow.id)) continue;
      // It ended on another node, while both were active.
      if (this.#alive.get(flow.id) !== flow.natPort || this.#isContested(flow)) continue;
      this.unreportedChecked++;
      if (standby.kernel.flows.get(flow.id)?.natPort !== flow.natPort)
        throw new Error(
          `flow ${flow.id} was in no event of this log, and ${standby.name} was complete without it`,
        );
    }
  }

  #performSource(node: SimulatedNode, source: SimulatedSource, effects: readonly SourceEffect[]): void {
    for (const effect of effects) {
      const connection = this.#connections.find((one) => one.source === source);
      switch (effect.do) {
        case "send":
          if (connection !== undefined) this.#send(connection.forward, effect.frame);
          break;
        case "start-digest":
          node.startDigest(this.#nowMs, source, effect);
          break;
        case "start-copy":
          node.startCopy(source, effect, () => this.#nowMs);
          break;
        case "drain":
          node.drain(this.#nowMs);
          node.perform(source, source.stream.drained(this.#nowMs));
          break;
        case "abort-pass":
          source.pass = undefined;
          break;
        case "close":
          if (connection !== undefined) this.#disconnect(connection);
          break;
        case "adopt":
          node.kernel.inject(effect.records, {
            taken: "keep",
            onUpsert: (fields) => this.#provisional.push({ kernel: node.kernel, id: flowOf(fields).id }),
            onKept: () => undefined,
          });
          break;
        case "adopted-all":
          node.adopted(source.peer);
          break;
        case "marked":
          break;
      }
    }
  }

  #send(queue: Queue, bytes: Uint8Array): void {
    const latest = queue.at(-1)?.atMs ?? 0;
    // Torn as TCP tears: two pieces, in order, each with its own delay.
    const at = Math.floor(this.#random() * bytes.length);
    const first = Math.max(latest, this.#nowMs + this.#random() * 30);
    queue.push({ atMs: first, bytes: bytes.slice(0, at) });
    queue.push({ atMs: first + this.#random() * 5, bytes: bytes.slice(at) });
  }

  #deliver(connection: Connection): void {
    const { from, to, source, sink } = connection;
    for (let next = this.#due(connection.forward); next !== undefined; next = this.#due(connection.forward)) {
      const fault = connection.forwardSplitter.push(next, (frame) => {
        this.#performSink(connection, sink.receive(this.#nowMs, frame));
        to.forgetPlaces(from.name, sink);
      });
      this.#settleClaims(to);
      if (fault !== undefined) throw new Error(`the sink cannot read the stream: ${fault.reason}`);
    }
    for (
      let next = this.#due(connection.backward);
      next !== undefined;
      next = this.#due(connection.backward)
    ) {
      connection.backwardSplitter.push(next, (frame) =>
        from.perform(source, source.stream.receive(this.#nowMs, frame)),
      );
    }
    for (const kind of ["digest", "purge"] as const) {
      const pass = connection[kind];
      if (pass === undefined || this.#random() < 0.3) continue;
      const part = pass.parts.next();
      if (part.done === true) pass.end();
      else pass.take(part.value);
    }
    if (this.#nowMs >= sink.deadline) this.#performSink(connection, sink.timeout(this.#nowMs));
    // The file is behind the kernel now and then, never before it.
    to.forgetPlaces(from.name, sink);
    if (sink.resumePoint !== undefined && this.#random() < PLACE_AGE)
      to.places.set(from.name, sink.resumePoint);
  }

  #due(queue: Queue): Uint8Array | undefined {
    if ((queue[0]?.atMs ?? Number.POSITIVE_INFINITY) > this.#nowMs) return undefined;
    return queue.shift()?.bytes;
  }

  #performSink(connection: Connection, effects: readonly SinkEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case "send":
          this.#send(connection.backward, effect.frame);
          break;
        case "apply":
          this.#apply(connection, effect);
          break;
        case "begin-copy":
          connection.keys.clear();
          // Without a digest it is a copy of everything.
          connection.mending = connection.digested ?? this.#alteredOf(connection.to, effect.groups);
          connection.digested = undefined;
          break;
        case "made-up":
          for (const id of connection.mending) connection.to.altered.delete(id);
          connection.mending.clear();
          break;
        case "purge":
          this.#startPurge(connection, effect.purge);
          break;
        case "abort-purge":
          connection.purge = undefined;
          break;
        case "start-digest":
          this.#startDigest(connection, effect);
          break;
        case "abort-digest":
          connection.digest = undefined;
          break;
        case "begin-anew":
        case "close":
          this.#disconnect(connection);
          break;
      }
    }
  }

  /** The promise: what a node is active for is its own, whatever others send of theirs. */
  #apply(connection: Connection, effect: SinkEffect & { do: "apply" }): void {
    const { to } = connection;
    const own = [...to.kernel.flows.values()].filter((flow) => (to.groupOf(flow) & to.groups) !== 0);
    connection.to.kernel.inject(effect.records, {
      taken: effect.taken,
      onUpsert: (fields) => {
        if (effect.remember) connection.keys.add(fields);
        if (effect.provisional)
          this.#provisional.push({ kernel: connection.to.kernel, id: flowOf(fields).id });
      },
      onKept: (id) => this.#provisional.push({ kernel: connection.to.kernel, id }),
    });
    if (effect.taken === "keep") return;
    for (const flow of own) {
      if (to.kernel.flows.get(flow.id) !== flow)
        throw new Error(`flow ${flow.id} of ${to.name} was changed by ${connection.from.name}`);
    }
  }

  #startDigest(
    connection: Connection,
    { groups, bits, seed, paced }: SinkEffect & { do: "start-digest" },
  ): void {
    const digest = new TableDigest(bits, seed);
    // A regular comparison leaves out what changes meanwhile.
    connection.digested = paced ? new Set() : this.#alteredOf(connection.to, groups);
    connection.digest = {
      parts: connection.to.kernel.dump(DUMP_PART),
      take: (flows) => {
        const owned = flows.filter((flow) => (connection.to.groupOf(flow) & groups) !== 0);
        addAll(digest, owned, this.#fields);
      },
      end: () => {
        connection.digest = undefined;
        const result = { busyMs: 1, refreshNeeded: false };
        this.#performSink(connection, connection.sink.digested(digest, result));
      },
    };
  }

  /** The same promise. */
  #purge({ from, to }: Connection, flow: FakeFlow): void {
    if ((to.groupOf(flow) & to.groups) !== 0)
      throw new Error(`flow ${flow.id} of ${to.name} was purged by ${from.name}`);
    to.kernel.flows.delete(flow.id);
  }

  #startPurge(connection: Connection, { copy, groups, buckets, offered: offeredGroups }: Purge): void {
    const { kernel } = connection.to;
    const offered: FakeFlow[] = [];
    connection.purge = {
      parts: kernel.dump(DUMP_PART),
      take: (flows) => {
        for (const flow of flows) {
          const group = connection.to.groupOf(flow);
          if ((group & groups) === 0) continue;
          fillFields(this.#fields, flow);
          const copied = buckets.set.has(buckets.bucketing.bucket(this.#fields));
          // This very entry: a part may be older than a flow that has taken the place meanwhile.
          const isBeyond = copied && !connection.keys.has(this.#fields);
          if (isBeyond && (group & offeredGroups) !== 0) offered.push(flow);
          else if (isBeyond && kernel.flows.get(flow.id) === flow) this.#purge(connection, flow);
        }
      },
      end: () => {
        connection.purge = undefined;
        connection.keys.clear();
        if (offered.length > 0) this.#performSink(connection, connection.sink.offer(encodeUpserts(offered)));
        const result = { purged: 0, refreshed: 0, busyMs: 1 };
        this.#performSink(connection, connection.sink.purged(copy, result));
      },
    };
  }
}
