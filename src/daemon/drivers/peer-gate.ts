import { ProblemError } from "../../base/problem.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";

/**
 * Only nodes of the document that applies now may ask this node for anything: a certificate outlives the node that it was issued
 * to. A machine that has joined waits here, too, until a document with it applies.
 */
export class PeerGate {
  readonly #settings: () => NodeSettings;
  readonly #log: (level: LogLevel, text: string) => void;
  /** Who was refused, and by which document: they ask again and again, and the log says it once. */
  readonly #told = new Map<string, string>();

  constructor(settings: () => NodeSettings, log: (level: LogLevel, text: string) => void) {
    this.#settings = settings;
    this.#log = log;
  }

  /** @throws ProblemError when the document that applies has no such node */
  check(name: string): void {
    const { node, revision, document } = this.#settings();
    if (Object.hasOwn(document.nodes, name)) {
      this.#told.delete(name);
      return;
    }
    if (this.#told.get(name) !== revision) {
      this.#told.set(name, revision);
      this.#log("warning", `${name} has a certificate of the cluster, and is refused: ${why(node, name)}`);
    }
    throw new ProblemError({
      code: "node-not-in-document",
      message: why(node, name),
      hint: `If ${name} was removed: stop tocha there. If it joins: tocha config apply on ${node}, with a document that has it.`,
    });
  }
}

function why(node: string, name: string): string {
  return `the document that applies on ${node} has no node ${name}`;
}
