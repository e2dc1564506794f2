import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { bareAddress, labAddresses, namespaceOf } from "../lab-plan.ts";
import { runCommand } from "../run-command.ts";
import type { BackgroundClientOptions, BackgroundClientReport } from "./background-client.ts";
import { BACKGROUND_FLOWS_MAX } from "./background-plan.ts";
import type { BackgroundServerOptions, BackgroundServerReport } from "./background-server.ts";
import { TrafficWorker } from "./traffic-worker.ts";

export interface BackgroundTrafficOptions {
  readonly flows: number;
  /** The node that the flows are opened through: the size of its connection table is looked at. */
  readonly through: string;
  readonly perSecond?: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: (opened: number) => void;
}

// 100,000 flows in 8 s, with the processors left mostly to the gateways.
const PER_SECOND = 12_500;
// A check makes no entries and no events, so it costs far less; and nothing is measured any more when it runs.
const CHECKS_PER_SECOND = 30_000;
const POLL_MS = 100;
// No progress for so long means that there will be none.
const STANDSTILL_MS = 10_000;
/** Room in the connection table beside the background flows. */
const TABLE_RESERVE = 5_000;

/** A population of established TCP connections that a gateway has to know, and the standby too. */
export class BackgroundTraffic {
  readonly #client: TrafficWorker;
  readonly #server: TrafficWorker;
  readonly flows: number;

  private constructor(client: TrafficWorker, server: TrafficWorker, flows: number) {
    this.#client = client;
    this.#server = server;
    this.flows = flows;
  }

  /** Opens all flows, and returns when every handshake is complete, as both ends see it. */
  static async start(lab: string, options: BackgroundTrafficOptions): Promise<BackgroundTraffic> {
    await checkTableSize(lab, options);
    const perSecond = options.perSecond ?? PER_SECOND;
    const [publicAddress] = labAddresses.virtual.wan.map(bareAddress) as [string];
    const [gateway] = labAddresses.virtual.lan.map(bareAddress) as [string];
    const device = "eth0";
    const serverOptions: BackgroundServerOptions = {
      device,
      gateway: publicAddress,
      checksPerSecond: CHECKS_PER_SECOND,
    };
    const clientOptions: BackgroundClientOptions = { device, gateway, perSecond, flows: options.flows };
    const server = new TrafficWorker(namespaceOf(lab, "wan"), "background-server.ts", serverOptions);
    const client = new TrafficWorker(namespaceOf(lab, "lan"), "background-client.ts", clientOptions);
    const traffic = new BackgroundTraffic(client, server, options.flows);
    try {
      await traffic.#waitUntilOpen(options);
      return traffic;
    } catch (error) {
      await traffic.close();
      throw error;
    }
  }

  /**
   * Sends a packet back through every flow, from the server's side, and waits for the subscriber's answer.
   *
   * @returns how many flows still go through in both directions
   */
  async check(signal?: AbortSignal): Promise<number> {
    let report = await this.#server.request<BackgroundServerReport>({ do: "check" });
    while (report.checking) {
      await sleep(POLL_MS, undefined, { signal });
      report = await this.#server.request<BackgroundServerReport>({ do: "report" });
    }
    return report.checked;
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#server.close();
  }

  async #waitUntilOpen(options: BackgroundTrafficOptions): Promise<void> {
    let best = -1;
    let bestMs = performance.now();
    for (;;) {
      const [client, server] = await Promise.all([
        this.#client.request<BackgroundClientReport>({ do: "report" }),
        this.#server.request<BackgroundServerReport>({ do: "report" }),
      ]);
      const opened = Math.min(client.answered, server.established);
      options.progress?.(opened);
      if (opened >= options.flows) return;
      if (opened > best) {
        best = opened;
        bestMs = performance.now();
      } else if (performance.now() - bestMs > STANDSTILL_MS) {
        throw new ProblemError({
          code: "lab-traffic",
          message: `only ${opened} of ${options.flows} background flows could be opened through ${options.through}`,
          hint: "tocha lab status; dmesg says when a connection table is full.",
        });
      }
      await sleep(POLL_MS, undefined, { signal: options.signal });
    }
  }
}

/** The entries in a node's connection table. */
export async function connectionCount(lab: string, node: string): Promise<number> {
  return await conntrackSysctl(lab, node, "nf_conntrack_count");
}

async function checkTableSize(lab: string, { flows, through }: BackgroundTrafficOptions): Promise<void> {
  if (flows > BACKGROUND_FLOWS_MAX) {
    throw new ProblemError({
      code: "lab-setting",
      message: `${flows} background flows are more than the lab's subscribers can open (${BACKGROUND_FLOWS_MAX})`,
      hint: "Ask for fewer.",
    });
  }
  const limit = await conntrackSysctl(lab, through, "nf_conntrack_max");
  if (limit >= flows + TABLE_RESERVE) return;
  throw new ProblemError({
    code: "lab-table-size",
    message: `this machine's kernel holds ${limit} connections per namespace, too few for ${flows} background flows`,
    hint: `The limit belongs to the whole machine, so the lab does not touch it: sysctl -w net.netfilter.nf_conntrack_max=${
      2 ** Math.ceil(Math.log2(flows + TABLE_RESERVE))
    }`,
  });
}

async function conntrackSysctl(lab: string, node: string, name: string): Promise<number> {
  const file = `/proc/sys/net/netfilter/${name}`;
  return Number(await runCommand("ip", ["netns", "exec", namespaceOf(lab, node), "cat", file]));
}
