import { ProblemError } from "../../base/problem.ts";
import type { AuditEntry } from "../../contract/audit.ts";
import type { HistoryEntry } from "../../contract/failover-history.ts";
import type { NodeEventName } from "../../contract/node-events.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import { EventRing, type KeptEvent } from "../../core/access/event-ring.ts";
import { StreamAnswer } from "./control-answer.ts";

const EVENTS_KEPT = 1_000;
const READERS_MAX = 32;
/** How often the cluster is looked at for what is not this node's own. */
const LOOK_MS = 5_000;
/** So often a line is sent that means nothing: both ends see whether the other is still there. */
const SIGN_OF_LIFE_MS = 15_000;

/** What happens in the cluster, as a stream that can be taken up again after a cut. */
export class NodeEvents {
  readonly #ring = new EventRing(Date.now().toString(36), EVENTS_KEPT);
  readonly #askCluster: () => Promise<ClusterStatus>;
  readonly #waiting = new Set<() => void>();
  #known: ClusterStatus | undefined;
  #looking = false;
  #readers = 0;

  constructor(askCluster: () => Promise<ClusterStatus>) {
    this.#askCluster = askCluster;
  }

  /** Looks at the cluster from now on. */
  start(): void {
    setInterval(() => void this.#look(), LOOK_MS);
    void this.#look();
  }

  /** A change of role of this node. */
  transition({ evidence: _evidence, stamps: _stamps, ...entry }: HistoryEntry): void {
    this.#add("transition", entry);
    void this.#look();
  }

  change({ who, operation, result }: AuditEntry): void {
    this.#add("change", { who, operation, result });
  }

  /**
   * @param lastEventId what the reader has seen last, if anything
   * @param mayGoOn whether the reader still may read: it ends before the next piece when not
   */
  stream(lastEventId: string | undefined, mayGoOn: () => boolean = () => true): StreamAnswer {
    return new StreamAnswer("text/event-stream", this.#pieces(lastEventId, mayGoOn));
  }

  async *#pieces(
    lastEventId: string | undefined,
    mayGoOn: () => boolean,
  ): AsyncGenerator<string, void, void> {
    if (this.#readers >= READERS_MAX)
      throw new ProblemError({
        code: "too-many-requests",
        message: `${READERS_MAX} streams of events are open already`,
      });
    this.#readers++;
    try {
      let number =
        lastEventId === undefined ? this.#ring.lastNumber : (this.#ring.numberOf(lastEventId) ?? -1);
      yield ": tocha\n\n"; // At once: the reader sees that it is connected.
      while (mayGoOn()) {
        const events = number < 0 ? undefined : this.#ring.after(number);
        number = this.#ring.lastNumber;
        if (events === undefined) yield eventText({ id: this.#ring.idOf(number), event: "gap", data: {} });
        else if (events.length > 0) yield events.map(eventText).join("");
        else if (!(await this.#next()) && mayGoOn()) yield ": \n\n";
      }
    } finally {
      this.#readers--;
    }
  }

  /** @returns false when nothing has happened for a while */
  #next(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (happened: boolean) => {
      clearTimeout(timer);
      this.#waiting.delete(wake);
      resolve(happened);
    };
    const wake = () => settle(true);
    const timer = setTimeout(() => settle(false), SIGN_OF_LIFE_MS);
    this.#waiting.add(wake);
    return promise;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const now = await this.#askCluster();
      if (this.#known !== undefined) this.#compare(this.#known, now);
      this.#known = now;
    } catch {
      // It is looked at again in a moment; what changed meanwhile is seen then.
    } finally {
      this.#looking = false;
    }
  }

  #compare(before: ClusterStatus, now: ClusterStatus): void {
    for (const { name, activeNode } of now.groups) {
      if (before.groups.find((group) => group.name === name)?.activeNode !== activeNode)
        this.#add("active", { group: name, node: activeNode });
    }
    const isIn = ({ problems }: ClusterStatus, one: ClusterStatus["problems"][number]) =>
      problems.some(({ code, node }) => code === one.code && node === one.node);
    for (const problem of now.problems) if (!isIn(before, problem)) this.#add("problem-appeared", problem);
    for (const problem of before.problems) if (!isIn(now, problem)) this.#add("problem-vanished", problem);
  }

  #add(event: NodeEventName, data: unknown): void {
    this.#ring.add(event, data);
    for (const wake of [...this.#waiting]) wake();
  }
}

function eventText({ id, event, data }: KeptEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
