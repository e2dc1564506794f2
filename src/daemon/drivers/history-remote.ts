import type { NodeConfig } from "./node-config.ts";

/** After a failure it is tried again this much later. */
const RETRY_MS = 60_000;

export interface RemoteState {
  readonly url: string;
  readonly problem: string | null;
}

/** Sends the document's history to the repository that the document names, whenever it has grown. Nothing waits for it. */
export class HistoryRemote {
  readonly #log: (level: "info" | "warning", text: string) => void;
  /** What was sent, and where: all of it, or all but what `main` is. */
  #sent = "";
  /** What could not be sent as wished, and when that is tried again. */
  #tried = "";
  #nextMs = 0;
  #state: RemoteState | undefined;
  #isSending = false;

  constructor(log: (level: "info" | "warning", text: string) => void) {
    this.#log = log;
  }

  /** Undefined before the first try. */
  get state(): RemoteState | undefined {
    return this.#state;
  }

  /** Looks whether there is something to send, and sends it. */
  async follow(node: NodeConfig): Promise<void> {
    const { head, store } = node;
    const url = node.settings.document.history?.remote;
    if (url === undefined) {
      this.#state = undefined;
      return;
    }
    if (head === undefined || this.#isSending) return;
    // While histories are apart, and nobody has chosen, neither is what the remote repository should show first.
    const mayMove = node.state().diverged.length === 0;
    const wish = `${url} ${head.id} ${mayMove}`;
    if (wish === this.#sent || (wish === this.#tried && performance.now() < this.#nextMs)) return;
    this.#isSending = true;
    this.#tried = wish;
    try {
      const isMain = await store.push(url, { mayMove });
      const beside = isMain ? "" : "; main there is that of another node";
      if (isMain || this.#state?.problem !== null)
        this.#log("info", `the history up to revision ${head.number} was sent to ${url}${beside}`);
      if (isMain) this.#sent = wish;
      this.#state = { url, problem: null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (this.#state?.problem !== problem) this.#log("warning", `the history cannot be sent: ${problem}`);
      this.#state = { url, problem };
    } finally {
      this.#nextMs = performance.now() + RETRY_MS;
      this.#isSending = false;
    }
  }
}
