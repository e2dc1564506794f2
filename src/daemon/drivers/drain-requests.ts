import type { GroupSet } from "../../core/replication/flow-owner.ts";
import type { RoleMessage, RoleName } from "../role-message.ts";
import type { SourceLink } from "./source-link.ts";

interface Drain {
  readonly from: RoleName;
  readonly request: RoleMessage & { kind: "drain" };
  readonly waitingFor: Set<string>;
  readonly timer: NodeJS.Timeout;
}

/** The failover role's wishes that the standbys confirm everything so far: one for each group at a time. */
export class DrainRequests {
  readonly #sources: readonly SourceLink[];
  readonly #bitOf: (group: string) => GroupSet;
  readonly #send: (to: RoleName, message: RoleMessage) => void;
  /** By the token of their marks, which all groups share. */
  readonly #drains = new Map<number, Drain>();
  #lastToken = 0;

  constructor(options: {
    readonly sources: readonly SourceLink[];
    readonly bitOf: (group: string) => GroupSet;
    readonly send: (to: RoleName, message: RoleMessage) => void;
  }) {
    this.#sources = options.sources;
    this.#bitOf = options.bitOf;
    this.#send = options.send;
  }

  /** All events that the kernel has were read. */
  start(from: RoleName, request: RoleMessage & { kind: "drain" }): void {
    for (const [earlier, drain] of this.#drains)
      if (drain.request.group === request.group) this.#end(earlier, false);
    const ready = this.#sources.filter((source) => this.#isComplete(source, request.group));
    this.#lastToken = (this.#lastToken + 1) >>> 0;
    const token = this.#lastToken;
    const timer = setTimeout(() => this.#end(token, false), request.limitMs);
    this.#drains.set(token, { from, request, timer, waitingFor: new Set(ready.map(({ peer }) => peer)) });
    if (ready.length === 0) this.#end(token, false);
    for (const source of ready) source.mark(token);
  }

  marked(peer: string, token: number): void {
    const drain = this.#drains.get(token);
    if (drain === undefined) return;
    // What it confirmed is worth nothing if changes were dropped meanwhile.
    const source = this.#sources.find((one) => one.peer === peer);
    if (source === undefined || !this.#isComplete(source, drain.request.group)) {
      this.#end(token, false);
      return;
    }
    drain.waitingFor.delete(peer);
    if (drain.waitingFor.size === 0) this.#end(token, true);
  }

  /** Its other groups do not matter. */
  #isComplete({ stream }: SourceLink, group: string): boolean {
    return (stream.completeGroups & this.#bitOf(group)) !== 0;
  }

  #end(token: number, complete: boolean): void {
    const drain = this.#drains.get(token);
    if (drain === undefined) return;
    this.#drains.delete(token);
    clearTimeout(drain.timer);
    const { group, token: answered } = drain.request;
    this.#send(drain.from, { kind: "drained", group, token: answered, complete });
  }
}
