import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { takeoversSince } from "../address-timeline.ts";
import { AddressWatch } from "../address-watch.ts";
import { isWell, waitForCluster } from "../cluster-view.ts";
import { type LabSettings, nodeNames } from "../lab-plan.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { AnswerWatch } from "../traffic/answer-watch.ts";
import { BackgroundTraffic, connectionCount } from "../traffic/background-traffic.ts";
import { MachineWatch } from "../traffic/machine-watch.ts";
import { ProbeTraffic } from "../traffic/probe-traffic.ts";
import { type StreamReport, StreamTraffic } from "../traffic/stream-traffic.ts";

export interface StageOptions {
  readonly connections: number;
  readonly backgroundFlows: number;
  /** Open lost connections again. */
  readonly reopen?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Gets every step of the preparation as a line. */
  readonly log: (line: string) => void;
}

const READY_LIMIT_MS = 60_000;
const MIRROR_LIMIT_MS = 120_000;
const PROGRESS_POLL_MS = 50;

/** A lab that runs well, with all its traffic on the way: ready for a fault. */
export class Stage {
  readonly settings: LabSettings;
  readonly watch: AddressWatch;
  readonly streams: StreamTraffic;
  readonly probe: ProbeTraffic;
  readonly answers: AnswerWatch;
  readonly machine: MachineWatch;
  readonly background: BackgroundTraffic | undefined;
  /** The node that held the addresses when all was ready. */
  readonly first: string;
  /** Connections and background flows. */
  readonly #flows: number;

  private constructor(
    settings: LabSettings,
    parts: Pick<Stage, "watch" | "streams" | "probe" | "answers" | "machine" | "background" | "first"> & {
      flows: number;
    },
  ) {
    this.#flows = parts.flows;
    this.settings = settings;
    this.watch = parts.watch;
    this.streams = parts.streams;
    this.probe = parts.probe;
    this.answers = parts.answers;
    this.machine = parts.machine;
    this.background = parts.background;
    this.first = parts.first;
  }

  /** Starts traffic in a lab that is up, and returns when every standby holds every connection. */
  static async set(settings: LabSettings, options: StageOptions): Promise<Stage> {
    const { log, signal } = options;
    const closers: (() => void | Promise<void>)[] = [];
    const keep = <T extends { close(): void | Promise<void> }>(thing: T): T => {
      closers.unshift(() => thing.close());
      return thing;
    };
    let meanwhile = async () => "";
    try {
      const watch = keep(await AddressWatch.start(settings));
      const machine = keep(MachineWatch.start(settings.name));
      const first = await waitUntilWell(settings, watch, options);
      const wellMs = monotonicMs();
      await machine.mark();
      meanwhile = async () => `${movesSince(watch, wellMs)}; ${standstill(await machine.stallMs())}`;
      log(`${first} is active, all nodes are well`);
      const probe = keep(await ProbeTraffic.start(settings.name));
      const answers = keep(AnswerWatch.start(settings.name));
      const streams = keep(await StreamTraffic.start(settings, options));
      log(`${options.connections} TCP connections are open (${streams.ipv6Connections} over IPv6)`);
      const background = await startBackground(settings, first, options);
      if (background !== undefined) keep(background);
      await probe.warmUp(signal);
      const flows = options.connections + options.backgroundFlows;
      const active = await waitUntilMirrored(settings, watch, { flows, limitMs: MIRROR_LIMIT_MS, signal });
      log("every standby holds every connection");
      if (active !== first) {
        log(`note: the addresses moved from ${first} to ${active} meanwhile; is this machine too busy?`);
      }
      return new Stage(settings, {
        watch,
        streams,
        probe,
        answers,
        machine,
        background,
        first: active,
        flows,
      });
    } catch (error) {
      // Before all is closed: the watch is one of the things.
      const cause = await withMore(error, meanwhile);
      for (const close of closers) await close();
      throw cause;
    }
  }

  /** Begins a new period for all measurements. */
  async mark(): Promise<void> {
    await Promise.all([this.streams.mark(), this.probe.mark(), this.answers.mark(), this.machine.mark()]);
  }

  /**
   * Waits until every connection has made verified progress in both directions since the last mark.
   *
   * @returns the report, at the limit as it is then
   */
  async progress(limitMs: number, signal?: AbortSignal): Promise<StreamReport> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const report = await this.streams.report();
      if (report.waiting === 0 || performance.now() > endMs) return report;
      await sleep(PROGRESS_POLL_MS, undefined, { signal });
    }
  }

  /**
   * Waits until all nodes are well and every kernel holds every connection: whichever node fails next, nothing is lost.
   *
   * @returns the active node
   * @throws ProblemError at the limit
   */
  async mirrored(limitMs: number, signal?: AbortSignal): Promise<string> {
    return await waitUntilMirrored(this.settings, this.watch, { flows: this.#flows, limitMs, signal });
  }

  /** Ends all traffic; the lab stays. */
  async close(): Promise<void> {
    this.watch.close();
    await Promise.all([
      this.streams.close(),
      this.probe.close(),
      this.answers.close(),
      this.machine.close(),
      this.background?.close(),
    ]);
  }
}

function movesSince(watch: AddressWatch, fromMs: number): string {
  const moves = takeoversSince(watch.events, { addresses: watch.addresses, fromMs });
  if (moves.length === 0) return "no node took over meanwhile";
  return `meanwhile nodes took over ${moves.length} times, the last one was ${moves.at(-1) ?? ""}`;
}

/**
 * A handshake that a takeover cuts in half is mirrored nowhere. A client that has had the server's answer does not repeat
 * it, so the connection never opens: whoever misses some wants to know whether nodes took over, and whether they had to.
 */
async function withMore(error: unknown, meanwhile: () => Promise<string>): Promise<unknown> {
  if (!(error instanceof ProblemError)) return error;
  // A program that is asked may be what has failed.
  const more = await meanwhile().catch(() => "");
  if (more === "") return error;
  return new ProblemError({ ...error.problem, message: `${error.problem.message}; ${more}` });
}

/** A node on such a processor was as silent as a dead one. */
function standstill(stallMs: number): string {
  return `a processor of this machine stood still for ${stallMs.toFixed(0)} ms at most`;
}

async function waitUntilWell(
  settings: LabSettings,
  watch: AddressWatch,
  { signal }: StageOptions,
): Promise<string> {
  const preferred = settings.preempt ? nodeNames(settings)[0] : undefined;
  const status = await waitForCluster(
    settings,
    (now) =>
      isWell(now) && watch.holder === now.activeNode && (preferred ?? now.activeNode) === now.activeNode,
    { limitMs: READY_LIMIT_MS, until: "all nodes are well and one is active", signal },
  );
  // isWell() has seen it.
  return status.activeNode ?? "";
}

async function startBackground(
  settings: LabSettings,
  through: string,
  { backgroundFlows, log, signal }: StageOptions,
): Promise<BackgroundTraffic | undefined> {
  if (backgroundFlows === 0) return undefined;
  log(`opening ${backgroundFlows} background flows`);
  const traffic = await BackgroundTraffic.start(settings.name, { flows: backgroundFlows, through, signal });
  log(`${backgroundFlows} background flows are established`);
  return traffic;
}

/**
 * Looks at the nodes' kernels, not only at what the daemons say about them.
 *
 * @returns the active node
 */
async function waitUntilMirrored(
  settings: LabSettings,
  watch: AddressWatch,
  { flows, limitMs, signal }: { flows: number; limitMs: number; signal: AbortSignal | undefined },
): Promise<string> {
  const expected = flows + 1; // and the probe
  const nodes = nodeNames(settings);
  let counts: number[] = [];
  const status = await waitForCluster(
    settings,
    async (now) => {
      const lag = now.nodes.flatMap((node) => node.replication.streams).filter((one) => one.lagRecords > 0);
      counts = await Promise.all(nodes.map((node) => connectionCount(settings.name, node)));
      // The kernels are asked after the nodes: who was active then may not be any more.
      const isCopied = lag.length === 0 && counts.every((count) => count >= expected);
      return isWell(now) && isCopied && watch.holder === now.activeNode;
    },
    {
      limitMs,
      until: `every node's kernel holds all ${expected} connections`,
      seen: () => nodes.map((node, index) => `${node} holds ${counts[index] ?? "?"}`).join(", "),
      signal,
    },
  );
  // isWell() has seen it.
  return status.activeNode ?? "";
}
