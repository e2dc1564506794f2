import { availableParallelism } from "node:os";
import { namespaceOf } from "../../../src/lab/lab-plan.ts";
import { TrafficWorker } from "../../../src/lab/traffic/traffic-worker.ts";
import { machineBusyMs } from "../../replication/processor-time.ts";
import { Generator, type GeneratorCounts, type Load } from "../../replication/traffic/generator.ts";
import type { QuestionsOptions, QuestionsReport } from "./questions-program.ts";

/** What the load was, on average. */
export interface SteadyLoadReport {
  /** Of all processors together, 0 to 1; whoever it was that used them. */
  readonly processorsBusy: number;
  /** New TCP connections a second through the gateway. */
  readonly connectionsPerSecond: number;
  /** Questions to the nodes that were answered, a second, and how much that was. */
  readonly answersPerSecond: number;
  readonly answeredMbPerSecond: number;
  readonly questionsFailed: number;
}

/** New connections that live for a second, half of them closed by FIN and half by RST, and UDP between. */
const newConnections: Load = {
  tcpPerSecond: 5_000,
  tcpTotal: null,
  window: 2_048,
  holdMs: 1_000,
  resetEvery: 2,
  shortPerSecond: 500,
  streamsPerSecond: 50,
};

/**
 * More work than the machine's processors can do: as many endless loops of ordinary priority as there are processors, new
 * connections through the gateway, and questions to the nodes. Its programs are in namespaces of the lab, and end with it at the
 * latest.
 */
export class SteadyLoad {
  readonly #generator: Generator;
  readonly #loops: readonly TrafficWorker[];
  readonly #questions: readonly TrafficWorker[];
  #counts: GeneratorCounts | undefined;
  #fromMs = 0;
  #busyMs = 0;

  private constructor(lab: string, sockets: readonly string[]) {
    const worker = (program: string, options: object) =>
      new TrafficWorker(namespaceOf(lab, "net"), new URL(program, import.meta.url).href, options);
    this.#generator = new Generator(lab);
    this.#loops = Array.from({ length: availableParallelism() }, () => worker("busy-program.ts", {}));
    this.#questions = sockets.map((socket) =>
      worker("questions-program.ts", { socket } satisfies QuestionsOptions),
    );
  }

  /** @param sockets the control sockets of the nodes that are asked all the time */
  static async start(lab: string, sockets: readonly string[]): Promise<SteadyLoad> {
    const load = new SteadyLoad(lab, sockets);
    try {
      load.#counts = await load.#generator.counts();
      await load.#generator.start(newConnections);
    } catch (error) {
      await load.close();
      throw error;
    }
    load.#fromMs = performance.now();
    load.#busyMs = machineBusyMs();
    return load;
  }

  /** Since the start. */
  async report(): Promise<SteadyLoadReport> {
    const counts = await this.#generator.counts();
    const reports = await Promise.all(
      this.#questions.map((worker) => worker.request<QuestionsReport>({ do: "report" })),
    );
    const sum = (key: keyof QuestionsReport) => reports.reduce((total, report) => total + report[key], 0);
    const seconds = (performance.now() - this.#fromMs) / 1_000;
    const busySeconds = (machineBusyMs() - this.#busyMs) / 1_000;
    return {
      // The kernel counts in ticks: a little more than everything is possible.
      processorsBusy: Math.min(1, busySeconds / seconds / availableParallelism()),
      connectionsPerSecond: (counts.established - (this.#counts?.established ?? 0)) / seconds,
      answersPerSecond: sum("answers") / seconds,
      answeredMbPerSecond: sum("bytes") / 1e6 / seconds,
      questionsFailed: sum("failures"),
    };
  }

  async close(): Promise<void> {
    const workers = [...this.#loops, ...this.#questions, this.#generator];
    await Promise.all(workers.map((worker) => worker.close()));
  }
}
