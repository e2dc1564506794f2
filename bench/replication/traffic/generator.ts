import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../../src/base/problem.ts";
import { bareAddress, labAddresses, namespaceOf } from "../../../src/lab/lab-plan.ts";
import { TrafficWorker } from "../../../src/lab/traffic/traffic-worker.ts";
import { PARTS } from "./flow-plan.ts";
import type { GeneratorClientOptions, GeneratorClientReport, GeneratorLoad } from "./generator-client.ts";
import type { GeneratorServerOptions, GeneratorServerReport } from "./generator-server.ts";

/** What the generator is to do, all parts together; see GeneratorLoad. */
export type Load = GeneratorLoad;

/** Sums over all parts, since the start. */
export interface GeneratorCounts {
  readonly opened: number;
  /** Connections whose whole handshake went through the gateway, as the server saw it. */
  readonly established: number;
  readonly closed: number;
  readonly retries: number;
  readonly behind: number;
  readonly shortSent: number;
  readonly shortAnswered: number;
  readonly streamsBegun: number;
  readonly streamPacketsSent: number;
  readonly streamPacketsAnswered: number;
  /** Frames that a full queue refused to take. */
  readonly refused: number;
  readonly busy: boolean;
}

const RECEIVE_BUFFER_BYTES = 4 << 20;
const POLL_MS = 50;

/** Raw-frame traffic through the gateway of a lab: pairs of processes in the namespaces of its client and server. */
export class Generator {
  readonly #clients: readonly TrafficWorker[];
  readonly #servers: readonly TrafficWorker[];

  /** The processes begin at once; the gateway must hold its addresses already. */
  constructor(lab: string) {
    const [gateway = ""] = labAddresses.virtual.lan.map(bareAddress);
    const common = { device: "eth0", receiveBufferBytes: RECEIVE_BUFFER_BYTES };
    const parts = Array.from({ length: PARTS }, (_, part) => part);
    const program = (name: string) => new URL(name, import.meta.url).href;
    this.#servers = parts.map((part) => {
      const options: GeneratorServerOptions = { ...common, part };
      return new TrafficWorker(namespaceOf(lab, "wan"), program("generator-server.ts"), options);
    });
    this.#clients = parts.map((part) => {
      const options: GeneratorClientOptions = { ...common, part, gateway };
      return new TrafficWorker(namespaceOf(lab, "lan"), program("generator-client.ts"), options);
    });
  }

  /** Begins a load; an earlier one must have come to its end. */
  async start(load: Load): Promise<void> {
    const share = <T extends number | null>(value: T): T =>
      (value === null ? null : (value as number) / PARTS) as T;
    const partLoad: GeneratorLoad = {
      ...load,
      tcpPerSecond: share(load.tcpPerSecond),
      tcpTotal: share(load.tcpTotal),
      window: load.window / PARTS,
      shortPerSecond: share(load.shortPerSecond),
      streamsPerSecond: share(load.streamsPerSecond),
    };
    await this.counts();
    await Promise.all(this.#clients.map((client) => client.request({ do: "start", ...partLoad })));
  }

  /** Nothing new begins; what is open is closed when its time comes. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.request({ do: "stop" })));
  }

  async counts(): Promise<GeneratorCounts> {
    const [clients, servers] = await Promise.all([
      Promise.all(this.#clients.map((client) => client.request<GeneratorClientReport>({ do: "report" }))),
      Promise.all(this.#servers.map((server) => server.request<GeneratorServerReport>({ do: "report" }))),
    ]);
    const sum = (key: keyof Omit<GeneratorClientReport, "busy">) =>
      clients.reduce((total, report) => total + report[key], 0);
    return {
      opened: sum("opened"),
      established: servers.reduce((total, report) => total + report.established, 0),
      closed: sum("closed"),
      retries: sum("retries"),
      behind: sum("behind"),
      shortSent: sum("shortSent"),
      shortAnswered: sum("shortAnswered"),
      streamsBegun: sum("streamsBegun"),
      streamPacketsSent: sum("streamPacketsSent"),
      streamPacketsAnswered: sum("streamPacketsAnswered"),
      refused: sum("refused") + servers.reduce((total, report) => total + report.refused, 0),
      busy: clients.some(({ busy }) => busy),
    };
  }

  /** Waits until everything that was begun is answered and closed. @throws ProblemError at the limit */
  async settle(limitMs: number, signal: AbortSignal | undefined): Promise<GeneratorCounts> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const counts = await this.counts();
      if (!counts.busy) return counts;
      if (performance.now() > endMs) {
        throw new ProblemError({
          code: "lab-traffic",
          message: `the generator's connections are not done after ${limitMs / 1_000} s: ${JSON.stringify(counts)}`,
          hint: "Is something else using the machine's processors?",
        });
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients, ...this.#servers].map((worker) => worker.close()));
  }
}
