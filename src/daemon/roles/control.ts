import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Problem, ProblemError } from "../../base/problem.ts";
import {
  type ClusterGroupStatus,
  type ClusterStatus,
  type NodeStatus,
  nodeStatusSchema,
  problemSchema,
  type StatusProblem,
  type SwitchoverAnswer,
  type SwitchoverRequest,
  switchoverAnswerSchema,
  switchoverRequestSchema,
} from "../../contract/status.ts";
import { composeClusterStatus } from "../../core/status/cluster-status.ts";
import { type NodeKeys, readNodeKeys } from "../../keys/read-keys.ts";
import { Arbiter } from "../drivers/arbiter.ts";
import { ConnectionAnswers } from "../drivers/connection-answers.ts";
import { type ControlRequest, listenForPeers, listenLocally, TextAnswer } from "../drivers/control-server.ts";
import { loadGateway } from "../drivers/gateway-loader.ts";
import { MetricsServer } from "../drivers/metrics-server.ts";
import { askPeer } from "../drivers/peer-client.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import { composeNodeStatus, unreachableNode } from "../node-status.ts";
import { processUsage } from "../process-usage.ts";
import { RoleChannel } from "../role-channel.ts";
import type { Envelope } from "../role-message.ts";
import { RoleQuestions } from "../role-questions.ts";
import type { FailoverReport, ReplicatorReport, SupervisorReport } from "../role-report.ts";

const PEER_ANSWER_LIMIT_MS = 1_000;
const SWITCHOVER_LIMIT_MS = 5_000;
const SWITCHOVER_POLL_MS = 20;
const GATEWAY_RETRY_MS = 5_000;
/** A scrape takes the roles' last reports where new ones are not there at once; older ones would be a lie. */
const SCRAPE_REPORTS = { waitMs: 100, ageMsMax: 10_000 };

/** The control role: loads rules and sysctls, answers questions about the node and the cluster, passes on wishes. */
class ControlRole {
  readonly #channel: RoleChannel;
  readonly #settings: NodeSettings;
  readonly #keys: NodeKeys;
  readonly #connections: ConnectionAnswers;
  readonly #roles: RoleQuestions;
  /** Undefined where the document has none. */
  readonly #arbiter: Arbiter | undefined;
  #scrape: Promise<TextAnswer> | undefined;
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
    listenLocally(
      join(settings.runDirectory, "control.sock"),
      async (request) => (await this.#handleLocal(request)) ?? (await this.#handle(request)),
      onError,
    );
    listenForPeers(settings, this.#keys, (request) => this.#handle(request), onError);
    if (settings.metrics !== undefined) new MetricsServer(settings.metrics, () => this.#metrics(), onError);
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
        if (message.role === "failover" && this.#gatewayReady)
          this.#channel.send("failover", { kind: "gateway-ready" });
        break;
      case "standing":
        this.#arbiter?.stands(message.group, message.standing);
        break;
      default:
        break;
    }
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
        return this.#metrics();
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
      case "POST /v1/switchover":
        return await this.#switchover(request);
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
      reported: this.#gatewayFailures.map((message) => this.#gatewayProblem(message)),
    });
  }

  #gatewayProblem(message: string): StatusProblem {
    return {
      severity: "error",
      node: this.#settings.node,
      code: "gateway-not-loaded",
      message,
      hint: `On ${this.#settings.node}: tocha check, nft --version, and dmesg; it is tried again every ${GATEWAY_RETRY_MS / 1_000} s.`,
    };
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
    });
  }

  /** One answer serves everybody who asks while it is made. */
  #metrics(): Promise<TextAnswer> {
    this.#scrape ??= this.#renderMetrics().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #renderMetrics(): Promise<TextAnswer> {
    // The library is loaded when somebody asks for the first time: a node without Prometheus does not pay for it.
    const [{ renderNodeMetrics }, failover, replicator, supervisor] = await Promise.all([
      import("../node-metrics.ts"),
      this.#roles.latest<FailoverReport>("failover", SCRAPE_REPORTS),
      this.#roles.latest<ReplicatorReport>("replicator", SCRAPE_REPORTS),
      this.#roles.latest<SupervisorReport>("supervisor", SCRAPE_REPORTS),
    ]);
    const { contentType, text } = await renderNodeMetrics({
      settings: this.#settings,
      failover,
      replicator,
      supervisor,
      connections: {
        count: readNumber("/proc/sys/net/netfilter/nf_conntrack_count"),
        max: readNumber("/proc/sys/net/netfilter/nf_conntrack_max"),
      },
      gatewayLoaded: this.#gatewayReady,
      usageOf: processUsage,
    });
    return new TextAnswer(contentType, text);
  }

  async #peerStatus(peer: PeerSettings): Promise<NodeStatus> {
    try {
      const answer = await this.#askPeer(peer, "GET", "/v1/node");
      return nodeStatusSchema.parse(answer.body);
    } catch {
      return unreachableNode(this.#settings, peer.name);
    }
  }

  /** A switchover is asked for on any node, and carried out by the one that is active. */
  async #switchover({ body, from }: ControlRequest): Promise<SwitchoverAnswer> {
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
    if (to !== undefined && !(to in this.#settings.document.nodes)) {
      const names = Object.keys(this.#settings.document.nodes).join(", ");
      throw new ProblemError({
        code: "no-such-node",
        message: `there is no node ${to}`,
        hint: `Nodes: ${names}.`,
      });
    }
    if (activeNode !== this.#settings.node) return await this.#passOn(activeNode, from, wish.data);
    const problem = await this.#beginSwitchover(group.name, wish.data.reason ?? "asked for");
    if (problem !== undefined) throw new ProblemError(problem);
    return await this.#waitForSwitchover(group.name);
  }

  async #passOn(activeNode: string, from: string, wish: unknown): Promise<SwitchoverAnswer> {
    const peer = this.#settings.peers.find(({ name }) => name === activeNode);
    // Only a local wish is passed on: two nodes that disagree must not send it back and forth.
    if (peer === undefined || from !== "local") {
      throw new ProblemError({
        code: "not-active",
        message: `${this.#settings.node} is not active`,
        hint: "Try again in a moment.",
      });
    }
    const answer = await this.#askPeer(peer, "POST", "/v1/switchover", wish, SWITCHOVER_LIMIT_MS + 1_000);
    if (answer.status === 200) return switchoverAnswerSchema.parse(answer.body);
    const problem = problemSchema.parse(answer.body);
    throw new ProblemError({
      code: problem.code,
      message: problem.message,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    });
  }

  async #beginSwitchover(group: string, reason: string): Promise<Problem | undefined> {
    const answer = await this.#roles.request("failover", (request) => ({
      kind: "switchover",
      group,
      request,
      reason,
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

/** @throws ProblemError when the wish does not say which, or names one that does not exist */
function chooseGroup({ groups }: ClusterStatus, { group: wished }: SwitchoverRequest): ClusterGroupStatus {
  const names = groups.map(({ name }) => name).join(", ");
  const [first, ...others] = groups;
  if (wished === undefined) {
    if (first !== undefined && others.length === 0) return first;
    throw new ProblemError({
      code: "which-group",
      message: `there are several failover groups: ${names}`,
      hint: `Say which: tocha switchover --group ${first?.name ?? "NAME"}`,
    });
  }
  const found = groups.find(({ name }) => name === wished);
  if (found !== undefined) return found;
  const message = `there is no failover group ${wished}`;
  throw new ProblemError({ code: "no-such-group", message, hint: `Groups: ${names}.` });
}

/** What only /proc knows. */
function readKernel(supervisor: SupervisorReport | undefined) {
  const pids = supervisor?.processes.map(({ pid }) => pid).filter((pid) => pid > 0) ?? [];
  return {
    flows: readNumber("/proc/sys/net/netfilter/nf_conntrack_count"),
    flowsMax: readNumber("/proc/sys/net/netfilter/nf_conntrack_max"),
    memoryKiB: pids.reduce((sum, pid) => sum + residentKiB(pid), 0),
  };
}

function readNumber(path: string): number {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

/** Proportional: what several processes share, such as the runtime's own code, counts once. */
function residentKiB(pid: number): number {
  try {
    return Number(/^Pss:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

let role: ControlRole | undefined;
const channel = new RoleChannel("control", (envelope) => {
  if (envelope.message.kind === "settings") role = new ControlRole(channel, envelope.message.settings);
  else role?.receive(envelope);
});
