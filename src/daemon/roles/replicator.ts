import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { type IpAddress, validIp } from "../../base/ip.ts";
import { validNetwork } from "../../contract/nat-targets.ts";
import { ChangeLog } from "../../core/replication/change-log.ts";
import { FlowFilter } from "../../core/replication/flow-filter.ts";
import { FlowOwner, type GroupSet } from "../../core/replication/flow-owner.ts";
import { forgottenPlaces } from "../../core/replication/resume-place.ts";
import type { SinkStream } from "../../core/replication/sink-stream.ts";
import { rivalsOf, UnmergedGroups } from "../../core/replication/unmerged-groups.ts";
import { UnprotectedCount } from "../../core/replication/unprotected-count.ts";
import { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { missingFlowKinds } from "../../linux/conntrack-kinds.ts";
import { KnownZones } from "../../linux/known-zones.ts";
import { DrainRequests } from "../drivers/drain-requests.ts";
import { FlowEvents } from "../drivers/flow-events.ts";
import { GroupTables } from "../drivers/group-tables.ts";
import { KeyRing } from "../drivers/key-ring.ts";
import { ResumeFile } from "../drivers/resume-file.ts";
import { SinkLink } from "../drivers/sink-link.ts";
import { SourceLink } from "../drivers/source-link.ts";
import { StreamListener } from "../drivers/stream-listener.ts";
import { allVirtualAddresses, type NodeSettings } from "../node-settings.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope } from "../role-message.ts";
import type { ReplicatorReport } from "../role-report.ts";

/**
 * The log of changes: a standby that was away for less than this gets what it missed. 16 MiB hold 80 s at 5,000 new
 * connections a second, opened and closed.
 */
const LOG_BYTES = 16 << 20;
const LOG_BATCHES = 1 << 16;

/** The replicator role: kernel events to the standbys, of the groups that this node is active for, and their flows into this kernel. */
class ReplicatorRole {
  readonly #channel: RoleChannel;
  readonly #settings: NodeSettings;
  readonly #ring: KeyRing;
  readonly #route = new BackgroundRouteSocket();
  readonly #filter: FlowFilter;
  readonly #owner: FlowOwner;
  readonly #zones = new KnownZones();
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
  readonly #unmerged = new UnmergedGroups();
  readonly #listener: StreamListener;
  readonly #tables: GroupTables;
  readonly #drains: DrainRequests;
  /** Peers that have no connection of this node's groups, as these are now, that it lacks itself. */
  readonly #adoptedFrom = new Set<string>();
  #purgedBefore = 0;
  #malformedBefore = 0;

  constructor(channel: RoleChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#ring = new KeyRing(settings);
    this.#resume = new ResumeFile(join(settings.runDirectory, "resume.json"), (text) =>
      this.#channel.log("warning", text),
    );
    const { shortExchanges, marks } = settings.document.replication;
    const virtual = allVirtualAddresses(settings).map(validIp);
    this.#filter = new FlowFilter(this.#documentAddresses(), virtual, { shortExchanges, marks });
    void this.#readOwnAddresses();
    this.#owner = flowOwner(settings);
    this.#sources = settings.peers.map(
      (peer) =>
        new SourceLink({
          settings,
          peer,
          ring: this.#ring,
          filter: this.#filter,
          owner: this.#owner,
          zones: this.#zones,
          changes: this.#changes,
          countFlows,
          drain: () => this.#events.drain(),
          injector: this.#injector,
          onAdopted: (name) => this.#adopted(name),
          onMarked: (name, token) => this.#drains.marked(name, token),
          log: (level, text) => this.#channel.log(level, text),
        }),
    );
    this.#tables = new GroupTables({
      groups: settings.groups,
      alone: settings.peers.length === 0,
      completeGroups: () => this.#ofSinks(({ completeGroups }) => completeGroups),
      brokenGroups: () => this.#ofSinks(({ brokenGroups }) => brokenGroups),
      awaitsPeers: () =>
        this.#sources.some(({ peer, stream }) => stream.state !== "offline" && !this.#adoptedFrom.has(peer)),
      onWhole: () => {
        for (const source of this.#sources) source.setWhole(this.#tables.isWhole);
      },
      tell: (group, complete) => this.#tellTable(group, complete),
    });
    this.#drains = new DrainRequests({
      sources: this.#sources,
      bitOf: (group) => this.#tables.bitOf(group),
      send: (to, message) => this.#channel.send(to, message),
    });
    this.#events = new FlowEvents({
      filter: this.#filter,
      owner: this.#owner,
      zones: this.#zones,
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
      ring: this.#ring,
      onStream: (peer, socket) => this.#accept(peer, socket),
      log: (level, text) => this.#channel.log(level, text),
    });
  }

  receive({ from, message }: Envelope): void {
    switch (message.kind) {
      case "active":
        this.#setActive(message.group, message.active);
        break;
      case "stop":
        void this.#stop();
        break;
      case "drain":
        this.#events.drain();
        this.#drains.start(from, message);
        break;
      case "keys-changed":
        this.#reloadKeys();
        break;
      case "role-started":
        if (message.role === "failover") this.#tables.tellAll();
        break;
      case "ask":
        this.#channel.send(from, { kind: "answer", request: message.request, report: this.#report() });
        break;
      default:
        break;
    }
  }

  #reloadKeys(): void {
    try {
      this.#ring.reload();
    } catch (error) {
      // The control role has just read them: they change again, and it says so again.
      this.#channel.log(
        "warning",
        `the keys on disk are not used: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  /**
   * Changes under the groups of before go out first. If this node is active for any group then, its log begins anew: other nodes'
   * places in the earlier one, and its own in theirs, are of another time.
   */
  #setActive(group: string, active: boolean): void {
    const before = this.#tables.active;
    if (!this.#tables.setActive(group, active)) return;
    this.#adoptedFrom.clear();
    const groups = this.#tables.active;
    if (before !== 0) this.#events.drain();
    this.#unprotected.forget(groups);
    this.#unmerged.add(groups);
    if (groups !== 0) {
      for (const source of this.#sources) source.flush();
      this.#changes.restart(newSession());
      if (active) this.#resume.forget(this.#settings.peers.map(({ name }) => name));
      void this.#readOwnAddresses();
    }
    this.#events.report(groups);
    for (const source of this.#sources) source.setGroups(groups, this.#tables.isWhole);
    this.#settleClaims();
    this.#tables.tellAll();
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
    if (this.#settings.peers.every(({ name }) => this.#adoptedFrom.has(name))) this.#tables.allAdopted();
  }

  /** Nodes' addresses that the document knows, of all nodes: what is mirrored must not depend on the node that looks at the table. */
  #documentAddresses(): IpAddress[] {
    const { groups, peers, sync } = this.#settings;
    const own = groups.flatMap(({ faces }) => faces.flatMap(({ addresses }) => addresses));
    const others = peers.flatMap(({ addresses, syncAddress }) => [...addresses, syncAddress]);
    return [...own, sync.address, ...others].map(validIp);
  }

  /** Those that the kernel has besides. Changes of connections do not wait for it: somebody else may be configuring the network. */
  async #readOwnAddresses(): Promise<void> {
    const own = await this.#route.addresses();
    this.#filter.setOwnAddresses([...own.map(({ address }) => address), ...this.#documentAddresses()]);
  }

  #overrun(): void {
    this.#channel.log("warning", "the kernel dropped connection events (ENOBUFS): the tables are compared");
    this.#changes.restart(newSession());
    for (const source of this.#sources) source.overrun();
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
      owner: this.#owner,
      flows: countFlows(),
      resume: this.#resume.get(peer, this.#settings.refreshMs),
      unmerged: this.#unmerged,
      onChange: (changed) => {
        this.#followLog(changed);
        this.#settleClaims();
        this.#tables.check();
      },
      onClose: (closed) => {
        this.#sinks.delete(closed);
        this.#purgedBefore += closed.purged;
        this.#malformedBefore += closed.malformed;
        this.#settleClaims();
      },
      log: (level, text) => this.#channel.log(level, text),
    });
    this.#sinks.add(link);
    this.#settleClaims();
  }

  /** Each stream from a source is told who else is active for its groups. */
  #settleClaims(): void {
    const streams = [...this.#sinks].map(({ stream }) => stream);
    for (const sink of this.#sinks) sink.setClaims(this.#tables.active, rivalsOf(sink.stream, streams));
  }

  #followLog({ peer, stream }: SinkLink): void {
    this.#resume.forget(forgottenPlaces(this.#resume.places, peer, stream));
    const place = stream.resumePoint;
    if (place !== undefined) this.#resume.set(peer, place);
  }

  #ofSinks(groupsOf: (stream: SinkStream) => GroupSet): GroupSet {
    let groups = 0;
    for (const { stream } of this.#sinks) groups |= groupsOf(stream);
    return groups;
  }

  #tellTable(group: string, complete: boolean): void {
    const watermark = Math.max(0, ...[...this.#sinks].map(({ stream }) => stream.recordsReceived));
    this.#channel.send("failover", { kind: "table", group, complete, watermark });
  }

  #report(): ReplicatorReport {
    const { created, updated, deleted, kept, replaced, absent, refused } = this.#injector.counters;
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      role: "replicator",
      complete: this.#tables.isComplete,
      groups: this.#tables.completeByGroup(),
      streams: [...this.#sources, ...this.#sinks].map((link) => link.report()),
      overruns: this.#events.counters.overruns,
      missingKinds: this.#missingKinds,
      injected: { created, updated, deleted, kept, replaced, absent },
      refused,
      notProtected: this.#unprotected.total,
      notProtectedByGroup: Object.fromEntries([
        ["", this.#unprotected.of(0)],
        ...this.#settings.groups.map(({ name }) => [name, this.#unprotected.of(this.#tables.bitOf(name))]),
      ]),
      purged: this.#purgedBefore + sum([...this.#sinks].map(({ purged }) => purged)),
      malformed:
        this.#malformedBefore +
        this.#events.counters.malformed +
        sum([...this.#sinks].map(({ malformed }) => malformed)),
      streamsRefused: this.#listener.refused,
    };
  }
}

function flowOwner({ groups, document }: NodeSettings): FlowOwner {
  return new FlowOwner(
    groups.map(({ name, faces }) => ({
      routedNetworks: Object.values(document.groups[name]?.routedNetworks ?? {})
        .flat()
        .map(validNetwork),
      virtualAddresses: faces.flatMap(({ virtualAddresses }) =>
        virtualAddresses.map(({ address, prefixLength }) => ({ address: validIp(address), prefixLength })),
      ),
    })),
  );
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
