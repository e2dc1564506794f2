import { ProblemError } from "../../base/problem.ts";
import {
  type FailoverHistory,
  gapUs,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryItem,
  historySchema,
  type TransitionStamp,
  takeoverUs,
} from "../../contract/failover-history.ts";
import { withStamp } from "../../core/history/history-lines.ts";
import {
  findEntry,
  fitting,
  type HistoryQuery,
  mergeHistory,
  readHistoryQuery,
} from "../../core/history/merge-history.ts";
import { stamp } from "../../core/history/transition-evidence.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { Transition } from "../role-message.ts";
import { clockOffsetMs } from "./clock-offset.ts";
import { FirstPacketWatch } from "./first-packet-watch.ts";
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
  readonly #known: Map<string, HistoryEntry>;
  readonly #watches: ReadonlyMap<string, FirstPacketWatch>;
  readonly figures: ReadonlyMap<string, GroupHistoryFigures>;

  constructor(options: NodeHistoryOptions) {
    this.#options = options;
    const { settings, onError } = options;
    this.#file = new HistoryFile({ directory: settings.stateDirectory, node: settings.node, onError });
    const entries = this.#file.read();
    this.#known = new Map(entries.slice(-REPEATED_MAX).map((entry) => [sourceKey(entry), entry]));
    this.figures = new Map(settings.groups.map(({ name }) => [name, newFigures()]));
    for (const entry of entries) this.#follow(entry);
    this.#watches = new Map(
      settings.groups.map((group) => [group.name, new FirstPacketWatch(settings, group)]),
    );
  }

  /** A change of role; the failover role repeats it when it has one more stamp, and the last ones when this process has started again. */
  receive(transition: Transition): void {
    const { decidedMs, ...rest } = transition;
    const watch = this.#watches.get(transition.group);
    if (transition.to !== "active") watch?.prepare();
    const known = this.#known.get(sourceKey(transition));
    if (known !== undefined) {
      const lacking = transition.stamps.filter(({ what }) => known.stamps.every((one) => one.what !== what));
      for (const one of lacking) this.#addStamp(sourceKey(transition), one);
      if (transition.to === "active") watch?.closeUnlessWaiting();
      return;
    }
    const { node } = this.#options.settings;
    const decidedHereMs = decidedMs - clockOffsetMs;
    const at = new Date(Date.now() - (performance.now() - decidedHereMs)).toISOString();
    const entry = this.#file.add({ ...rest, node, at });
    this.#remember(entry);
    this.#follow(entry);
    this.#options.onEntry(entry);
    if (entry.to !== "active") return;
    const figures = this.figures.get(entry.group);
    if (figures !== undefined) figures.takeovers[entry.kind] = (figures.takeovers[entry.kind] ?? 0) + 1;
    watch?.await(decidedHereMs, ({ path, afterDecisionMs }) =>
      this.#addStamp(sourceKey(entry), stamp("first-packet", afterDecisionMs, path)),
    );
  }

  /** What became known later. */
  #addStamp(key: string, added: TransitionStamp): void {
    const before = this.#known.get(key);
    if (before === undefined) return;
    this.#file.addStamp({ id: before.id, ...added });
    const entry = withStamp(before, added);
    this.#known.set(key, entry);
    this.#follow(entry);
  }

  #remember(entry: HistoryEntry): void {
    this.#known.set(sourceKey(entry), entry);
    const [oldest] = this.#known.keys();
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
    const { histories, unreachable } = await this.#askPeers(wish);
    return { entries: fitting(mergeHistory([this.#file.read(), ...histories], wish)), unreachable };
  }

  async item(id: string): Promise<HistoryItem> {
    // Whatever a list can show is found, of one node or one group, too: so what the nodes answer is not cut to one list's length.
    const groups = [undefined, ...this.#options.settings.groups.map(({ name }) => name)];
    const answers = await Promise.all(
      groups.map((group) => this.#askPeers({ node: undefined, group, limit: HISTORY_LIMIT_MAX })),
    );
    const histories = [this.#file.read(), ...answers.flatMap((answer) => answer.histories)];
    const all = {
      entries: mergeHistory(histories, {
        node: undefined,
        group: undefined,
        limit: Number.POSITIVE_INFINITY,
      }),
      unreachable: [...new Set(answers.flatMap(({ unreachable }) => unreachable))],
    };
    const found = findEntry(all, id);
    if (found !== undefined) return found;
    const missing = all.unreachable.length === 0 ? "" : ` (${all.unreachable.join(", ")} did not answer)`;
    throw new ProblemError({
      code: "no-such-entry",
      message: `no node remembers a change of role ${id}${missing}`,
      hint: "tocha failover history lists what there is.",
    });
  }

  /** What other nodes answer, a list each; the oldest first. */
  async #askPeers(
    wish: HistoryQuery,
  ): Promise<{ readonly histories: HistoryEntry[][]; readonly unreachable: string[] }> {
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
    return {
      histories: answers.map(({ entries = [] }) => [...entries].reverse()),
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
