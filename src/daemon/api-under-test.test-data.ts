import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type RequestOptions, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApi } from "../api/api-app.ts";
import { ControlLink } from "../api/control-link.ts";
import type { AuditEntry } from "../contract/audit.ts";
import type { UserRole } from "../contract/operation.ts";
import { type OperationId, operations } from "../contract/operations.ts";
import type { DeclaredUsers } from "../contract/users-schema.ts";
import { userAdded } from "../core/access/user-records.ts";
import { AccessControl } from "./drivers/access-control.ts";
import { AccessPeers } from "./drivers/access-peers.ts";
import { AuditLog } from "./drivers/audit-log.ts";
import { type ControlHandler, listenForApi } from "./drivers/control-server.ts";
import { KeyedRequests } from "./drivers/keyed-requests.ts";
import {
  callerName,
  type OperationCall,
  OperationDispatch,
  type OperationHandlers,
} from "./drivers/operation-dispatch.ts";
import { digestOf } from "./drivers/sessions.ts";
import { UserAnswers } from "./drivers/user-answers.ts";
import { UserFile } from "./drivers/user-store.ts";

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: unknown;
  /** In place of a body of JSON. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** The real API before the real dispatch, users and audit log; what nodes and kernels would answer is given. */
export class ApiUnderTest {
  readonly folder = mkdtempSync(join(tmpdir(), "tocha-api-"));
  /** As the document has them. */
  declared: DeclaredUsers;
  readonly store = new UserFile(this.folder, () => this.declared);
  readonly changes: AuditEntry[] = [];
  readonly access: AccessControl;
  /** The operations that were carried out. */
  readonly reached: OperationId[] = [];
  nowMs = Date.now();
  #server: Server | undefined;
  #control: Server | undefined;
  #local: ControlHandler | undefined;

  private constructor() {
    this.access = new AccessControl(this.store, { now: () => this.nowMs });
  }

  static async start(
    given: Partial<OperationHandlers> = {},
    { requestsPerSecond = 100_000 }: { readonly requestsPerSecond?: number } = {},
  ): Promise<ApiUnderTest> {
    const api = new ApiUnderTest();
    const audit = new AuditLog(api.folder, () => {});
    const keyed = new KeyedRequests();
    const own: Partial<OperationHandlers> = {
      "operations.read": ({ caller, parameters }) => keyed.read(callerName(caller), parameters["id"] ?? ""),
    };
    const { store, access } = api;
    const peers = new AccessPeers({
      ...{ store, sessions: access.sessions, peers: [], log: () => {}, now: () => api.nowMs },
      ask: () => Promise.reject(new Error("there are no others")),
    });
    const users = new UserAnswers({ store, access, audit, peers }).handlers();
    const handlers = Object.fromEntries(
      Object.keys(operations).map((id) => {
        const handler = { ...users, ...own, ...given }[id as OperationId] as
          | ((call: OperationCall) => unknown)
          | undefined;
        const reach = (call: OperationCall) => {
          api.reached.push(id as OperationId);
          return handler === undefined ? { ok: true } : handler(call);
        };
        return [id, reach];
      }),
    ) as unknown as OperationHandlers;
    const dispatch = new OperationDispatch({
      ...{ node: "gw1", handlers, keyed },
      onChange: (entry) => {
        api.changes.push(entry);
        audit.add(entry);
      },
    });
    api.#local = (request) => dispatch.handle(request);
    const socket = join(api.folder, "control.sock");
    api.#control = listenForApi(socket, {
      ownerOf: (token) => {
        const owner = api.access.owner(token);
        return owner === undefined ? undefined : { ...owner, token, tokenKind: owner.kind };
      },
      handle: api.#local,
      onError: (text) => {
        throw new Error(text);
      },
    });
    const app = await buildApi({
      ...{ table: operations, link: new ControlLink(socket), requestsPerSecond, version: "1" },
      onDefect: (text) => {
        throw new Error(text);
      },
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    api.#server = createServer((request, response) => app.routing(request, response));
    api.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return api;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | undefined;
    return address?.port ?? 0;
  }

  /** A token of a new user. */
  tokenFor(role: UserRole, name: string = role): string {
    const token = `token-of-${name}`;
    const created = new Date().toISOString();
    const kept = { id: name, label: "", digest: digestOf(token), role, created, expires: null };
    const part = { role, created, password: null, passwordChange: 1, tokens: [kept], removedTokens: [] };
    const known = this.store.records().find((record) => record.name === name);
    this.store.merge([userAdded(known, name, part)]);
    return token;
  }

  /** As root on the control socket. */
  async console(method: string, path: string, body?: unknown): Promise<unknown> {
    return await this.#local?.({
      ...{ method, path, body, query: new URLSearchParams(), caller: { kind: "console", name: "root" } },
      ...{ ifMatch: undefined, idempotencyKey: undefined, lastEventId: undefined },
    });
  }

  ask(asked: Asked): Promise<Answered> {
    return exchange(asked, { host: "127.0.0.1", port: this.port });
  }

  /** As the api role asks control, past the API itself. */
  askControl(asked: Asked): Promise<Answered> {
    return exchange(asked, { socketPath: join(this.folder, "control.sock") });
  }

  stop(): void {
    for (const server of [this.#server, this.#control]) {
      server?.closeAllConnections();
      server?.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function exchange(
  { method = "GET", path, token, body, raw, headers = {} }: Asked,
  place: RequestOptions,
): Promise<Answered> {
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const outgoing = request(
    {
      ...{ ...place, method, path, agent: false },
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    },
    async (incoming) => {
      let answer = "";
      for await (const chunk of incoming.setEncoding("utf8")) answer += chunk;
      const { statusCode = 0 } = incoming;
      resolve({ status: statusCode, headers: incoming.headers, text: answer, json: parsed(answer) });
    },
  );
  outgoing.on("error", reject);
  outgoing.end(text);
  return promise;
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
