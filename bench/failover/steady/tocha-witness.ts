import { ProblemError } from "../../../src/base/problem.ts";
import { ControlClient } from "../../../src/client/control-client.ts";
import { HISTORY_LIMIT_MAX } from "../../../src/contract/failover-history.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { type LabSettings, nodeNames } from "../../../src/lab/lab-plan.ts";
import { round } from "../../replication/statistics.ts";
import {
  type LatenessSample,
  MINUTE_MS,
  type NodeFigures,
  readNodeFigures,
  since,
  worstLatenessMs,
} from "./node-figures.ts";
import type { OwnWords, Witness } from "./steady-run.ts";

/** Its control role does nothing but answer others, on processors that are not free. */
const PATIENCE_MS = 20_000;
const ATTEMPTS = 5;

interface WatchedNode {
  readonly name: string;
  readonly client: ControlClient;
  /** As it was when the load began. */
  figures: NodeFigures | undefined;
  /** Changes of role that it remembered then. */
  known: ReadonlySet<string>;
  readonly lateness: LatenessSample[];
}

/** What tocha's nodes say: their metrics and their history. */
export class TochaWitness implements Witness {
  readonly sockets: readonly string[];
  readonly #nodes: readonly WatchedNode[];
  #beganMs = 0;

  constructor(settings: LabSettings) {
    this.#nodes = nodeNames(settings).map((name) => ({
      name,
      client: new ControlClient(controlSocket(settings.name, name), { timeoutMs: PATIENCE_MS }),
      figures: undefined,
      known: new Set<string>(),
      lateness: [],
    }));
    this.sockets = nodeNames(settings).map((name) => controlSocket(settings.name, name));
  }

  async begin(): Promise<void> {
    for (const node of this.#nodes) {
      node.figures = await figuresOf(node);
      node.known = new Set((await changesOf(node)).map(({ id }) => id));
    }
    this.#beganMs = performance.now();
  }

  async look(): Promise<string> {
    const words = await Promise.all(
      this.#nodes.map(async (node) => {
        try {
          const { atMs, lastMinuteMs } = await this.#sampleLateness(node);
          // In the first minute it would be about the time before the load, too.
          return atMs < MINUTE_MS ? "" : `${node.name} late by ${round(lastMinuteMs, 1)} ms`;
        } catch (error) {
          if (error instanceof ProblemError) return `${node.name} does not answer`;
          throw error;
        }
      }),
    );
    return words.filter((text) => text !== "").join(", ");
  }

  async end(): Promise<OwnWords> {
    const total = { takeovers: 0, roleChanges: 0, conflicts: 0 };
    const events: Record<string, number> = {};
    const lateMs: Record<string, number> = {};
    const count = (name: string, times: number) => {
      if (times > 0) events[name] = (events[name] ?? 0) + times;
    };
    for (const node of this.#nodes) {
      const before = node.figures ?? (await figuresOf(node));
      await this.#sampleLateness(node);
      const after = await figuresOf(node);
      const changes = (await changesOf(node)).filter(({ id }) => !node.known.has(id));
      total.takeovers += since(before.takeovers, after.takeovers);
      total.conflicts += since(before.conflicts, after.conflicts);
      total.roleChanges += changes.length;
      for (const { kind, to } of changes) count(`${kind}: ${to}`, 1);
      for (const name of ["restarts", "hangs"] as const) count(name, since(before[name], after[name]));
      for (const [name, times] of Object.entries(after.events))
        count(name, since(before.events[name] ?? 0, times));
      for (const [bound, times] of Object.entries(after.laterThan))
        count(`woken later than ${bound}`, since(before.laterThan[bound] ?? 0, times));
      lateMs[node.name] = round(worstLatenessMs(before.lateMaxMs, after.lateMaxMs, node.lateness), 2);
    }
    return { ...total, events, lateMs };
  }

  async #sampleLateness({ name, client, lateness }: WatchedNode): Promise<LatenessSample> {
    const { nodes } = await client.status();
    const lastMinuteMs = nodes.find((node) => node.name === name)?.lateness.lastMinuteMs ?? 0;
    const sample = { atMs: performance.now() - this.#beganMs, lastMinuteMs };
    lateness.push(sample);
    return sample;
  }
}

/** Asked again where the failover role's figures are missing: it was asked too, and may have been slow to answer. */
async function figuresOf({ name, client }: WatchedNode): Promise<NodeFigures> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const figures = readNodeFigures(await client.metrics());
    if (figures !== undefined) return figures;
  }
  throw new ProblemError({
    code: "lab-not-ready",
    message: `${name} gives no figures of its failover`,
    hint: "tocha status, and the log in the lab's folder.",
  });
}

async function changesOf({ name, client }: WatchedNode) {
  const query = new URLSearchParams({ node: name, limit: String(HISTORY_LIMIT_MAX) });
  return (await client.history(query)).entries.filter(({ node }) => node === name);
}
