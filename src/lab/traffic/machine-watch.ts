import { availableParallelism } from "node:os";
import { namespaceOf } from "../lab-plan.ts";
import type { ProcessorWitnessOptions, ProcessorWitnessReport } from "./processor-witness.ts";
import { spanIntersection } from "./span-intersection.ts";
import { TrafficWorker } from "./traffic-worker.ts";

const SLEEP_MS = 10;

/**
 * How long a processor of this machine stood still: a virtual one does, while its host gives it to others. A gateway on it is then as
 * silent as a dead one, and is rightly replaced.
 */
export class MachineWatch {
  readonly #workers: readonly TrafficWorker[];

  private constructor(workers: readonly TrafficWorker[]) {
    this.#workers = workers;
  }

  /** @param sleepMs from one look to the next: of a standstill as much may go unseen, and so may all of a shorter one */
  static start(lab: string, { sleepMs = SLEEP_MS }: { readonly sleepMs?: number } = {}): MachineWatch {
    const workers = Array.from({ length: availableParallelism() }, (_, processor) => {
      const options: ProcessorWitnessOptions = { processor, sleepMs };
      return new TrafficWorker(namespaceOf(lab, "lan"), "processor-witness.ts", options);
    });
    return new MachineWatch(workers);
  }

  /** Begins a new window. */
  async mark(): Promise<void> {
    await this.#ask("mark");
  }

  /** The longest time that one of the processors stood still, in milliseconds. */
  async stallMs(): Promise<number> {
    return Math.max(...(await this.#ask("report")).map(({ stallMs }) => stallMs));
  }

  /** The longest time that all of the processors stood still together. */
  async wholeStallMs(): Promise<number> {
    const together = spanIntersection((await this.#ask("report")).map(({ stalls }) => stalls));
    return Math.max(0, ...together.map(({ fromMs, toMs }) => toMs - fromMs));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  async #ask(what: "mark" | "report"): Promise<ProcessorWitnessReport[]> {
    return await Promise.all(
      this.#workers.map((worker) => worker.request<ProcessorWitnessReport>({ do: what })),
    );
  }
}
