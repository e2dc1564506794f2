/** What a node of tocha says in its metrics of its failover, since its processes were started. */
export interface NodeFigures {
  readonly takeovers: number;
  /** Times that it heard another active while it was active itself and ranked higher, and that the other gave way only then. */
  readonly conflicts: number;
  /** What its failover role has ignored, and what should be rare, by name: lateAsActive, address-renewal-late and the like. */
  readonly events: Readonly<Record<string, number>>;
  /** Processes that were started again, and of those, because they did not answer. */
  readonly restarts: number;
  readonly hangs: number;
  /** The failover role's lateness: the worst, and wake-ups later than so many milliseconds. */
  readonly lateMaxMs: number;
  readonly laterThan: Readonly<Record<string, number>>;
}

/** Bounds that are shown: an interval is 10 ms, silence is 31 ms. */
const BOUNDS_MS = [1, 5, 10, 20] as const;

/** @param metrics in the text format of Prometheus @returns undefined when the failover role's are missing */
export function readNodeFigures(metrics: string): NodeFigures | undefined {
  const of = (name: string, label = "") => metricSum(metrics, name, label);
  const lateMax = of("tocha_failover_lateness_max_seconds");
  if (lateMax === undefined) return undefined;
  const events = metrics.matchAll(/^tocha_failover_events_total\{event="([^"]+)"\} (\d+)$/gm);
  return {
    takeovers: of("tocha_takeovers_total") ?? 0,
    conflicts: of("tocha_conflicts_total") ?? 0,
    events: Object.fromEntries([...events].map(([, name, count]) => [name, Number(count)])),
    restarts: of("tocha_process_restarts_total") ?? 0,
    hangs: of("tocha_process_hangs_total") ?? 0,
    lateMaxMs: lateMax * 1_000,
    laterThan: Object.fromEntries(
      BOUNDS_MS.map((ms) => [
        `${ms} ms`,
        of("tocha_failover_late_wakeups_total", `over="${ms / 1_000}"`) ?? 0,
      ]),
    ),
  };
}

/** The sum of a metric's samples that have a label; undefined when there is none. */
export function metricSum(metrics: string, name: string, label: string): number | undefined {
  const values = metrics
    .split("\n")
    .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** What was counted between two readings. A counter that is smaller than before has begun again with its process. */
export function since(before: number, after: number): number {
  return after >= before ? after - before : after;
}

export interface LatenessSample {
  /** Since the measurement began. */
  readonly atMs: number;
  /** The worst of the minute before. */
  readonly lastMinuteMs: number;
}

export const MINUTE_MS = 60_000;

/**
 * How late a node woke at most while it was measured. A node tells the worst since its start, and the worst of the last minute, so
 * what was before the measurement is left out.
 *
 * @param samples at least one a minute, and one at the end
 */
export function worstLatenessMs(
  beforeMs: number,
  afterMs: number,
  samples: readonly LatenessSample[],
): number {
  if (afterMs !== beforeMs) return afterMs;
  const own = samples.filter(({ atMs }) => atMs >= MINUTE_MS).map(({ lastMinuteMs }) => lastMinuteMs);
  return Math.max(0, ...own);
}
