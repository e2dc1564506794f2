import type { GroupHistoryFigures } from "./drivers/node-history.ts";
import type { MetricSet } from "./metric-set.ts";
import type { FailoverReport } from "./role-report.ts";

/** What the history knows in figures. Counters are those of this process: like all counters they begin again with it. */
export function addHistory(
  metrics: MetricSet,
  history: ReadonlyMap<string, GroupHistoryFigures>,
  failover: FailoverReport | undefined,
): void {
  for (const [group, { takeovers, takeoverUs, gapUs, changedMs }] of history) {
    for (const [cause, count] of Object.entries(takeovers))
      metrics.counter(
        "tocha_takeovers_total",
        "Times that this node became active, by what made it.",
        count,
        {
          group,
          cause,
        },
      );
    if (takeoverUs !== undefined)
      metrics.gauge(
        "tocha_takeover_last_seconds",
        "From the last sign of the old active to this node's announcements.",
        takeoverUs / 1e6,
        { group },
      );
    if (gapUs !== undefined)
      metrics.gauge(
        "tocha_takeover_last_gap_seconds",
        "From the last sign of the old active to the first packet that this node forwarded.",
        gapUs / 1e6,
        { group },
      );
    if (changedMs !== undefined)
      metrics.gauge(
        "tocha_failover_changed_timestamp_seconds",
        "When the node's role last changed, since 1970.",
        changedMs / 1_000,
        { group },
      );
  }
  for (const { name: group, view } of failover?.groups ?? [])
    metrics.counter(
      "tocha_conflicts_total",
      "Times that this node, being active, heard another active router.",
      view.counters.conflict,
      { group },
    );
}
