import { createHash } from "node:crypto";
import { ProblemError } from "../../base/problem.ts";
import {
  type AccessAnswer,
  type AccessRequest,
  accessGiveSchema,
  accessTakeSchema,
  accessTellSchema,
  NAMES_MAX,
  RECORDS_PER_MESSAGE,
  type UserRecord,
} from "../../contract/access-records.ts";
import type { PeerSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import type { PeerAnswer } from "./peer-client.ts";
import type { Sessions } from "./sessions.ts";
import type { UserStore } from "./user-store.ts";

/** A node that was away learns of what has changed at its start, and the others of what it has. */
const LOOK_MS = 10_000;
/** Whoever changes a user waits so long for nodes that do not answer. */
const SHARE_LIMIT_MS = 2_000;
const LOOK_LIMIT_MS = 2_000;

export interface AccessPeersOptions {
  readonly peers: readonly PeerSettings[];
  readonly store: UserStore;
  readonly sessions: Sessions;
  readonly ask: (peer: PeerSettings, body: AccessRequest, limitMs: number) => Promise<PeerAnswer>;
  readonly log: (level: LogLevel, text: string) => void;
  readonly now?: () => number;
}

/** Users and sessions are those of the cluster: what changes here is told to the other nodes, and what they have is taken. */
export class AccessPeers {
  readonly #options: AccessPeersOptions;
  readonly #now: () => number;
  #complained = "";

  constructor(options: AccessPeersOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Looks at what the others have, from now on. */
  start(): void {
    setInterval(() => void this.look(), LOOK_MS);
  }

  /** Takes what the others have. Never fails: what cannot be had now comes later. */
  async look(): Promise<void> {
    await Promise.all(
      this.#options.peers.map(async (peer) => {
        try {
          await this.#follow(peer);
        } catch (error) {
          // Whoever does not answer is asked again; what this node cannot take or keep is told once.
          if (error instanceof ProblemError) this.#complain(`users and sessions: ${error.problem.message}`);
        }
      }),
    );
  }

  /**
   * Tells the other nodes of users that were changed here, and of the sessions.
   *
   * @returns the nodes that do not have it yet
   */
  async share(names: readonly string[] = []): Promise<string[]> {
    const { peers, store, sessions } = this.#options;
    const request: AccessRequest = {
      do: "take",
      users: store.records().filter(({ name }) => names.includes(name)),
      sessions: [...sessions.records(this.#now())],
      firstCode: sessions.firstCode ?? null,
    };
    const taken = await Promise.all(
      peers.map((peer) =>
        this.#ask(peer, request, SHARE_LIMIT_MS).then(
          (body) => accessTakeSchema.safeParse(body).success,
          () => false,
        ),
      ),
    );
    return peers.filter((_peer, index) => !taken[index]).map(({ name }) => name);
  }

  /** What another node asks. */
  carryOut(request: AccessRequest): AccessAnswer {
    const { store, sessions } = this.#options;
    switch (request.do) {
      case "tell":
        return {
          users: request.users === store.version() ? null : stamps(store.records()),
          ...(request.sessions === this.#sessionsDigest()
            ? { sessions: null, firstCode: null }
            : {
                sessions: [...sessions.records(this.#now())],
                firstCode: sessions.firstCode ?? null,
              }),
        };
      case "give":
        return { users: store.records().filter(({ name }) => request.names.includes(name)) };
      case "take":
        this.#take(request.users);
        sessions.merge(this.#now(), request.sessions, request.firstCode);
        return { ok: true };
    }
  }

  async #follow(peer: PeerSettings): Promise<void> {
    const { store, sessions } = this.#options;
    const question = { do: "tell", users: store.version(), sessions: this.#sessionsDigest() } as const;
    const theirs = accessTellSchema.parse(await this.#ask(peer, question, LOOK_LIMIT_MS));
    if (theirs.sessions !== null) sessions.merge(this.#now(), theirs.sessions, theirs.firstCode);
    if (theirs.users === null) return;
    const own = new Map(stamps(store.records()).map(({ name, stamp }) => [name, stamp]));
    const wanted = theirs.users.filter(({ name, stamp }) => own.get(name) !== stamp).map(({ name }) => name);
    for (let at = 0; at < wanted.length; at += RECORDS_PER_MESSAGE) {
      const names = wanted.slice(at, at + RECORDS_PER_MESSAGE);
      const { users } = accessGiveSchema.parse(await this.#ask(peer, { do: "give", names }, LOOK_LIMIT_MS));
      const before = store.version();
      this.#take(users);
      if (store.version() !== before)
        this.#options.log("info", `users as ${peer.name} has them: ${names.join(", ")}`);
    }
  }

  #take(users: readonly UserRecord[]): void {
    const { store } = this.#options;
    const known = new Set(store.records().map(({ name }) => name));
    for (const { name } of users) known.add(name);
    if (known.size > NAMES_MAX)
      throw new ProblemError({
        code: "too-many-users",
        message: `all nodes together have had more than ${NAMES_MAX} users`,
      });
    store.merge(users);
  }

  #sessionsDigest(): string {
    const { sessions } = this.#options;
    return digest([sessions.records(this.#now()), sessions.firstCode ?? null]);
  }

  #complain(text: string): void {
    if (text !== this.#complained) this.#options.log("warning", text);
    this.#complained = text;
  }

  async #ask(peer: PeerSettings, body: AccessRequest, limitMs: number): Promise<unknown> {
    const answer = await this.#options.ask(peer, body, limitMs);
    if (answer.status !== 200) throw new Error(`${peer.name} answers with status ${answer.status}`);
    return answer.body;
  }
}

function stamps(records: readonly UserRecord[]): { readonly name: string; readonly stamp: string }[] {
  return records.map((record) => ({ name: record.name, stamp: digest(record) }));
}

/** Records come through their schemas, which put all keys into one order. */
function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
