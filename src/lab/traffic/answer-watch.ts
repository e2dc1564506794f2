import { bareAddress, labAddresses, namespaceOf } from "../lab-plan.ts";
import type { ArpWatchOptions, ArpWatchReport } from "./arp-watch.ts";
import { TrafficWorker } from "./traffic-worker.ts";

/** Who answers for the LAN's virtual IPv4 address: what hosts see, whatever stands in the nodes' kernels. */
export class AnswerWatch {
  readonly #worker: TrafficWorker;

  private constructor(worker: TrafficWorker) {
    this.#worker = worker;
  }

  static start(lab: string): AnswerWatch {
    const [from] = labAddresses.client.map(bareAddress) as [string];
    const [target] = labAddresses.virtual.lan.map(bareAddress) as [string];
    const options: ArpWatchOptions = { device: "eth0", from, target };
    return new AnswerWatch(new TrafficWorker(namespaceOf(lab, "lan"), "arp-watch.ts", options));
  }

  /** Begins a new window. */
  async mark(): Promise<void> {
    await this.#worker.request({ do: "mark" });
  }

  async report(): Promise<ArpWatchReport> {
    return await this.#worker.request<ArpWatchReport>({ do: "report" });
  }

  async close(): Promise<void> {
    await this.#worker.close();
  }
}
