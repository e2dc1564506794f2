import { createServer, type Server, type TLSSocket } from "node:tls";
import { validIp } from "../../base/ip.ts";
import { FlowFilter } from "../../core/replication/flow-filter.ts";
import { FlowRecorder } from "../../core/replication/flow-recorder.ts";
import { type NodeKeys, readNodeKeys } from "../../keys/read-keys.ts";
import { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { ConntrackEvents } from "../../linux/conntrack-reader.ts";
import { FlowLookup } from "../../linux/flow-lookup.ts";
import { PollSet } from "../../linux/poll.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import type { ExpectationFields } from "../../wire/expectation-fields.ts";
import { FlowRecordWriter } from "../../wire/flow-record.ts";
import { SinkLink } from "../drivers/sink-link.ts";
import { SourceLink } from "../drivers/source-link.ts";
import { peerNode } from "../drivers/tls-name.ts";
import type { NodeSettings } from "../node-settings.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope, RoleMessage, RoleName } from "../role-message.ts";
import type { ReplicatorReport } from "../role-report.ts";

/** Room for about 30,000 events that wait to be read: most of a second at 40,000 new connections a second. */
const EVENT_BUFFER_BYTES = 32 << 20;
/** Changes that come together travel together; a fresh connection is unprotected for this much longer. */
const COALESCE_MS = 1;
/** Batches of events that are read before other work of this process has its turn. */
const BATCHES_PER_TURN = 32;
/** A frame's worth of records. */
const RECORDS_BYTES = 32 << 10;
const EVENT_WAIT_MS = 1_000;
/**
 * A node that had to take over without every connection gives way to one that has them, if such a one shows up within this
 * time: an active node that had only stalled.
 */
const WHOLE_AFTER_MS = 10_000;
const FAREWELL_MS_MIN = 1_000;
const LISTEN_RETRY_MS = 1_000;
const HANDSHAKE_LIMIT_MS = 3_000;
/** Whoever knocks again and again shall not fill the log: refusals in between are only counted. */
const REFUSAL_LOG_MS = 5_000;

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
  readonly #events = new ConntrackEvents({ receiveBufferBytes: EVENT_BUFFER_BYTES });
  readonly #eventPoll = new PollSet([this.#events.fd]);
  readonly #injector = new ConntrackInjector();
  readonly #lookup = new FlowLookup();
  readonly #writer = new FlowRecordWriter(RECORDS_BYTES);
  readonly #recorder: FlowRecorder;
  readonly #sources: readonly SourceLink[];
  readonly #sinks = new Set<SinkLink>();
  #active = false;
  /** Active, with a table that is the truth. */
  #whole = false;
  #wholeTimer: NodeJS.Timeout | undefined;
  /** When this node, as a standby, was last known to hold everything. */
  #lastCompleteMs = Number.NEGATIVE_INFINITY;
  #toldComplete = false;
  #drain: Drain | undefined;
  #purgedBefore = 0;
  #malformedBefore = 0;
  #streamsRefused = 0;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(channel: RoleChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#keys = readNodeKeys(settings.keysDirectory, settings.node);
    const { shortExchanges, marks } = settings.document.replication;
    this.#filter = new FlowFilter(this.#ownAddresses(), this.#virtualAddresses(), {
      shortExchanges,
      marks,
    });
    this.#recorder = new FlowRecorder(this.#filter, this.#writer, () => this.#flush());
    this.#sources = settings.peers.map(
      (peer) =>
        new SourceLink({
          settings,
          peer,
          keys: this.#keys,
          filter: this.#filter,
          onMarked: (name, token) => this.#marked(name, token),
          log: (level, text) => this.#channel.log(level, text),
        }),
    );
    this.#listen();
    this.#waitForEvents();
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
    if (active && !this.#whole) this.#wholeTimer = setTimeout(() => this.#becomeWhole(), WHOLE_AFTER_MS);
    if (active) {
      this.#filter.setOwnAddresses(this.#ownAddresses());
      this.#events.subscribe(true);
    } else {
      // The last changes under this node still go out.
      this.#readEvents();
      this.#events.subscribe(false);
    }
    for (const source of this.#sources) source.setActive(active, this.#whole);
    for (const sink of this.#sinks) sink.setSelfActive(active);
    this.#tellTable();
  }

  /** The last changes go out before this process ends. */
  async #stop(): Promise<void> {
    while (this.#readEvents() === "more");
    await Promise.all(this.#sources.map((source) => source.finish()));
    this.#channel.send("supervisor", { kind: "stopped" });
  }

  /** Nobody with more connections has shown up: what this node has is the truth now. */
  #becomeWhole(): void {
    this.#whole = true;
    for (const source of this.#sources) source.setWhole();
    this.#tellTable();
  }

  /** A takeover follows the loss of the stream within some intervals; a stream that was lost earlier has left a gap. */
  get #farewellMs(): number {
    return Math.max(FAREWELL_MS_MIN, 4 * this.#settings.group.intervalMs);
  }

  #ownAddresses() {
    return this.#route.addresses().map(({ address }) => address);
  }

  #virtualAddresses() {
    return this.#settings.faces.flatMap((face) =>
      face.virtualAddresses.map(({ address }) => validIp(address)),
    );
  }

  #waitForEvents(): void {
    this.#eventPoll.waitInBackground(EVENT_WAIT_MS, () => {
      if (this.#eventPoll.readable(0)) setTimeout(() => this.#eventTurn(), COALESCE_MS);
      else this.#waitForEvents();
    });
  }

  #eventTurn(): void {
    if (this.#readEvents() === "more") setImmediate(() => this.#eventTurn());
    else this.#waitForEvents();
  }

  readonly #visitExpectation = (fields: ExpectationFields, ended: boolean): void => {
    // Its helper may just have shifted the sequence numbers of its flow, of which there is no event.
    const master = this.#lookup.masterOf(fields);
    if (master !== undefined) this.#recorder.flow(master, false);
    this.#recorder.expectation(fields, ended);
  };

  #readEvents(): "more" | "empty" {
    let result: "more" | "empty" = "more";
    for (let batch = 0; batch < BATCHES_PER_TURN && result === "more"; batch++) {
      const count = this.#events.readBatch(
        this.#recorder.flow,
        this.#injector.portId,
        this.#visitExpectation,
      );
      if (count === "overrun") {
        this.#channel.log("warning", "the kernel dropped connection events (ENOBUFS): a full copy follows");
        for (const source of this.#sources) source.overrun();
      } else if (count === 0) {
        result = "empty";
      }
    }
    this.#flush();
    return result;
  }

  #flush(): void {
    const { count } = this.#writer;
    if (count === 0) return;
    const records = this.#writer.take();
    for (const source of this.#sources) source.changed(records, count);
  }

  #startDrain(from: RoleName, message: RoleMessage & { kind: "drain" }): void {
    this.#endDrain(false);
    while (this.#readEvents() === "more");
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

  #listen(): void {
    const { sync, ports, peers } = this.#settings;
    const server: Server = createServer({
      key: this.#keys.privateKey,
      cert: this.#keys.certificate,
      ca: this.#keys.caCertificate,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
    });
    server.maxConnections = 4 * Math.max(1, peers.length);
    server.on("connection", (socket) => {
      if (peers.some(({ syncAddress }) => syncAddress === socket.remoteAddress)) return;
      this.#refuse(`${socket.remoteAddress} is not the address of a node`);
      socket.destroy();
    });
    server.on("secureConnection", (socket) => this.#accept(socket));
    server.on("tlsClientError", (error) => this.#refuse(error.message));
    server.on("error", (error) => {
      this.#channel.log(
        "error",
        `cannot listen on ${sync.address} port ${ports.replication}: ${error.message}`,
      );
      setTimeout(() => this.#listen(), LISTEN_RETRY_MS);
    });
    server.listen({ host: sync.address, port: ports.replication });
  }

  #refuse(reason: string): void {
    this.#streamsRefused++;
    const now = performance.now();
    if (now - this.#refusalLoggedMs < REFUSAL_LOG_MS) return;
    this.#refusalLoggedMs = now;
    this.#channel.log("warning", `refused a stream: ${reason} (${this.#streamsRefused} so far)`);
  }

  #accept(socket: TLSSocket): void {
    const peer = peerNode(socket);
    if (peer === undefined || !this.#settings.peers.some(({ name }) => name === peer)) {
      this.#refuse(`the certificate from ${socket.remoteAddress} is not that of a node of this cluster`);
      socket.destroy();
      return;
    }
    // The newest stream of a peer counts: an older one is half open.
    for (const sink of this.#sinks) if (sink.peer === peer) sink.close();
    const link = new SinkLink({
      settings: this.#settings,
      peer,
      socket,
      injector: this.#injector,
      filter: this.#filter,
      selfActive: this.#active,
      onChange: () => this.#checkTable(),
      onClose: (closed) => {
        this.#sinks.delete(closed);
        this.#purgedBefore += closed.purged;
        this.#malformedBefore += closed.malformed;
      },
      log: (level, text) => this.#channel.log(level, text),
    });
    this.#sinks.add(link);
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
      injected: { created, updated, deleted, kept, replaced, absent },
      refused,
      purged: this.#purgedBefore + sum([...this.#sinks].map(({ purged }) => purged)),
      malformed:
        this.#malformedBefore +
        this.#events.counters.malformed +
        sum([...this.#sinks].map(({ malformed }) => malformed)),
      streamsRefused: this.#streamsRefused,
    };
  }
}

let role: ReplicatorRole | undefined;
const channel = new RoleChannel("replicator", (envelope) => {
  if (envelope.message.kind === "settings") role = new ReplicatorRole(channel, envelope.message.settings);
  else role?.receive(envelope);
});
