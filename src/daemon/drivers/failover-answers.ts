import { ProblemError } from "../../base/problem.ts";
import type { FailoverWhy, ForeseenSwitchover } from "../../contract/failover-why.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import { explainFailover } from "../../core/status/explain-failover.ts";
import { foreseeSwitchover } from "../../core/status/foreseen-switchover.ts";
import type { GroupPolicy } from "../../core/status/group-policy.ts";
import { groupPolicies } from "../group-policies.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { FailoverReport } from "../role-report.ts";
import type { NodeHistory } from "./node-history.ts";

/** So far back the changes are looked for that made a node active. */
const WHY_ENTRIES = 100;

/** Answers what people ask of the whole cluster: its history, and why it is as it is. */
export class FailoverAnswers {
  readonly #settings: NodeSettings;
  readonly #history: NodeHistory;
  readonly #clusterStatus: () => Promise<ClusterStatus>;

  readonly #failover: () => Promise<FailoverReport | undefined>;

  constructor(options: {
    readonly settings: NodeSettings;
    readonly history: NodeHistory;
    readonly clusterStatus: () => Promise<ClusterStatus>;
    readonly failover: () => Promise<FailoverReport | undefined>;
  }) {
    this.#settings = options.settings;
    this.#history = options.history;
    this.#clusterStatus = options.clusterStatus;
    this.#failover = options.failover;
  }

  /**
   * What a switchover would do, on the node that is active.
   *
   * @throws ProblemError when it would be refused
   */
  async foreseeSwitchover(
    { nodes }: ClusterStatus,
    { group, to }: { readonly group: string; readonly to: string | undefined },
  ): Promise<ForeseenSwitchover> {
    const view = (await this.#failover())?.groups.find(({ name }) => name === group)?.view;
    const policy = this.#policies.find(({ name }) => name === group);
    if (view === undefined || policy === undefined)
      throw new ProblemError({ code: "no-answer", message: "the failover role does not answer" });
    const answer = foreseeSwitchover(view, { node: this.#settings.node, to, policy }, nodes);
    if ("code" in answer) throw new ProblemError(answer);
    return answer;
  }

  /** The present state of each group in sentences. */
  async why(): Promise<FailoverWhy> {
    const newest = new URLSearchParams({ limit: String(WHY_ENTRIES) });
    const [status, { entries }] = await Promise.all([this.#clusterStatus(), this.#history.cluster(newest)]);
    return explainFailover({ status, groups: this.#policies, history: entries });
  }

  get #policies(): GroupPolicy[] {
    return groupPolicies(this.#settings);
  }
}
