import type { ClusterStatus } from "../../contract/status.ts";
import { explainFailover } from "../../core/status/explain-failover.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { ControlRequest } from "./control-server.ts";
import type { NodeHistory } from "./node-history.ts";

const ITEM = "GET /v1/failover/history/";
/** So far back the changes are looked for that made a node active. */
const WHY_ENTRIES = 100;

/** Answers what people ask of the whole cluster: its history, and why it is as it is. */
export class FailoverAnswers {
  readonly #settings: NodeSettings;
  readonly #history: NodeHistory;
  readonly #clusterStatus: () => Promise<ClusterStatus>;

  constructor(settings: NodeSettings, history: NodeHistory, clusterStatus: () => Promise<ClusterStatus>) {
    this.#settings = settings;
    this.#history = history;
    this.#clusterStatus = clusterStatus;
  }

  /** @returns undefined when the request is not about this */
  async answer({ method, path, query }: ControlRequest): Promise<unknown> {
    const operation = `${method} ${path}`;
    if (operation === "GET /v1/failover/history") return await this.#history.cluster(query);
    if (operation === "GET /v1/failover/why") return await this.#why();
    return operation.startsWith(ITEM) ? await this.#history.item(operation.slice(ITEM.length)) : undefined;
  }

  async #why() {
    const newest = new URLSearchParams({ limit: String(WHY_ENTRIES) });
    const [status, { entries }] = await Promise.all([this.#clusterStatus(), this.#history.cluster(newest)]);
    return explainFailover({ status, groups: this.#settings.groups, history: entries });
  }
}
