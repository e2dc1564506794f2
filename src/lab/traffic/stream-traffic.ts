import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { bareAddress, type LabSettings, labAddresses, namespaceOf, withFamilies } from "../lab-plan.ts";
import type { StreamSideReport } from "./end-table.ts";
import type { StreamClientOptions } from "./stream-client.ts";
import { STREAM_PORT, streamRoutes } from "./stream-plan.ts";
import type { StreamServerOptions } from "./stream-server.ts";
import { TrafficWorker } from "./traffic-worker.ts";

export interface StreamTrafficOptions {
  readonly connections: number;
  /** Open lost connections again, for a view that goes on for ever. */
  readonly reopen?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What both ends know together. Every connection is in exactly one of survived, lost, corrupted. */
export interface StreamReport {
  readonly connections: number;
  readonly survived: number;
  /** Reset, closed, failed; or without verified bytes in one of the directions since the mark. */
  readonly lost: number;
  readonly corrupted: number;
  /** Of the lost ones: those that still stand, and may go on. */
  readonly waiting: number;
  /** Connections that were reset, closed or failed since the start, forgotten ones included. */
  readonly brokenEver: number;
  /** Why connections were lost, and how many for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly verifiedBytes: number;
  readonly longestStallMs: number;
  /** Connections that the gateway gave another source port. */
  readonly portsChanged: number;
  readonly sources: readonly string[];
}

const OPEN_WAIT_MS = 60_000;
const POLL_MS = 100;

/** TCP connections between the lab's client and server, with verified bytes in both directions all the time. */
export class StreamTraffic {
  readonly #client: TrafficWorker;
  readonly #server: TrafficWorker;
  readonly #connections: number;
  readonly #brokenEver = new Set<number>();
  readonly ipv6Connections: number;

  private constructor(client: TrafficWorker, server: TrafficWorker, options: StreamClientOptions) {
    this.#client = client;
    this.#server = server;
    this.#connections = options.connections;
    this.ipv6Connections = streamRoutes(options).filter((route) => route.to.includes(":")).length;
  }

  /** Opens all connections, and returns when bytes have come through each of them in both directions. */
  static async start(settings: LabSettings, options: StreamTrafficOptions): Promise<StreamTraffic> {
    const serverOptions: StreamServerOptions = {
      addresses: withFamilies(labAddresses.server, settings.ipv6).map(bareAddress),
      port: STREAM_PORT,
      reopen: options.reopen ?? false,
    };
    const clientOptions: StreamClientOptions = {
      connections: options.connections,
      ipv6: settings.ipv6,
      reopen: options.reopen ?? false,
    };
    const server = new TrafficWorker(namespaceOf(settings.name, "wan"), "stream-server.ts", serverOptions);
    try {
      while (!(await server.request<{ listening: boolean }>({ do: "listening" })).listening) {
        await sleep(POLL_MS, undefined, { signal: options.signal });
      }
      const client = new TrafficWorker(namespaceOf(settings.name, "lan"), "stream-client.ts", clientOptions);
      const traffic = new StreamTraffic(client, server, clientOptions);
      await traffic.#waitUntilOpen(options.signal).catch(async (error: unknown) => {
        await traffic.close();
        throw error;
      });
      return traffic;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Begins a new period of judgement: stalls count from here, and every connection must make progress again. */
  async mark(): Promise<void> {
    await Promise.all([this.#client.request({ do: "mark" }), this.#server.request({ do: "mark" })]);
  }

  async report(): Promise<StreamReport> {
    return await this.#ask("report");
  }

  /** As report(); lost connections are not mentioned again afterwards. */
  async reportAndForget(): Promise<StreamReport> {
    return await this.#ask("forget");
  }

  async close(): Promise<void> {
    // The client first: a server that goes away would look like lost connections to it.
    await this.#client.close();
    await this.#server.close();
  }

  async #ask(command: "report" | "forget"): Promise<StreamReport> {
    const [client, server] = await Promise.all([
      this.#client.request<StreamSideReport>({ do: command }),
      this.#server.request<StreamSideReport>({ do: command }),
    ]);
    for (const { id } of [...client.lost, ...server.lost]) this.#brokenEver.add(id);
    return combine(client, server, {
      connections: this.#connections,
      brokenEver: this.#brokenEver.size,
    });
  }

  async #waitUntilOpen(signal?: AbortSignal): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      const report = await this.report();
      if (report.survived === this.#connections) return;
      if (waitedMs >= OPEN_WAIT_MS) {
        throw new ProblemError({
          code: "lab-traffic",
          message: `only ${report.survived} of ${this.#connections} connections could be opened through the gateway${reasonsText(report.reasons)}`,
          hint: "tocha lab status shows the nodes; the logs are in the lab's folder.",
        });
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

/** Those that neither end misses have not reached the server: they are in no reason. */
function reasonsText(reasons: StreamReport["reasons"]): string {
  const parts = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** A connection is well only if both ends say so; one that the server never heard of has not been opened. */
function combine(
  client: StreamSideReport,
  server: StreamSideReport,
  { connections, brokenEver }: { connections: number; brokenEver: number },
): StreamReport {
  const broken = new Map([...client.lost, ...server.lost].map(({ id, reason }) => [id, reason]));
  const corrupted = new Set([...client.corrupted, ...server.corrupted]);
  const waiting = new Set(
    [...client.waiting, ...server.waiting].filter((id) => !broken.has(id) && !corrupted.has(id)),
  );
  const brokenOnly = [...broken].filter(([id]) => !corrupted.has(id));
  const reasons: Record<string, number> = {};
  for (const [, reason] of brokenOnly) reasons[reason] = (reasons[reason] ?? 0) + 1;
  if (waiting.size > 0) reasons["no progress"] = waiting.size;
  // A side that has opened fewer does not know all of them yet: those are not well either.
  const known = Math.min(client.opened, server.opened);
  const survived = Math.max(0, known - brokenOnly.length - corrupted.size - waiting.size);
  return {
    connections,
    survived,
    lost: connections - survived - corrupted.size,
    corrupted: corrupted.size,
    waiting: waiting.size,
    brokenEver,
    reasons,
    verifiedBytes: client.bytes + server.bytes,
    longestStallMs: Math.round(Math.max(client.longestStallMs, server.longestStallMs) * 10) / 10,
    portsChanged: server.portsChanged,
    sources: server.sources,
  };
}
