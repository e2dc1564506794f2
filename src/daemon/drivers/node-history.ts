import { ProblemError } from "../../base/problem.ts";
import {
  type FailoverHistory,
  gapUs,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryItem,
  historySchema,
  takeoverUs,
} from "../../contract/failover-history.ts";
import {
  findEntry,
  fitting,
  type HistoryQuery,
  mergeHistory,
  readHistoryQuery,
} from "../../core/history/merge-history.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { Transition } from "../role-message.ts";
import { type FirstPacket, FirstPacketWatch } from "./first-packet-watch.ts";
import { HistoryFile } from "./history-file.ts";

/** What the failover role repeats after a restart of the control role is among so many last entries. */
const REPEATED_MAX = 200;

/** What metrics say of one group's changes. */
export interface GroupHistoryFigures {
  /** Takeovers by kind of cause, since this process started. */
  readonly takeovers: Record<string, number>;
  takeoverUs: number | undefined;
  gapUs: number | undefined;
  changedMs: number | undefined;
}

export interface NodeHistoryOptions {
  readonly settings: NodeSettings;
  readonly askPeer: (peer: PeerSettings, path: string) => Promise<unknown>;
  readonly onError: (text: string) => void;
  /** Told of each change of role of this node, once. */
  readonly onEntry: (entry: HistoryEntry) => void;
}

/** Keeps this node's changes of role, and answers questions about those of the whole cluster. */
export class NodeHistory {
  readonly #options: NodeHistoryOptions;
  readonly #file: HistoryFile;
  /** Changes that are written down already, by life and number. */
  readonly #known: Set<string>;
  readonly #watches: ReadonlyMap<string, FirstPacketWatch>;
  readonly figures: ReadonlyMap<string, GroupHistoryFigures>;

  constructor(options: NodeHistoryOptions) {
    this.#options = options;
    const { settings, onError } = options;
    this.#file = new HistoryFile({ directory: settings.stateDirectory, node: settings.node, onError });
    const entries = this.#file.read();
    this.#known = new Set(entries.slice(-REPEATED_MAX).map(sourceKey));
    this.figures = new Map(settings.groups.map(({ name }) => [name, newFigures()]));
    for (const entry of entries) this.#follow(entry);
    this.#watches = new Map(
      settings.groups.map((group) => [group.name, new FirstPacketWatch(settings, group)]),
    );
  }

  /** A change of role; the failover role repeats the last ones when this process has started again. */
  receive(transition: Transition): void {
    const { decidedMs, ...rest } = transition;
    const watch = this.#watches.get(transition.group);
    if (transition.to !== "active") watch?.prepare();
    if (this.#known.has(sourceKey(transition))) {
      if (transition.to === "active") watch?.close();
      return;
    }
    this.#remember(sourceKey(transition));
    const { node } = this.#options.settings;
    const agoMs = Number(process.hrtime.bigint()) / 1e6 - decidedMs;
    const entry = this.#file.add({ ...rest, node, at: new Date(Date.now() - agoMs).toISOString() });
    this.#follow(entry);
    this.#options.onEntry(entry);
    if (entry.to !== "active") return;
    const figures = this.figures.get(entry.group);
    if (figures !== undefined) figures.takeovers[entry.kind] = (figures.takeovers[entry.kind] ?? 0) + 1;
    watch?.await(agoMs, (packet) => this.#addFirstPacket(entry, packet));
  }

  #addFirstPacket(entry: HistoryEntry, { path, afterDecisionMs }: FirstPacket): void {
    const stamp = { what: "first-packet", path, atUs: Math.round(afterDecisionMs * 1_000) };
    this.#file.addStamp({ id: entry.id, ...stamp });
    this.#follow({ ...entry, stamps: [...entry.stamps, stamp] });
  }

  #remember(key: string): void {
    this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > 2 * REPEATED_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  /** What this node remembers. */
  own(query: URLSearchParams): FailoverHistory {
    return { entries: fitting(mergeHistory([this.#file.read()], readQuery(query))), unreachable: [] };
  }

  /** What all nodes remember. */
  async cluster(query: URLSearchParams): Promise<FailoverHistory> {
    const wish = readQuery(query);
    const { settings } = this.#options;
    const names = Object.keys(settings.document.nodes);
    if (wish.node !== undefined && !names.includes(wish.node))
      throw new ProblemError({
        code: "no-such-node",
        message: `there is no node ${wish.node}`,
        hint: `Nodes: ${names.join(", ")}.`,
      });
    const groups = settings.groups.map(({ name }) => name);
    if (wish.group !== undefined && !groups.includes(wish.group))
      throw new ProblemError({
        code: "no-such-group",
        message: `there is no failover group ${wish.group}`,
        hint: `Groups: ${groups.join(", ")}.`,
      });
    const { entries, unreachable } = await this.#ask(wish);
    return { entries: fitting(entries), unreachable };
  }

  async item(id: string): Promise<HistoryItem> {
    const all = await this.#ask({ node: undefined, group: undefined, limit: HISTORY_LIMIT_MAX });
    const found = findEntry(all, id);
    if (found !== undefined) return found;
    const missing = all.unreachable.length === 0 ? "" : ` (${all.unreachable.join(", ")} did not answer)`;
    throw new ProblemError({
      code: "no-such-entry",
      message: `no node remembers a change of role ${id}${missing}`,
      hint: "tocha failover history lists what there is.",
    });
  }

  async #ask(wish: HistoryQuery): Promise<FailoverHistory> {
    const { settings, askPeer } = this.#options;
    const query = new URLSearchParams({ limit: String(wish.limit) });
    if (wish.group !== undefined) query.set("group", wish.group);
    const asked = settings.peers.filter(({ name }) => wish.node === undefined || name === wish.node);
    const answers = await Promise.all(
      asked.map(async (peer) => {
        const { name } = peer;
        try {
          const answer = historySchema.safeParse(await askPeer(peer, `/v1/node/history?${query.toString()}`));
          return { name, entries: answer.data?.entries };
        } catch {
          return { name, entries: undefined };
        }
      }),
    );
    const own = this.#file.read();
    return {
      entries: mergeHistory([own, ...answers.map(({ entries = [] }) => [...entries].reverse())], wish),
      unreachable: answers.filter(({ entries }) => entries === undefined).map(({ name }) => name),
    };
  }

  #follow(entry: HistoryEntry): void {
    const figures = this.figures.get(entry.group);
    if (figures === undefined) return;
    figures.changedMs = Date.parse(entry.at);
    if (entry.to !== "active") return;
    figures.takeoverUs = takeoverUs(entry);
    figures.gapUs = gapUs(entry);
  }
}

function readQuery(query: URLSearchParams): HistoryQuery {
  const wish = readHistoryQuery(query);
  if (wish !== undefined) return wish;
  throw new ProblemError({
    code: "bad-request",
    message: `limit is a number from 1 to ${HISTORY_LIMIT_MAX}`,
  });
}

function sourceKey({ source, group }: Pick<HistoryEntry, "source" | "group">): string {
  return `${group} ${source.session} ${source.sequence}`;
}

function newFigures(): GroupHistoryFigures {
  return {
    takeovers: { silence: 0, resignation: 0 },
    takeoverUs: undefined,
    gapUs: undefined,
    changedMs: undefined,
  };
}
