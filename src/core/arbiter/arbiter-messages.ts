import { DecodeError } from "../../base/decode-error.ts";

/**
 * What an arbiter is asked, as etcd's HTTP/JSON gateway has it (etcd 3.4: rpc.proto; 64-bit numbers are texts, keys and values
 * are base64), and what it answers. Every answer decodes to a value or a `DecodeError`.
 */
export type ArbiterRequest =
  /** Who holds the key? */
  | { readonly ask: "look" }
  /** A new lease. */
  | { readonly ask: "grant"; readonly leaseMs: number }
  /** The key under this lease, if its revision is still this one; 0: if there is no key. */
  | { readonly ask: "put"; readonly lease: string; readonly revision: string }
  | { readonly ask: "renew"; readonly lease: string }
  | { readonly ask: "revoke"; readonly lease: string };

export type ArbiterAnswer =
  | { readonly what: "free" }
  /** A revision changes with every renewal. */
  | { readonly what: "holder"; readonly node: string; readonly revision: string }
  | { readonly what: "granted"; readonly lease: string }
  | { readonly what: "put"; readonly revision: string }
  | { readonly what: "renewed" }
  /** The lease is not, or no longer, one. */
  | { readonly what: "expired" }
  | { readonly what: "revoked" };

/** Answers are a few hundred bytes; more is none of ours. */
export const ARBITER_ANSWER_BYTES_MAX = 65_536;
const NUMBER = /^[0-9]{1,20}$/;
const NODE_NAME = /^[a-z][a-z0-9-]{0,62}$/;
/** grpc-gateway: code NotFound is 404. */
const HTTP_NOT_FOUND = 404;

/** The key of a group: one arbiter may serve many clusters. */
export function arbiterKey(cluster: string, group: string): string {
  return `tocha/${cluster}/${group}`;
}

export function encodeArbiterRequest(
  request: ArbiterRequest,
  { key: name, node }: { readonly key: string; readonly node: string },
): { readonly path: string; readonly body: object } {
  const key = btoa(name);
  switch (request.ask) {
    case "look":
      return { path: "/v3/kv/range", body: { key } };
    case "grant":
      return { path: "/v3/lease/grant", body: { TTL: String(Math.ceil(request.leaseMs / 1_000)) } };
    case "renew":
      return { path: "/v3/lease/keepalive", body: { ID: request.lease } };
    case "revoke":
      return { path: "/v3/lease/revoke", body: { ID: request.lease } };
    case "put":
      return {
        path: "/v3/kv/txn",
        body: {
          // The revision of a key that does not exist is 0.
          compare: [{ target: "MOD", result: "EQUAL", key, mod_revision: request.revision }],
          success: [{ request_put: { key, value: btoa(node), lease: request.lease } }],
          failure: [{ request_range: { key } }],
        },
      };
  }
}

/** @param status of HTTP */
export function decodeArbiterAnswer(
  ask: ArbiterRequest["ask"],
  status: number,
  text: string,
): ArbiterAnswer | DecodeError {
  if (status === HTTP_NOT_FOUND && ask === "put") return { what: "expired" };
  if (status === HTTP_NOT_FOUND && ask === "revoke") return { what: "revoked" };
  if (status !== 200) return new DecodeError("arbiter-status", 0);
  const root = parse(text);
  if (root === undefined) return new DecodeError("arbiter-json", 0);
  switch (ask) {
    case "look":
      return decodeHolder(root);
    case "grant": {
      const lease = numberAt(root, "ID");
      return lease === undefined ? new DecodeError("arbiter-lease", 0) : { what: "granted", lease };
    }
    case "renew": {
      const result = mapAt(root, "result");
      if (result === undefined) return new DecodeError("arbiter-renewal", 0);
      // What is 0 is left out.
      const seconds = numberAt(result, "TTL");
      return { what: seconds === undefined || seconds === "0" ? "expired" : "renewed" };
    }
    case "revoke":
      return { what: "revoked" };
    case "put":
      return decodePut(root);
  }
}

/** The token of a user (/v3/auth/authenticate). */
export function decodeArbiterToken(status: number, text: string): string | DecodeError {
  const root = status === 200 ? parse(text) : undefined;
  const token = root?.["token"];
  // It goes into a header.
  const isToken = typeof token === "string" && /^[\x21-\x7e]{1,4096}$/.test(token);
  return isToken ? token : new DecodeError("arbiter-token", 0);
}

/** etcd's own words for why it refused; undefined where there are none that a terminal could show. */
export function arbiterWords(text: string): string | undefined {
  const words = parse(text)?.["message"];
  return typeof words === "string" && /^[\x20-\x7e]{1,200}$/.test(words) ? words : undefined;
}

function decodePut(root: Map): ArbiterAnswer | DecodeError {
  if (root["succeeded"] === true) {
    const header = mapAt(root, "header");
    const revision = header === undefined ? undefined : numberAt(header, "revision");
    return revision === undefined ? new DecodeError("arbiter-revision", 0) : { what: "put", revision };
  }
  const [response] = listAt(root, "responses");
  const range = isMap(response) ? mapAt(response, "response_range") : undefined;
  return range === undefined ? new DecodeError("arbiter-range", 0) : decodeHolder(range);
}

function decodeHolder(range: Map): ArbiterAnswer | DecodeError {
  const [entry] = listAt(range, "kvs");
  if (entry === undefined) return { what: "free" };
  const revision = isMap(entry) ? numberAt(entry, "mod_revision") : undefined;
  const node = isMap(entry) ? textOf(entry["value"]) : undefined;
  if (revision === undefined || node === undefined || !NODE_NAME.test(node))
    return new DecodeError("arbiter-holder", 0);
  return { what: "holder", node, revision };
}

type Map = Readonly<Record<string, unknown>>;

function parse(text: string): Map | undefined {
  if (text.length > ARBITER_ANSWER_BYTES_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? value : undefined;
  } catch {
    // The one way that JSON.parse has to say so.
    return undefined;
  }
}

function isMap(value: unknown): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapAt(map: Map, key: string): Map | undefined {
  const value = map[key];
  return isMap(value) ? value : undefined;
}

function listAt(map: Map, key: string): readonly unknown[] {
  const value = map[key];
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function numberAt(map: Map, key: string): string | undefined {
  const value = map[key];
  return typeof value === "string" && NUMBER.test(value) ? value : undefined;
}

function textOf(base64: unknown): string | undefined {
  if (typeof base64 !== "string" || base64.length > 256) return undefined;
  try {
    return atob(base64);
  } catch {
    return undefined;
  }
}
