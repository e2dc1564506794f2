import { type Agent, request } from "node:https";
import { nodeDnsName } from "../../keys/read-keys.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { KeyRing } from "./key-ring.ts";

const ANSWER_BYTES_MAX = 4 << 20;

export interface PeerAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface PeerQuestion {
  readonly settings: NodeSettings;
  readonly ring: KeyRing;
  readonly peer: PeerSettings;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly limitMs: number;
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
