import { type Agent, request } from "node:https";
import { nodeDnsName } from "../../keys/read-keys.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { KeyRing } from "./key-ring.ts";

/** A revision with the longest document, as JSON. */
const ANSWER_BYTES_MAX = 20 << 20;

export interface PeerAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** How long an answer is waited for. */
export interface AnswerLimits {
  readonly limitMs: number;
  /** Of a machine that does not even take the connection: it is away. One that does may only be busy. */
  readonly connectLimitMs?: number;
}

export interface PeerQuestion extends AnswerLimits {
  readonly settings: NodeSettings;
  readonly ring: KeyRing;
  readonly peer: PeerSettings;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** Keeps connections for further questions; by default each has its own. */
  readonly agent?: Agent;
}

/** The same for who has neither settings nor keys: the control role adds them. */
export type AskPeer = (question: Omit<PeerQuestion, "settings" | "ring">) => Promise<PeerAnswer>;

/** Asks the control role of another node, over mutual TLS. Rejects when there is no answer in time. */
export function askPeer(options: PeerQuestion): Promise<PeerAnswer> {
  const { settings, ring, peer } = options;
  return new Promise((resolve, reject) => {
    const call = request({
      host: peer.syncAddress,
      port: settings.ports.control,
      localAddress: settings.sync.address,
      servername: nodeDnsName(peer.name),
      ...ring.tls,
      checkServerIdentity: ring.checkServerIdentity,
      agent: options.agent ?? false,
      method: options.method,
      path: options.path,
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(options.limitMs),
    });
    const { connectLimitMs } = options;
    if (connectLimitMs !== undefined) {
      const away = () => call.destroy(new Error(`${peer.name} does not take a connection`));
      const timer = setTimeout(away, connectLimitMs);
      call.on("socket", (socket) => {
        if (socket.connecting) socket.once("connect", () => clearTimeout(timer));
        else clearTimeout(timer);
      });
      call.on("close", () => clearTimeout(timer));
    }
    call.on("error", reject);
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
      });
      response.on("error", reject);
      response.on("end", () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown });
        } catch {
          reject(new Error(`${peer.name} did not answer in JSON`));
        }
      });
    });
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}
