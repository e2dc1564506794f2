import { join } from "node:path";
import { type Problem, ProblemError } from "../../base/problem.ts";
import { type ForeseenSwitchover, foreseenSwitchoverSchema } from "../../contract/failover-why.ts";
import {
  type ClusterStatus,
  type NodeStatus,
  nodeStatusSchema,
  problemSchema,
  type SwitchoverAnswer,
  type SwitchoverRequest,
  switchoverAnswerSchema,
  switchoverRequestSchema,
} from "../../contract/status.ts";
import { composeClusterStatus } from "../../core/status/cluster-status.ts";
import { type NodeKeys, readNodeKeys } from "../../keys/read-keys.ts";
import { Arbiter } from "../drivers/arbiter.ts";
import { chooseGroup } from "../drivers/choose-group.ts";
import { ConnectionAnswers } from "../drivers/connection-answers.ts";
import { type ControlRequest, listenForPeers, listenLocally } from "../drivers/control-server.ts";
import { FailoverAnswers } from "../drivers/failover-answers.ts";
import { gatewayProblem, loadGateway } from "../drivers/gateway-loader.ts";
import { HealthChecks } from "../drivers/health-checks.ts";
import { MetricsServer } from "../drivers/metrics-server.ts";
import { NodeHistory } from "../drivers/node-history.ts";
import { NodeMaintenance, parseResume, parseStandby } from "../drivers/node-maintenance.ts";
import { askPeer, type PeerAnswer } from "../drivers/peer-client.ts";
import { replicationCheck } from "../drivers/replication-check.ts";
import { SCRAPE_REPORTS, Scrapes } from "../drivers/scrapes.ts";
import { readKernel } from "../kernel-figures.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import { composeNodeStatus, unreachableNode } from "../node-status.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope } from "../role-message.ts";
import { RoleQuestions } from "../role-questions.ts";
import type { FailoverReport, ReplicatorReport, SupervisorReport } from "../role-report.ts";

const PEER_ANSWER_LIMIT_MS = 1_000;
const SWITCHOVER_LIMIT_MS = 5_000;
const SWITCHOVER_POLL_MS = 20;
const GATEWAY_RETRY_MS = 5_000;

/** The control role: loads rules and sysctls, answers questions about the node and the cluster, passes on wishes. */
class ControlRole {
  readonly #channel: RoleChannel;
  readonly #settings: NodeSettings;
  readonly #keys: NodeKeys;
  readonly #connections: ConnectionAnswers;
  readonly #history: NodeHistory;
  readonly #failover: FailoverAnswers;
  readonly #roles: RoleQuestions;
  /** Undefined where the document has none. */
  readonly #arbiter: Arbiter | undefined;
  readonly #checks: HealthChecks;
  readonly #maintenance: NodeMaintenance;
  readonly #activeGroups = new Set<string>();
  readonly #scrapes: Scrapes;
  #gatewayReady = false;
  #gatewayFailures: readonly string[] = [];

  constructor(channel: RoleChannel, settings: NodeSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#keys = readNodeKeys(settings.keysDirectory, settings.node);
    this.#roles = new RoleQuestions((role, message) => channel.send(role, message));
    this.#connections = new ConnectionAnswers(settings);
    this.#arbiter = this.#newArbiter();
    const onError = (text: string) => channel.log("error", text);
    const askPeer = async (peer: PeerSettings, path: string) => (await this.#askPeer(peer, "GET", path)).body;
    this.#history = new NodeHistory({ settings, onError, askPeer });
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
    this.#checks = new HealthChecks({
      settings,
      replication: async (group) => {
        const replicator = await this.#roles.latest<ReplicatorReport>("replicator", SCRAPE_REPORTS);
        return replicationCheck(replicator, group, this.#activeGroups.has(group));
      },
      onVerdicts: (group, checks) => channel.send("failover", { kind: "checks", group, checks }),
      log: (level, text) => channel.log(level, text),
    });
    listenLocally(
      join(settings.runDirectory, "control.sock"),
      async (request) =>
        (await this.#handleLocal(request)) ??
        (await this.#failover.answer(request)) ??
        (await this.#handle(request)),
      onError,
    );
    listenForPeers(settings, this.#keys, (request) => this.#handle(request), onError);
    this.#scrapes = new Scrapes(settings, this.#roles, () => ({
      gatewayLoaded: this.#gatewayReady,
      history: this.#history.figures,
      checks: this.#checks.status(),
      isSetAside: this.#maintenance.now !== undefined,
    }));
    if (settings.metrics !== undefined)
      new MetricsServer(settings.metrics, () => this.#scrapes.answer(), onError);
    void this.#loadGateway();
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
        break;
      default:
        break;
    }
  }

  /** A failover role that has just started knows nothing. */
  #tellFailover(): void {
    this.#activeGroups.clear();
    this.#maintenance.tell();
    for (const { group, verdicts } of this.#checks.verdicts())
      this.#channel.send("failover", { kind: "checks", group, checks: verdicts });
    if (this.#gatewayReady) this.#channel.send("failover", { kind: "gateway-ready" });
  }

  /** The node takes no part in the election before its rules are in the kernel. */
  async #loadGateway(): Promise<void> {
    this.#gatewayFailures = await loadGateway(this.#settings, (text) => this.#channel.log("warning", text));
    if (this.#gatewayFailures.length === 0) {
      this.#gatewayReady = true;
      this.#channel.send("failover", { kind: "gateway-ready" });
      this.#channel.log("info", "rules and sysctls are in the kernel");
      return;
    }
    for (const failure of this.#gatewayFailures) this.#channel.log("error", failure);
    setTimeout(() => void this.#loadGateway(), GATEWAY_RETRY_MS);
  }

  /** What is not for other nodes: it is much, or of this node alone. */
  #handleLocal({ method, path, query }: ControlRequest): unknown {
    switch (`${method} ${path}`) {
      case "GET /metrics":
        return this.#scrapes.answer();
      case "GET /v1/connections":
        return this.#connections.list(query);
      case "GET /v1/connections/count":
        return this.#connections.count(query);
      case "GET /v1/connections/top":
        return this.#connections.top(query);
      default:
        return undefined;
    }
  }

  async #handle(request: ControlRequest): Promise<unknown> {
    switch (`${request.method} ${request.path}`) {
      case "GET /v1/status":
        return await this.#clusterStatus();
      case "GET /v1/node":
        return await this.#nodeStatus();
      case "GET /v1/node/history":
        return this.#history.own(request.query);
      case "POST /v1/switchover":
        return await this.#switchover(request);
      case "POST /v1/node/standby":
        return await this.#atNode(request, parseStandby, (wish) => this.#maintenance.standby(wish));
      case "POST /v1/node/resume":
        return await this.#atNode(request, parseResume, (wish) => this.#maintenance.resume(wish));
      default:
        return undefined;
    }
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
      reported: this.#gatewayFailures.map((message) =>
        gatewayProblem(settings.node, message, GATEWAY_RETRY_MS),
      ),
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
    });
  }

  async #peerStatus(peer: PeerSettings): Promise<NodeStatus> {
    try {
      const answer = await this.#askPeer(peer, "GET", "/v1/node");
      return nodeStatusSchema.parse(answer.body);
    } catch {
      return unreachableNode(this.#settings, peer.name);
    }
  }

  /** What one node is asked is done there, whichever node hears of it. */
  async #atNode<T extends { readonly node: string }>(
    { body, from, path }: ControlRequest,
    parse: (body: unknown) => T,
    carryOut: (wish: T) => unknown,
  ): Promise<unknown> {
    const wish = parse(body);
    if (wish.node === this.#settings.node) return await carryOut(wish);
    this.#checkNode(wish.node);
    return await this.#passOn(wish.node, from, { path, wish });
  }

  #checkNode(name: string): void {
    const { nodes } = this.#settings.document;
    if (Object.hasOwn(nodes, name)) return;
    const hint = `Nodes: ${Object.keys(nodes).join(", ")}.`;
    throw new ProblemError({ code: "no-such-node", message: `there is no node ${name}`, hint });
  }

  /** A switchover is asked for on any node, and carried out by the one that is active. */
  async #switchover({ body, from }: ControlRequest): Promise<SwitchoverAnswer | ForeseenSwitchover> {
    const wish = switchoverRequestSchema.safeParse(body ?? {});
    if (!wish.success)
      throw new ProblemError({ code: "bad-request", message: "the request has unknown keys or wrong types" });
    const status = await this.#clusterStatus();
    const group = chooseGroup(status, wish.data);
    const { activeNode } = group;
    if (activeNode === null)
      throw new ProblemError({
        code: "no-active-node",
        message: status.summary,
        hint: "tocha status says why.",
      });
    const { to } = wish.data;
    if (to === activeNode)
      throw new ProblemError({ code: "already-active", message: `${to} is active already` });
    if (to !== undefined) this.#checkNode(to);
    if (activeNode !== this.#settings.node) {
      const schema = wish.data.dryRun === true ? foreseenSwitchoverSchema : switchoverAnswerSchema;
      return schema.parse(await this.#passOn(activeNode, from, { path: "/v1/switchover", wish: wish.data }));
    }
    const foreseen = await this.#failover.foreseeSwitchover(status, { group: group.name, to });
    if (wish.data.dryRun === true) return foreseen;
    const problem = await this.#beginSwitchover(group.name, wish.data);
    if (problem !== undefined) throw new ProblemError(problem);
    return await this.#waitForSwitchover(group.name);
  }

  /** @returns the answer of another node */
  async #passOn(
    node: string,
    from: string,
    { path, wish }: { readonly path: string; readonly wish: unknown },
  ): Promise<unknown> {
    const peer = this.#settings.peers.find(({ name }) => name === node);
    // Only a local wish is passed on: two nodes that disagree must not send it back and forth.
    if (peer === undefined || from !== "local") {
      throw new ProblemError({
        code: "not-active",
        message: `${this.#settings.node} is not active`,
        hint: "Try again in a moment.",
      });
    }
    let answer: PeerAnswer;
    try {
      answer = await this.#askPeer(peer, "POST", path, wish, SWITCHOVER_LIMIT_MS + 1_000);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const hint = `Does tocha run on ${node}, and is the sync link whole? tocha status`;
      throw new ProblemError({ code: "node-unreachable", message: `${node} does not answer: ${why}`, hint });
    }
    if (answer.status === 200) return answer.body;
    const problem = problemSchema.parse(answer.body);
    throw new ProblemError({
      code: problem.code,
      message: problem.message,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    });
  }

  async #beginSwitchover(group: string, wish: SwitchoverRequest): Promise<Problem | undefined> {
    const { reason = "asked for", to } = wish;
    const answer = await this.#roles.request("failover", (request) => ({
      ...{ kind: "switchover", group, request, reason },
      ...(to === undefined ? {} : { to }),
    }));
    if (answer?.kind !== "switchover-answer") {
      return {
        code: "no-answer",
        message: "the failover role does not answer",
        hint: "tocha status; it is started again by itself.",
      };
    }
    return answer.problem;
  }

  async #waitForSwitchover(group: string): Promise<SwitchoverAnswer> {
    const deadline = Date.now() + SWITCHOVER_LIMIT_MS;
    while (Date.now() < deadline) {
      const report = await this.#roles.ask<FailoverReport>("failover");
      const view = report?.groups.find(({ name }) => name === group)?.view;
      if (
        view !== undefined &&
        view.role !== "active" &&
        view.activeNode !== undefined &&
        view.activeNode !== this.#settings.node
      ) {
        return { ok: true, group, from: this.#settings.node, to: view.activeNode };
      }
      if (view?.role === "active" && !view.draining && view.handoverRefused !== undefined)
        throw new ProblemError(view.handoverRefused);
      await new Promise((resolve) => setTimeout(resolve, SWITCHOVER_POLL_MS));
    }
    throw new ProblemError({
      code: "switchover-unfinished",
      message: `no other node was seen active within ${SWITCHOVER_LIMIT_MS / 1_000} s`,
      hint: "tocha status shows who is active now.",
    });
  }

  #askPeer(
    peer: PeerSettings,
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    limitMs = PEER_ANSWER_LIMIT_MS,
  ) {
    return askPeer({
      settings: this.#settings,
      keys: this.#keys,
      peer,
      method,
      path,
      limitMs,
      ...(body === undefined ? {} : { body }),
    });
  }
}

let role: ControlRole | undefined;
const channel = new RoleChannel("control", (envelope) => {
  if (envelope.message.kind === "settings") role = new ControlRole(channel, envelope.message.settings);
  else role?.receive(envelope);
});
