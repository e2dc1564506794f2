import { Agent } from "node:https";
import { ProblemError } from "../../base/problem.ts";
import type { ConfigState } from "../../contract/config-operations.ts";
import type { DoctorReport } from "../../contract/doctor.ts";
import {
  type ClockFacts,
  clockSchema,
  type NodeFacts,
  nodeFactsSchema,
} from "../../contract/doctor-facts.ts";
import { operations } from "../../contract/operations.ts";
import { type SupportPart, supportPartSchema } from "../../contract/support.ts";
import type { MissingNode } from "../../core/doctor/examination.ts";
import { examine } from "../../core/doctor/examine.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { FailoverReport, ReplicatorReport, SupervisorReport } from "../role-report.ts";
import { collectNodeFacts } from "./doctor-facts.ts";
import type { AskPeer, PeerAnswer } from "./peer-client.ts";
import { collectSupport, type SupportText } from "./support-files.ts";

/** Questions to programs and to the network are limited to 5 s; several come one after the other. */
const PEER_LIMIT_MS = 15_000;
const CLOCK_LIMIT_MS = 2_000;
const question = (id: "node.doctor" | "node.clock" | "node.support", limitMs: number) =>
  ({ method: "GET", path: operations[id].path, limitMs }) as const;
const FACTS = question("node.doctor", PEER_LIMIT_MS);
const CLOCK = question("node.clock", CLOCK_LIMIT_MS);
const SUPPORT = question("node.support", PEER_LIMIT_MS);
/** The quickest of so many exchanges says most about a clock. */
const CLOCK_EXCHANGES = 5;
/** Date.now() counts whole milliseconds, on both sides. */
const CLOCK_STEP_MS = 1;

export interface DoctorAnswersOptions {
  /** As they are now: another document may apply meanwhile. */
  readonly settings: () => NodeSettings;
  readonly askFailover: () => Promise<FailoverReport | undefined>;
  readonly askReplicator: () => Promise<ReplicatorReport | undefined>;
  readonly askSupervisor: () => Promise<SupervisorReport | undefined>;
  readonly askPeer: AskPeer;
  /** What was found out about the stored history. */
  readonly history: () => ConfigState["history"];
  /** What only the whole of the role knows: status, history, metrics. */
  readonly texts: readonly SupportText[];
}

/** Answers `tocha doctor` and `tocha support-bundle`: about this node to the others, about all nodes to people. */
export class DoctorAnswers {
  readonly #options: DoctorAnswersOptions;
  /** Whoever asks while it runs gets the same answer: questions do not pile up. */
  #collection: Promise<NodeFacts> | undefined;

  constructor(options: DoctorAnswersOptions) {
    this.#options = options;
  }

  readonly handlers = {
    doctor: () => this.report(),
    "node.doctor": () => this.#facts(),
    "node.clock": () => ({ nowMs: Date.now() }),
    support: ({ query }: { readonly query: URLSearchParams }) => this.#supportOf(query.get("node")),
    "node.support": () => this.#support(),
  };

  async report(): Promise<DoctorReport> {
    const settings = this.#options.settings();
    const [own, others, clocks] = await Promise.all([
      this.#facts(),
      Promise.all(settings.peers.map((peer) => this.#factsOf(peer))),
      Promise.all(settings.peers.map((peer) => this.#clockOf(peer))),
    ]);
    const isMissing = (one: NodeFacts | MissingNode): one is MissingNode => "answered" in one;
    const order = Object.keys(settings.document.nodes);
    const nodes = [own, ...others.filter((one): one is NodeFacts => !isMissing(one))];
    const nowMs = Date.now();
    return examine({
      from: settings.node,
      document: settings.document,
      asOf: new Date(nowMs).toISOString(),
      nowMs,
      nodes: nodes.sort((a, b) => order.indexOf(a.node) - order.indexOf(b.node)),
      missing: others.filter(isMissing),
      clocks: clocks.filter((clock) => clock !== undefined),
    });
  }

  #facts(): Promise<NodeFacts> {
    this.#collection ??= this.#collect().finally(() => {
      this.#collection = undefined;
    });
    return this.#collection;
  }

  async #collect(): Promise<NodeFacts> {
    const { askFailover, askReplicator, settings, history } = this.#options;
    const [failover, replicator] = await Promise.all([askFailover(), askReplicator()]);
    return await collectNodeFacts({
      ...{ settings: settings(), roles: { failover, replicator }, history: history() },
    });
  }

  async #factsOf(peer: PeerSettings): Promise<NodeFacts | MissingNode> {
    let answer: PeerAnswer;
    try {
      answer = await this.#options.askPeer({ peer, ...FACTS });
    } catch (error) {
      return {
        name: peer.name,
        why: error instanceof Error ? error.message : String(error),
        answered: false,
      };
    }
    const facts = nodeFactsSchema.safeParse(answer.body);
    if (answer.status === 200 && facts.success) return facts.data;
    const [issue] = facts.error?.issues ?? [];
    const why =
      answer.status === 200 ? `${issue?.path.join(".")}: ${issue?.message}` : `status ${answer.status}`;
    return { name: peer.name, why, answered: true };
  }

  /** Half of the time between question and answer is the most that the other clock can be misread by. */
  async #clockOf(peer: PeerSettings): Promise<ClockFacts | undefined> {
    // One connection for all: the handshake takes longer than the question.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let best: ClockFacts | undefined;
    try {
      for (let count = 0; count < CLOCK_EXCHANGES; count++) {
        const asked = Date.now();
        const { body } = await this.#options.askPeer({ peer, ...CLOCK, agent });
        const answered = Date.now();
        const clock = clockSchema.safeParse(body);
        if (!clock.success) return undefined;
        const errorMs = (answered - asked) / 2 + CLOCK_STEP_MS;
        const offsetMs = clock.data.nowMs - (asked + answered) / 2;
        if (best === undefined || errorMs < best.errorMs) best = { node: peer.name, offsetMs, errorMs };
      }
    } catch {
      // What was measured until then counts; the report says so where nothing was.
    } finally {
      agent.destroy();
    }
    return best;
  }

  async #support(): Promise<SupportPart> {
    const { askSupervisor, texts } = this.#options;
    const settings = this.#options.settings();
    const supervisor = await askSupervisor();
    const pids = supervisor?.processes.map(({ pid }) => pid).filter((pid) => pid > 0) ?? [];
    const facts: SupportText = {
      name: "doctor-facts.json",
      about: "what tocha doctor found out on this node",
      get: async () => JSON.stringify(await this.#facts(), null, 1),
    };
    return await collectSupport(settings, [facts, ...texts], pids);
  }

  async #supportOf(node: string | null): Promise<SupportPart> {
    const { askPeer } = this.#options;
    const settings = this.#options.settings();
    if (node === null || node === settings.node) return await this.#support();
    const peer = settings.peers.find(({ name }) => name === node);
    if (peer === undefined)
      throw new ProblemError({
        code: "no-such-node",
        message: `there is no node ${node}`,
        hint: `Nodes: ${Object.keys(settings.document.nodes).join(", ")}.`,
      });
    try {
      const { body } = await askPeer({ peer, ...SUPPORT });
      return supportPartSchema.parse(body);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ProblemError({
        code: "node-unreachable",
        message: `${node} does not answer: ${why}`,
        hint: `Run "tocha support-bundle" on ${node} itself.`,
      });
    }
  }
}
