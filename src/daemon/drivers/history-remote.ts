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
  /** What was sent, and where. */
  #sent: { readonly url: string; readonly id: string } | undefined;
  #state: RemoteState | undefined;
  #nextMs = 0;
  #isSending = false;

  constructor(log: (level: "info" | "warning", text: string) => void) {
    this.#log = log;
  }

  /** Undefined before the first try. */
  get state(): RemoteState | undefined {
    return this.#state;
  }

  /** Looks whether there is something to send, and sends it. */
  async follow({ settings, head, store }: NodeConfig): Promise<void> {
    const url = settings.document.history?.remote;
    if (url === undefined) {
      this.#state = undefined;
      return;
    }
    const isSent = this.#sent?.url === url && this.#sent.id === head?.id;
    if (head === undefined || isSent || this.#isSending || performance.now() < this.#nextMs) return;
    this.#isSending = true;
    try {
      await store.push(url);
      this.#sent = { url, id: head.id };
      this.#state = { url, problem: null };
      this.#log("info", `the history up to revision ${head.number} was sent to ${url}`);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (this.#state?.problem !== problem) this.#log("warning", `the history cannot be sent: ${problem}`);
      this.#state = { url, problem };
      this.#nextMs = performance.now() + RETRY_MS;
    } finally {
      this.#isSending = false;
    }
  }
}
