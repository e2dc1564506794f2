import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryEntry } from "../../contract/failover-history.ts";
import { operations } from "../../contract/operations.ts";
import { type ClusterStatus, type NodeStatus, nodeStatusSchema } from "../../contract/status.ts";
import { affectedParts } from "../../core/config/affected-parts.ts";
import { composeClusterStatus } from "../../core/status/cluster-status.ts";
import { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import { Arbiter } from "../drivers/arbiter.ts";
import { ConfigAnswers } from "../drivers/config-answers.ts";
import { ConnectionAnswers } from "../drivers/connection-answers.ts";
import { type ControlHandler, listenForPeers, listenLocally } from "../drivers/control-server.ts";
import { DoctorAnswers } from "../drivers/doctor-answers.ts";
import { FailoverAnswers } from "../drivers/failover-answers.ts";
import { GatewayKeeper } from "../drivers/gateway-keeper.ts";
import { HealthChecks } from "../drivers/health-checks.ts";
import { KeyExchange } from "../drivers/key-exchange.ts";
import { serveMetrics } from "../drivers/metrics-server.ts";
import { NodeAccess } from "../drivers/node-access.ts";
import { NodeHistory } from "../drivers/node-history.ts";
import { NodeMaintenance } from "../drivers/node-maintenance.ts";
import { NodeWishes } from "../drivers/node-wishes.ts";
import { OperationDispatch, type OperationHandlers } from "../drivers/operation-dispatch.ts";
import { askPeer, type PeerAnswer, type PeerQuestion } from "../drivers/peer-client.ts";
import { PeerGate } from "../drivers/peer-gate.ts";
import { replicationCheck } from "../drivers/replication-check.ts";
import { SCRAPE_REPORTS, Scrapes } from "../drivers/scrapes.ts";
import { StaticRoutes } from "../drivers/static-routes.ts";
import type { SupportText } from "../drivers/support-files.ts";
import { TieBreaks } from "../drivers/tie-breaks.ts";
import { readKernel } from "../kernel-figures.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import { composeNodeStatus, unreachableNode } from "../node-status.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope, LogLevel, WorkerRole } from "../role-message.ts";
import { RoleQuestions } from "../role-questions.ts";
import type { FailoverReport, ReplicatorReport, SupervisorReport } from "../role-report.ts";

const PEER_ANSWER_LIMIT_MS = 1_000;
/** What other nodes are asked for the status of the cluster. */
const NODE_STATUS = {
  method: "GET",
  path: operations["node.status"].path,
  limitMs: PEER_ANSWER_LIMIT_MS,
} as const;
/** Roles end in order, and start again. */
const RESTART_LIMIT_MS = 30_000;
/** Routes that take longer are set all the same: somebody else configures the network, and the kernel lets them wait. */
const ROUTES_LIMIT_MS = 2_000;
const SUPPORT_HISTORY_MAX = 200;
const workerRoles = ["failover", "replicator", "control", "api"] as const satisfies readonly WorkerRole[];

/** The control role: loads rules and sysctls, answers questions about the node and the cluster, passes on wishes. */
class ControlRole {
  readonly #channel: RoleChannel;
  #settings: NodeSettings;
  readonly #keys: KeyExchange;
  readonly #connections: ConnectionAnswers;
  readonly #history: NodeHistory;
  readonly #access: NodeAccess;
  readonly #failover: FailoverAnswers;
  readonly #roles: RoleQuestions;
  /** Undefined where the document has none. */
  readonly #arbiter: Arbiter | undefined;
  readonly #ties: TieBreaks;
  readonly #checks: HealthChecks;
  readonly #maintenance: NodeMaintenance;
  readonly #wishes: NodeWishes;
  readonly #doctor: DoctorAnswers;
  readonly #routes: StaticRoutes;
  readonly #activeGroups = new Set<string>();
  #scrapes: Scrapes;
  readonly #config: ConfigAnswers;
  /** The node takes no part in the election before its rules are in the kernel. */
  readonly #gateway: GatewayKeeper;

  constructor(channel: RoleChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#keys = new KeyExchange(settings, {
      send: (role, message) => channel.send(role, message),
      failoverHeard: () => this.#roles.ask<FailoverReport>("failover"),
    });
    this.#roles = new RoleQuestions((role, message) => channel.send(role, message));
    const route = new BackgroundRouteSocket();
    this.#connections = new ConnectionAnswers(settings, route);
    this.#arbiter = this.#newArbiter();
    const onError = (text: string) => channel.log("error", text);
    const askPeer = async (peer: PeerSettings, path: string) =>
      (await this.#askPeer({ peer, path, method: "GET", limitMs: PEER_ANSWER_LIMIT_MS })).body;
    this.#access = new NodeAccess({
      ...{
        settings,
        onError,
        clusterStatus: () => this.#clusterStatus(),
        nodeStatus: () => this.#nodeStatus(),
      },
      declaredUsers: () => this.#settings.document.users,
      askPeer: (question) => this.#askPeer(question),
      log: (level, text) => channel.log(level, text),
    });
    const onEntry = (entry: HistoryEntry) => this.#access.transition(entry);
    this.#history = new NodeHistory({ settings, onError, askPeer, onEntry });
    this.#failover = new FailoverAnswers({
      ...{ settings, history: this.#history, clusterStatus: () => this.#clusterStatus() },
      failover: () => this.#roles.ask<FailoverReport>("failover"),
    });
    this.#maintenance = new NodeMaintenance({
      ...{ node: settings.node, stateDirectory: settings.stateDirectory },
      tellFailover: (maintenance) => channel.send("failover", { kind: "maintenance", maintenance }),
      askFailover: () => this.#roles.ask<FailoverReport>("failover"),
      askCluster: () => this.#clusterStatus(),
      log: (text) => channel.log("warning", text),
    });
    // Before the rules are ready: a node that is set aside must not take part for a moment as if it were not.
    this.#maintenance.tell();
    this.#ties = new TieBreaks({
      groups: settings.groups,
      tie: (group) => this.#checks.tie(group),
      isArbitrated: (group) => this.#arbiter?.views[group]?.reachable === true,
      tell: (group, { cutOff }) => channel.send("failover", { kind: "cut-off", group, cutOff }),
    });
    this.#checks = new HealthChecks({
      ...{ settings, route },
      replication: async (group) => {
        const replicator = await this.#roles.latest<ReplicatorReport>("replicator", SCRAPE_REPORTS);
        return replicationCheck(replicator, group, this.#activeGroups.has(group));
      },
      onVerdicts: (group, checks) => channel.send("failover", { kind: "checks", group, checks }),
      onTie: (group, tie) => this.#ties.reaches(group, tie),
      log: (level, text) => channel.log(level, text),
    });
    this.#wishes = new NodeWishes({
      ...{ settings, roles: this.#roles, failover: this.#failover },
      clusterStatus: () => this.#clusterStatus(),
      askPeer: (question) => this.#askPeer(question),
    });
    this.#scrapes = this.#newScrapes();
    const log = (level: LogLevel, text: string) => channel.log(level, text);
    this.#config = new ConfigAnswers({
      ...{ settings, log },
      use: (next) => this.#use(next),
      check: (next) => this.#gateway.check(next),
      isActive: () => this.#activeGroups.size > 0,
      ask: (peer, method, path, body, limits) => this.#askPeer({ peer, method, path, body, ...limits }),
      status: () => this.#clusterStatus(),
      knownUsers: () => this.#access.knownUsers(),
      onTakenBack: (takenBack) => this.#access.takenBack(takenBack),
    });
    this.#doctor = new DoctorAnswers({
      ...{ settings: () => this.#settings, texts: this.#supportTexts() },
      history: () => this.#config.state?.history,
      askPeer: (question) => this.#askPeer(question),
      askFailover: () => this.#roles.ask<FailoverReport>("failover"),
      askReplicator: () => this.#roles.ask<ReplicatorReport>("replicator"),
      askSupervisor: () => this.#roles.ask<SupervisorReport>("supervisor"),
    });
    if (settings.metrics !== undefined) serveMetrics(settings.metrics, () => this.#scrapes.answer(), onError);
    this.#routes = new StaticRoutes(settings, { route, log });
    const dispatch = new OperationDispatch({
      ...{ node: settings.node, handlers: this.#handlers(), keyed: this.#access.keyed },
      onChange: (entry) => this.#access.changed(entry),
    });
    const handle: ControlHandler = (request) => dispatch.handle(request);
    listenLocally(join(settings.runDirectory, "control.sock"), handle, onError);
    const lookedForDocument = Promise.withResolvers<void>();
    this.#gateway = new GatewayKeeper({
      ...{ settings, log },
      // Questions of the nodes are not to be tracked, so they wait for the rules. What another node knows of the document counts
      // before this one takes part.
      first: async () => {
        listenForPeers({
          ...{ address: settings.sync.address, port: settings.ports.control, ring: this.#keys.ring },
          ...{ gate: new PeerGate(() => this.#settings, log), handle, onError },
        });
        await this.#config.firstLook();
        lookedForDocument.resolve();
      },
      onReady: () => channel.send("failover", { kind: "gateway-ready" }),
    });
    void this.#access.listen(handle, lookedForDocument.promise);
  }

  #newScrapes(): Scrapes {
    return new Scrapes(this.#settings, this.#roles, () => ({
      gatewayLoaded: this.#gateway.isReady,
      history: this.#history.figures,
      checks: this.#checks.status(),
      isSetAside: this.#maintenance.now !== undefined,
      keys: this.#keys.summary,
    }));
  }

  /** Lets another document count on the running node: in the kernel first, then in the roles that must start again for it. */
  async #use(next: NodeSettings): Promise<readonly string[]> {
    const parts = affectedParts(this.#settings.document, next.document, next.node);
    const failures = await this.#gateway.apply(next);
    if (failures.length > 0) return failures;
    this.#settings = next;
    this.#scrapes = this.#newScrapes();
    const restart = workerRoles.filter((role) => parts.has(role) || parts.has("keys"));
    const message = { kind: "reconfigure", settings: next, restart } as const;
    const [answer] = await Promise.all([
      this.#roles.request("supervisor", (request) => ({ ...message, request }), RESTART_LIMIT_MS),
      Promise.race([this.#routes.change(next.document), sleep(ROUTES_LIMIT_MS, undefined, { ref: false })]),
    ]);
    return answer === undefined ? ["the supervisor does not answer"] : [];
  }

  #newArbiter(): Arbiter | undefined {
    const { arbiter } = this.#settings;
    if (arbiter === undefined) return undefined;
    return new Arbiter({
      ...{ settings: this.#settings, arbiter },
      tell: (group, lostTo) =>
        this.#channel.send("failover", {
          ...({ kind: "arbitrated", group } as const),
          ...(lostTo === undefined ? {} : { lostTo }),
        }),
      log: (level, text) => this.#channel.log(level, text),
    });
  }

  receive({ message }: Envelope): void {
    this.#roles.receive(message);
    switch (message.kind) {
      case "role-started":
        if (message.role === "failover") this.#tellFailover();
        break;
      case "active":
        if (message.active) this.#activeGroups.add(message.group);
        else this.#activeGroups.delete(message.group);
        break;
      case "transition":
        this.#history.receive(message.transition);
        break;
      case "standing":
        this.#arbiter?.stands(message.group, message.standing);
        this.#ties.stands(message.group, message.standing);
        break;
      default:
        break;
    }
  }

  /** A failover role that has just started knows nothing. */
  #tellFailover(): void {
    this.#activeGroups.clear();
    this.#keys.tellFailover();
    this.#maintenance.tell();
    for (const { group, verdicts } of this.#checks.verdicts())
      this.#channel.send("failover", { kind: "checks", group, checks: verdicts });
    if (this.#gateway.isReady) this.#channel.send("failover", { kind: "gateway-ready" });
  }

  #handlers(): OperationHandlers {
    return {
      ...this.#access.handlers(),
      status: () => this.#clusterStatus(),
      metrics: () => this.#scrapes.answer(),
      "node.status": () => this.#nodeStatus(),
      "node.history": ({ query }) => this.#history.own(query),
      "node.standby": (call) => this.#wishes.atNode(call, (wish) => this.#maintenance.standby(wish)),
      "node.keys": (call) => this.#wishes.atNode(call, (wish) => this.#keys.carryOut(wish)),
      "node.resume": (call) => this.#wishes.atNode(call, (wish) => this.#maintenance.resume(wish)),
      switchover: (call) => this.#wishes.switchover(call),
      "failover.history": ({ query }) => this.#history.cluster(query),
      "failover.history.item": ({ parameters }) => this.#history.item(parameters["id"] ?? ""),
      "failover.why": () => this.#failover.why(),
      "connections.list": ({ query }) => this.#connections.list(query),
      "connections.count": ({ query }) => this.#connections.count(query),
      "connections.top": ({ query }) => this.#connections.top(query),
      ...this.#config.handlers(),
      ...this.#doctor.handlers,
    };
  }

  /** What only this role knows, for a support bundle. */
  #supportTexts(): SupportText[] {
    const json = async (answer: unknown) => JSON.stringify(await answer, null, 1);
    const newest = new URLSearchParams({ limit: String(SUPPORT_HISTORY_MAX) });
    return [
      {
        name: "status.json",
        about: "tocha status, as this node sees it",
        get: () => json(this.#clusterStatus()),
      },
      { name: "why.json", about: "tocha failover why", get: () => json(this.#failover.why()) },
      { name: "history.json", about: "its changes of role", get: () => json(this.#history.own(newest)) },
      { name: "metrics.txt", about: "tocha metrics", get: async () => (await this.#scrapes.answer()).text },
      { name: "doctor.json", about: "tocha doctor, asked here", get: () => json(this.#doctor.report()) },
    ];
  }

  async #clusterStatus(): Promise<ClusterStatus> {
    const settings = this.#settings;
    const own = this.#nodeStatus();
    const others = settings.peers.map((peer) => this.#peerStatus(peer));
    const [nodes, failover] = await Promise.all([
      Promise.all([own, ...others]),
      this.#roles.ask<FailoverReport>("failover"),
    ]);
    const order = Object.keys(settings.document.nodes);
    return composeClusterStatus({
      cluster: settings.cluster,
      groups: settings.groups.map(({ name }) => name),
      asOf: new Date().toISOString(),
      revision: settings.revision,
      heardActive: Object.fromEntries(
        failover?.groups.map(({ name, view }) => [name, view.activeNode]) ?? [],
      ),
      nodes: nodes.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
      reported: [...this.#gateway.problems, ...this.#routes.problems()],
    });
  }

  async #nodeStatus(): Promise<NodeStatus> {
    const [failover, replicator, supervisor] = await Promise.all([
      this.#roles.ask<FailoverReport>("failover"),
      this.#roles.ask<ReplicatorReport>("replicator"),
      this.#roles.ask<SupervisorReport>("supervisor"),
    ]);
    return composeNodeStatus({
      settings: this.#settings,
      failover,
      replicator,
      supervisor,
      arbiter: this.#arbiter?.views,
      kernel: readKernel(supervisor),
      checks: this.#checks.status(),
      maintenance: this.#maintenance.now,
      config: this.#config.state,
      keys: this.#keys.summary,
    });
  }

  async #peerStatus(peer: PeerSettings): Promise<NodeStatus> {
    try {
      const answer = await this.#askPeer({ peer, ...NODE_STATUS });
      return nodeStatusSchema.parse(answer.body);
    } catch {
      return unreachableNode(this.#settings, peer.name);
    }
  }

  async #askPeer(question: Omit<PeerQuestion, "settings" | "ring">): Promise<PeerAnswer> {
    // Without the rules the question would be tracked.
    await this.#gateway.tried;
    return await askPeer({ settings: this.#settings, ring: this.#keys.ring, ...question });
  }
}

let role: ControlRole | undefined;
const channel = new RoleChannel("control", (envelope) => {
  if (envelope.message.kind === "settings") role = new ControlRole(channel, envelope.message.settings);
  else role?.receive(envelope);
});
