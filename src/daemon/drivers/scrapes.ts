import { readNumber } from "../kernel-figures.ts";
import type { NodeMetricsSource } from "../node-metrics.ts";
import type { NodeSettings } from "../node-settings.ts";
import { processUsage } from "../process-usage.ts";
import type { RoleQuestions } from "../role-questions.ts";
import type { FailoverReport, ReplicatorReport, SupervisorReport } from "../role-report.ts";
import { TextAnswer } from "./control-answer.ts";

/** A scrape takes the roles' last reports where new ones are not there at once; older ones would be a lie. */
export const SCRAPE_REPORTS = { waitMs: 100, ageMsMax: 10_000 };

/** What the control role knows by itself. */
type OwnKnowledge = Pick<NodeMetricsSource, "gatewayLoaded" | "history" | "checks" | "isSetAside" | "keys">;

/** Answers those who ask for metrics. */
export class Scrapes {
  readonly #settings: NodeSettings;
  readonly #roles: RoleQuestions;
  readonly #own: () => OwnKnowledge;
  #running: Promise<TextAnswer> | undefined;

  constructor(settings: NodeSettings, roles: RoleQuestions, own: () => OwnKnowledge) {
    this.#settings = settings;
    this.#roles = roles;
    this.#own = own;
  }

  /** One answer serves everybody who asks while it is made. */
  answer(): Promise<TextAnswer> {
    this.#running ??= this.#render().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #render(): Promise<TextAnswer> {
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
      ...this.#own(),
      usageOf: processUsage,
    });
    return new TextAnswer(contentType, text);
  }
}
