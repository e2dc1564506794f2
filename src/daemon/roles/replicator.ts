import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { validIp } from "../../base/ip.ts";
import { ChangeLog } from "../../core/replication/change-log.ts";
import { FlowFilter } from "../../core/replication/flow-filter.ts";
import { UnprotectedCount } from "../../core/replication/unprotected-count.ts";
import { type NodeKeys, readNodeKeys } from "../../keys/read-keys.ts";
import { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { missingFlowKinds } from "../../linux/conntrack-kinds.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import { FlowEvents } from "../drivers/flow-events.ts";
import { ResumeFile } from "../drivers/resume-file.ts";
import { SinkLink } from "../drivers/sink-link.ts";
import { SourceLink } from "../drivers/source-link.ts";
import { StreamListener } from "../drivers/stream-listener.ts";
import type { NodeSettings } from "../node-settings.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope, RoleMessage, RoleName } from "../role-message.ts";
import type { ReplicatorReport } from "../role-report.ts";

/**
 * The log of changes: a standby that was away for less than this gets what it missed. 16 MiB hold 80 s at 5,000 new
 * connections a second, opened and closed.
 */
const LOG_BYTES = 16 << 20;
const LOG_BATCHES = 1 << 16;
/**
 * A node that had to take over without every connection gives way to one that has them, if such a one shows up within this
 * time: an active node that had only stalled.
 */
const WHOLE_AFTER_MS = 10_000;
const FAREWELL_MS_MIN = 1_000;

interface Drain {
  readonly token: number;
  readonly from: RoleName;
  readonly waitingFor: Set<string>;
  readonly timer: NodeJS.Timeout;
}

/** The replicator role: kernel events to the standbys while this node is active, and their flows into this kernel. */
class ReplicatorRole {
  readonly #channel: RoleChannel;
  readonly #settings: NodeSettings;
  readonly #keys: NodeKeys;
  readonly #route = new RouteSocket();
  readonly #filter: FlowFilter;
  readonly #events: FlowEvents;
  /** Found out before anybody listens to events: the kernel is tried with flows of each kind. */
  readonly #missingKinds = missingFlowKinds();
  readonly #injector = new ConntrackInjector();
  readonly #changes = new ChangeLog({
    capacityBytes: LOG_BYTES,
    batches: LOG_BATCHES,
    session: newSession(),
  });
  readonly #resume: ResumeFile;
  readonly #sources: readonly SourceLink[];
  readonly #sinks = new Set<SinkLink>();
  readonly #unprotected = new UnprotectedCount();
  readonly #listener: StreamListener;
  #active = false;
  /** Active, with a table that is the truth. */
  #whole = false;
  #wholeTimer: NodeJS.Timeout | undefined;
  readonly #adoptedFrom = new Set<string>();
  /** When this node, as a standby, was last known to hold everything. */
  #lastCompleteMs = Number.NEGATIVE_INFINITY;
  #toldComplete = false;
  #drain: Drain | undefined;
  #purgedBefore = 0;
  #malformedBefore = 0;

  constructor(channel: RoleChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#keys = readNodeKeys(settings.keysDirectory, settings.node);
    this.#resume = new ResumeFile(join(settings.runDirectory, "resume.json"));
    const { shortExchanges, marks } = settings.document.replication;
    this.#filter = new FlowFilter(this.#ownAddresses(), this.#virtualAddresses(), { shortExchanges, marks });
    this.#sources = settings.peers.map(
      (peer) =>
        new SourceLink({
          settings,
          peer,
          keys: this.#keys,
          filter: this.#filter,
          changes: this.#changes,
          countFlows,
          drain: () => this.#events.drain(),
          injector: this.#injector,
          onAdopted: (name) => this.#adopted(name),
          onMarked: (name, token) => this.#marked(name, token),
          log: (level, text) => this.#channel.log(level, text),
        }),
    );
    this.#events = new FlowEvents({
      filter: this.#filter,
      births: shortExchanges || settings.document.nat.helpers.length > 0,
      ignorePortId: this.#injector.portId,
      onFlow: (fields) => {
        for (const source of this.#sources) source.touch(fields);
      },
      onRecords: (records, count) => {
        this.#changes.append(records, count);
        for (const source of this.#sources) source.changed();
      },
      onOverrun: () => this.#overrun(),
    });
    if (this.#missingKinds.length > 0) {
      this.#channel.log(
        "info",
        `this kernel cannot hold connections with: ${this.#missingKinds.join(", ")}; all others are mirrored`,
      );
    }
    this.#listener = new StreamListener({
      settings,
      keys: this.#keys,
      onStream: (peer, socket) => this.#accept(peer, socket),
      log: (level, text) => this.#channel.log(level, text),
    });
  }

  receive({ from, message }: Envelope): void {
    switch (message.kind) {
      case "active":
        this.#setActive(message.active);
        break;
      case "stop":
        void this.#stop();
        break;
      case "drain":
        this.#startDrain(from, message);
        break;
      case "role-started":
        if (message.role === "failover") this.#tellTable();
        break;
      case "ask":
        this.#channel.send(from, { kind: "answer", request: message.request, report: this.#report() });
        break;
      default:
        break;
    }
  }

  #setActive(active: boolean): void {
    if (active === this.#active) return;
    // The old active's farewell may come before the word that this node is active now.
    const wasComplete = performance.now() - this.#lastCompleteMs < this.#farewellMs;
    this.#whole = active && (this.#complete || wasComplete || this.#settings.peers.length === 0);
    this.#active = active;
    clearTimeout(this.#wholeTimer);
    this.#adoptedFrom.clear();
    if (active && !this.#whole) this.#wholeTimer = setTimeout(() => this.#becomeWhole(), WHOLE_AFTER_MS);
    if (active) {
      // Other nodes' places in this node's earlier logs, and its own in theirs, are of another time.
      this.#changes.restart(newSession());
      for (const { name } of this.#settings.peers) this.#resume.set(name, undefined);
      this.#filter.setOwnAddresses(this.#ownAddresses());
      this.#events.subscribe(true);
    } else {
      // The last changes under this node still go out.
      this.#events.drain();
      this.#events.subscribe(false);
    }
    for (const source of this.#sources) source.setActive(active, this.#whole);
    for (const sink of this.#sinks) sink.setSelfActive(active);
    this.#tellTable();
  }

  /** The last changes go out before this process ends. */
  async #stop(): Promise<void> {
    this.#events.drain();
    await Promise.all(this.#sources.map((source) => source.finish()));
    this.#channel.send("supervisor", { kind: "stopped" });
  }

  /** A peer has no connection that this node lacks. */
  #adopted(peer: string): void {
    this.#adoptedFrom.add(peer);
    if (this.#settings.peers.every(({ name }) => this.#adoptedFrom.has(name))) this.#becomeWhole();
  }

  /** Nobody with more connections has shown up, or they are here as well now: what this node has is the truth. */
  #becomeWhole(): void {
    clearTimeout(this.#wholeTimer);
    if (!this.#active || this.#whole) return;
    this.#whole = true;
    for (const source of this.#sources) source.setWhole();
    this.#tellTable();
  }

  /** A takeover follows the loss of the stream within some intervals; a stream that was lost earlier has left a gap. */
  get #farewellMs(): number {
    return Math.max(FAREWELL_MS_MIN, 4 * this.#settings.group.intervalMs);
  }

  /** Of all nodes: what is mirrored must not depend on the node that looks at the table. */
  #ownAddresses() {
    const peers = this.#settings.peers.flatMap(({ addresses, syncAddress }) => [...addresses, syncAddress]);
    return [...this.#route.addresses().map(({ address }) => address), ...peers.map(validIp)];
  }

  #virtualAddresses() {
    return this.#settings.faces.flatMap((face) =>
      face.virtualAddresses.map(({ address }) => validIp(address)),
    );
  }

  #overrun(): void {
    this.#channel.log("warning", "the kernel dropped connection events (ENOBUFS): the tables are compared");
    this.#changes.restart(newSession());
    for (const source of this.#sources) source.overrun();
  }

  #startDrain(from: RoleName, message: RoleMessage & { kind: "drain" }): void {
    this.#endDrain(false);
    this.#events.drain();
    const ready = this.#sources.filter(({ stream }) => stream.complete);
    const { token, limitMs } = message;
    if (ready.length === 0) {
      this.#channel.send(from, { kind: "drained", token, complete: false });
      return;
    }
    const timer = setTimeout(() => this.#endDrain(false), limitMs);
    this.#drain = { token, from, timer, waitingFor: new Set(ready.map(({ peer }) => peer)) };
    for (const source of ready) source.mark(token);
  }

  #marked(peer: string, token: number): void {
    if (this.#drain?.token !== token) return;
    // What it confirmed is worth nothing if changes were dropped meanwhile.
    const source = this.#sources.find((one) => one.peer === peer);
    if (source?.stream.complete !== true) {
      this.#endDrain(false);
      return;
    }
    this.#drain.waitingFor.delete(peer);
    if (this.#drain.waitingFor.size === 0) this.#endDrain(true);
  }

  #endDrain(complete: boolean): void {
    const drain = this.#drain;
    if (drain === undefined) return;
    this.#drain = undefined;
    clearTimeout(drain.timer);
    this.#channel.send(drain.from, { kind: "drained", token: drain.token, complete });
  }

  #accept(peer: string, socket: TLSSocket): void {
    // The newest stream of a peer counts: an older one is half open.
    for (const sink of this.#sinks) if (sink.peer === peer) sink.close();
    const link = new SinkLink({
      settings: this.#settings,
      peer,
      socket,
      injector: this.#injector,
      unprotected: this.#unprotected,
      filter: this.#filter,
      selfActive: this.#active,
      flows: countFlows(),
      resume: this.#active ? undefined : this.#resume.get(peer, this.#settings.refreshMs),
      onChange: (changed) => {
        if (!this.#active) this.#followLog(changed);
        this.#checkTable();
      },
      onClose: (closed) => {
        this.#sinks.delete(closed);
        this.#purgedBefore += closed.purged;
        this.#malformedBefore += closed.malformed;
      },
      log: (level, text) => this.#channel.log(level, text),
    });
    this.#sinks.add(link);
  }

  #followLog({ peer, stream }: SinkLink): void {
    const place = stream.resumePoint;
    // A stream that is lost leaves the place where it was.
    if (place !== undefined) this.#resume.set(peer, place);
    else if (stream.state !== "greeting" && stream.state !== "closed") this.#resume.set(peer, undefined);
  }

  /** This node's kernel holds every connection of the cluster, as far as anybody can know. */
  get #complete(): boolean {
    return this.#active ? this.#whole : [...this.#sinks].some(({ complete }) => complete);
  }

  #checkTable(): void {
    if (this.#toldComplete && !this.#active) this.#lastCompleteMs = performance.now();
    if (this.#complete !== this.#toldComplete) this.#tellTable();
  }

  #tellTable(): void {
    this.#toldComplete = this.#complete;
    const watermark = Math.max(0, ...[...this.#sinks].map(({ stream }) => stream.recordsReceived));
    this.#channel.send("failover", { kind: "table", complete: this.#toldComplete, watermark });
  }

  #report(): ReplicatorReport {
    const { created, updated, deleted, kept, replaced, absent, refused } = this.#injector.counters;
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      role: "replicator",
      complete: this.#complete,
      streams: [...this.#sources, ...this.#sinks].map((link) => link.report()),
      overruns: this.#events.counters.overruns,
      missingKinds: this.#missingKinds,
      injected: { created, updated, deleted, kept, replaced, absent },
      refused,
      notProtected: this.#unprotected.of(this.#injector.refusedCreates),
      purged: this.#purgedBefore + sum([...this.#sinks].map(({ purged }) => purged)),
      malformed:
        this.#malformedBefore +
        this.#events.counters.malformed +
        sum([...this.#sinks].map(({ malformed }) => malformed)),
      streamsRefused: this.#listener.refused,
    };
  }
}

function newSession(): number {
  return randomInt(1, 2 ** 48);
}

/** Entries in this namespace's connection table. */
function countFlows(): number {
  return Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_count", "utf8"));
}

let role: ReplicatorRole | undefined;
const channel = new RoleChannel("replicator", (envelope) => {
  if (envelope.message.kind === "settings") role = new ReplicatorRole(channel, envelope.message.settings);
  else role?.receive(envelope);
});
