import { join } from "node:path";
import type { AuditEntry } from "../../contract/audit.ts";
import type { TakenBack } from "../../contract/config-operations.ts";
import type { HistoryEntry } from "../../contract/failover-history.ts";
import { operations } from "../../contract/operations.ts";
import type { ClusterStatus, NodeStatus } from "../../contract/status.ts";
import type { DeclaredUsers } from "../../contract/users-schema.ts";
import { type KnownUser, knownUser } from "../../core/access/declared-users.ts";
import { isNodeReady } from "../../core/status/node-ready.ts";
import { API_SOCKET } from "../api-folder.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import { AccessControl } from "./access-control.ts";
import { AccessPeers } from "./access-peers.ts";
import { AuditLog } from "./audit-log.ts";
import { StatusAnswer } from "./control-answer.ts";
import { type ControlHandler, listenForApi } from "./control-server.ts";
import { KeyedRequests } from "./keyed-requests.ts";
import { NodeEvents } from "./node-events.ts";
import { callerName, type OperationHandlers } from "./operation-dispatch.ts";
import type { AskPeer } from "./peer-client.ts";
import { RequestFile } from "./request-file.ts";
import { Sessions } from "./sessions.ts";
import { UserAnswers } from "./user-answers.ts";
import { UserFile } from "./user-store.ts";

export interface NodeAccessOptions {
  readonly settings: NodeSettings;
  /** As the document has them now. */
  readonly declaredUsers: () => DeclaredUsers;
  readonly clusterStatus: () => Promise<ClusterStatus>;
  readonly nodeStatus: () => Promise<NodeStatus>;
  readonly askPeer: AskPeer;
  readonly log: (level: LogLevel, text: string) => void;
  readonly onError: (text: string) => void;
}

/** All about the API that the control role does: who may come in, what was done, what happens. */
export class NodeAccess {
  readonly #options: NodeAccessOptions;
  readonly #store: UserFile;
  readonly #access: AccessControl;
  readonly #audit: AuditLog;
  readonly #events: NodeEvents;
  readonly #users: UserAnswers;
  readonly #peers: AccessPeers;
  readonly keyed: KeyedRequests;

  constructor(options: NodeAccessOptions) {
    this.#options = options;
    const { settings, onError } = options;
    this.#store = new UserFile(settings.stateDirectory, options.declaredUsers);
    const sessions = new Sessions(join(settings.runDirectory, "sessions.json"));
    const store = this.#store;
    this.#access = new AccessControl(store, { sessions });
    this.keyed = new KeyedRequests(new RequestFile(join(settings.runDirectory, "requests.json"), onError));
    this.#audit = new AuditLog(settings.stateDirectory, onError);
    this.#events = new NodeEvents(options.clusterStatus);
    const { path } = operations["node.access"];
    this.#peers = new AccessPeers({
      ...{ peers: settings.peers, store, sessions, log: options.log },
      ask: (peer, body, limitMs) => options.askPeer({ peer, method: "POST", path, body, limitMs }),
    });
    this.#users = new UserAnswers({
      ...{ store, access: this.#access, audit: this.#audit, peers: this.#peers },
    });
  }

  /** Whom the nodes keep. */
  knownUsers(): KnownUser[] {
    return this.#store.kept().map(knownUser);
  }

  handlers() {
    return {
      ...this.#users.handlers(),
      events: ({ lastEventId, caller }) =>
        this.#events.stream(lastEventId, () => {
          const user = caller.kind === "api" ? caller.user : undefined;
          return user === undefined || this.#access.owner(user.token) !== undefined;
        }),
      "operations.read": ({ caller, parameters }) =>
        this.keyed.read(callerName(caller), parameters["id"] ?? ""),
      health: () => ({ ok: true }),
      ready: () => this.#ready(),
    } satisfies Partial<OperationHandlers>;
  }

  /**
   * Follows the users of the other nodes. Where the document has an API: answers the process that serves it, once a user that was
   * removed while this node was away is known to be removed, from the records or from the document.
   */
  async listen(handle: ControlHandler, lookedForDocument: Promise<unknown>): Promise<void> {
    const { settings, onError } = this.#options;
    this.#peers.start();
    // Who may come in stands in both.
    await Promise.all([this.#peers.look(), lookedForDocument]);
    if (settings.api === undefined) return;
    listenForApi(join(settings.runDirectory, API_SOCKET), {
      ...{ handle, onError },
      ownerOf: (token) => {
        const owner = this.#access.owner(token);
        if (owner === undefined) return undefined;
        const { name, role, kind, expires } = owner;
        return { name, role, token, tokenKind: kind, expires };
      },
    });
    this.#events.start();
  }

  /** Something was changed, or was to be. */
  changed(entry: AuditEntry): void {
    this.#audit.add(entry);
    this.#events.change(entry);
  }

  /** The node took a change back: nobody's request, and yet it changed the node. */
  takenBack({ number, author, why }: TakenBack): void {
    const { node } = this.#options.settings;
    this.changed({
      ...{ at: new Date().toISOString(), node, who: node, via: "node", role: null, from: null },
      ...{ operation: "config.taken-back", what: { number, author, why }, result: "ok" },
    });
  }

  transition(entry: HistoryEntry): void {
    this.#events.transition(entry);
  }

  async #ready(): Promise<StatusAnswer> {
    const ready = isNodeReady(await this.#options.nodeStatus());
    return new StatusAnswer(ready ? 200 : 503, { ready });
  }
}
