import { setTimeout as sleep } from "node:timers/promises";
import { bareAddress, labAddresses, namespaceOf } from "../lab-plan.ts";
import type { ProbeReport } from "./probe-window.ts";
import { TrafficWorker } from "./traffic-worker.ts";
import type { UdpEchoOptions } from "./udp-echo.ts";
import type { UdpProbeOptions } from "./udp-probe.ts";

const PROBE_PORT = 5_002;

/**
 * How long a probe must have run before a fault: Linux calls a UDP flow assured, and so replicates it, only
 * once it has gone both ways for 2 s.
 */
export const PROBE_WARM_UP_MS = 3_000;

/** The 1 kHz UDP probe from the lab's client to its server and back. */
export class ProbeTraffic {
  readonly #echo: TrafficWorker;
  readonly #probe: TrafficWorker;
  readonly #startedMs = performance.now();

  private constructor(echo: TrafficWorker, probe: TrafficWorker) {
    this.#echo = echo;
    this.#probe = probe;
  }

  static async start(lab: string): Promise<ProbeTraffic> {
    const [from] = labAddresses.client.map(bareAddress) as [string];
    const [to] = labAddresses.server.map(bareAddress) as [string];
    const echoOptions: UdpEchoOptions = { address: to, port: PROBE_PORT };
    const probeOptions: UdpProbeOptions = { from, fromPort: PROBE_PORT, to, port: PROBE_PORT };
    const echo = new TrafficWorker(namespaceOf(lab, "wan"), "udp-echo.ts", echoOptions);
    try {
      await echo.request({ do: "listening" });
    } catch (error) {
      await echo.close();
      throw error;
    }
    return new ProbeTraffic(echo, new TrafficWorker(namespaceOf(lab, "lan"), "udp-probe.ts", probeOptions));
  }

  /** Returns when the flow is old enough to be replicated. */
  async warmUp(signal?: AbortSignal): Promise<void> {
    await sleep(Math.max(0, this.#startedMs + PROBE_WARM_UP_MS - performance.now()), undefined, { signal });
  }

  /** Begins a new window. */
  async mark(): Promise<void> {
    await this.#probe.request({ do: "mark" });
  }

  /** What the probe saw since the mark. */
  async report(): Promise<ProbeReport> {
    return await this.#probe.request<ProbeReport>({ do: "report" });
  }

  async close(): Promise<void> {
    await this.#probe.close();
    await this.#echo.close();
  }
}
