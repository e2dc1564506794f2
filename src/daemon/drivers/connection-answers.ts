import { readFileSync } from "node:fs";
import { setImmediate as otherWork } from "node:timers/promises";
import type * as z from "zod";
import { validIp } from "../../base/ip.ts";
import { ProblemError } from "../../base/problem.ts";
import {
  type ConnectionFilter,
  type ConnectionWalk,
  connectionFilterSchema,
  connectionListQuerySchema,
  connectionTopQuerySchema,
  type WalkLine,
} from "../../contract/connections.ts";
import { FlowCount } from "../../core/connections/flow-count.ts";
import { flowLine } from "../../core/connections/flow-line.ts";
import { compileFlowQuery, type FlowTest } from "../../core/connections/flow-query.ts";
import { FlowTop } from "../../core/connections/flow-top.ts";
import { FlowFilter } from "../../core/replication/flow-filter.ts";
import type { BackgroundRouteSocket } from "../../linux/background-route-socket.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { allVirtualAddresses, type NodeSettings } from "../node-settings.ts";
import { StreamAnswer } from "./control-answer.ts";
import { TableWalk } from "./table-walk.ts";

/** Each walk costs the kernel and this process as much as a copy of the table. */
const WALKS_MAX = 4;
/** Connections are handed on in pieces of about this size. */
const PIECE_CHARACTERS = 16_384;
const PROGRESS_MS = 250;
const TOP_LIMIT = 10;
const TOP_LIMIT_MAX = 1_000;

/** What is done with the flows that are meant. */
interface Gatherer {
  add(fields: FlowFields, mirrored: FlowTest): void;
  /** Takes what is to be handed on now. */
  take(): string;
  readonly result: () => Omit<WalkLine, "walk">;
}

/** Answers questions about the connections in this node's kernel: one walk through its table each, in bounded memory. */
export class ConnectionAnswers {
  readonly #settings: NodeSettings;
  readonly #route: BackgroundRouteSocket;
  #walks = 0;

  constructor(settings: NodeSettings, route: BackgroundRouteSocket) {
    this.#settings = settings;
    this.#route = route;
  }

  async list(query: URLSearchParams): Promise<StreamAnswer> {
    const { limit, ...filter } = readQuery(connectionListQuerySchema, query);
    let text = "";
    const gatherer: Gatherer = {
      add: (fields, mirrored) => {
        text += flowLine(fields, mirrored(fields));
      },
      take: () => {
        const taken = text;
        text = "";
        return taken;
      },
      result: () => ({}),
    };
    return await this.#answer(
      filter,
      gatherer,
      limit === undefined ? Number.POSITIVE_INFINITY : Number(limit),
    );
  }

  async count(query: URLSearchParams): Promise<StreamAnswer> {
    const filter = readQuery(connectionFilterSchema, query);
    const count = new FlowCount();
    return await this.#answer(filter, {
      add: (fields, mirrored) => count.add(fields, mirrored(fields)),
      take: () => "",
      result: () => ({ count: count.result() }),
    });
  }

  async top(query: URLSearchParams): Promise<StreamAnswer> {
    const { by, limit, ...filter } = readQuery(connectionTopQuerySchema, query);
    const top = new FlowTop(by);
    const most = Math.min(TOP_LIMIT_MAX, limit === undefined ? TOP_LIMIT : Number(limit));
    return await this.#answer(filter, {
      add: (fields) => top.add(fields),
      take: () => "",
      result: () => ({ top: top.result(most) }),
    });
  }

  async #answer(
    filter: ConnectionFilter,
    gatherer: Gatherer,
    limit: number = Number.POSITIVE_INFINITY,
  ): Promise<StreamAnswer> {
    const mirrored = await this.#mirroredTest();
    const isMeant = compileFlowQuery(filter, mirrored);
    const walk = this.#walk({ isMeant, mirrored, gatherer, limit });
    return new StreamAnswer("application/x-ndjson", walk);
  }

  async *#walk({ isMeant, mirrored, gatherer, limit }: WalkOptions): AsyncGenerator<string, void, void> {
    if (this.#walks >= WALKS_MAX) throw busy();
    this.#walks++;
    const progress = { read: 0, matched: 0, entries: connectionCount() };
    const walk = new TableWalk((fields) => {
      progress.read++;
      if (progress.matched >= limit || !isMeant(fields)) return;
      progress.matched++;
      gatherer.add(fields, mirrored);
    });
    try {
      yield this.#walkLine(progress); // At once: whoever asked sees that the walk has begun.
      let piece = "";
      let toldMs = performance.now();
      for (;;) {
        const state = progress.matched >= limit ? "limit" : walk.turn();
        piece += gatherer.take();
        if (state !== "more") {
          const result = state === "failed" ? {} : gatherer.result();
          yield piece + this.#walkLine({ ...progress, end: state }, result);
          return;
        }
        const due = performance.now() - toldMs >= PROGRESS_MS;
        if (due) {
          piece += this.#walkLine(progress);
          toldMs = performance.now();
        }
        if (due || piece.length >= PIECE_CHARACTERS) {
          yield piece;
          piece = "";
        }
        await otherWork();
      }
    } finally {
      this.#walks--;
      walk.close();
    }
  }

  #walkLine(walk: Omit<ConnectionWalk, "node">, result: Omit<WalkLine, "walk"> = {}): string {
    const line: WalkLine = { walk: { node: this.#settings.node, ...walk }, ...result };
    return `${JSON.stringify(line)}\n`;
  }

  async #mirroredTest(): Promise<FlowTest> {
    const own = (await this.#route.addresses()).map(({ address }) => address);
    const virtual = allVirtualAddresses(this.#settings).map(validIp);
    const { shortExchanges, marks } = this.#settings.document.replication;
    const filter = new FlowFilter(own, virtual, { shortExchanges, marks });
    return (fields) => filter.accepts(fields);
  }
}

interface WalkOptions {
  readonly isMeant: FlowTest;
  readonly mirrored: FlowTest;
  readonly gatherer: Gatherer;
  readonly limit: number;
}

/** Entries in this namespace's table: the kernel's own counter. */
function connectionCount(): number {
  return Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_count", "utf8"));
}

/** A parameter that the schema knows as a list may be repeated; of the others the last counts. */
function readQuery<T extends z.ZodObject>(schema: T, query: URLSearchParams): z.output<T> {
  const given: Record<string, string | string[]> = {};
  for (const name of query.keys()) {
    const all = query.getAll(name);
    given[name] = Object.hasOwn(connectionFilterSchema.shape, name) ? all : (all.at(-1) ?? "");
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ProblemError({
    code: "bad-filter",
    message: `${issue?.path.join(".") || "the question"}: ${issue?.message ?? "not understood"}`,
    hint: `Known are: ${Object.keys(schema.shape).join(", ")}.`,
  });
}

function busy(): ProblemError {
  return new ProblemError({
    code: "walks-busy",
    message: `${WALKS_MAX} walks through the connection table are under way already`,
    hint: "Wait for one of them, or end it: look for other tocha connections commands, perhaps in a pager.",
  });
}
