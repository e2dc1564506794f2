import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { Problem } from "../base/problem.ts";
import { headersFor, type Transport, type TransportRequest } from "./transport.ts";

/** What every node's certificate ends in, which no public authority signs. */
const NODE_DOMAIN = ".tocha";

/** The API of a node, as a user with a token. */
export class HttpsTransport implements Transport {
  readonly place: string;
  readonly #url: URL;
  readonly #token: string | undefined;
  readonly #ca: string | undefined;

  /** @param ca PEM; without one, the authorities that Node.js knows */
  constructor(
    url: URL,
    { token, ca }: { readonly token?: string | undefined; readonly ca?: string | undefined },
  ) {
    this.#url = url;
    this.#token = token;
    this.#ca = ca;
    this.place = `the API at ${url.origin}`;
  }

  open(wish: TransportRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { method, path, text, signal } = wish;
    const own = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const ca = this.#ca;
    const outgoing = request(
      new URL(path, this.#url),
      {
        ...{ method, signal, agent: false, minVersion: "TLSv1.3", headers: { ...headersFor(wish), ...own } },
        ...(ca === undefined ? {} : { ca, checkServerIdentity: checkNode }),
      },
      resolve,
    );
    outgoing.on("error", reject);
    outgoing.end(text);
    return promise;
  }

  unavailable(error: unknown, expiredMs: number | undefined): Problem {
    if (expiredMs !== undefined)
      return {
        code: "unavailable",
        message: `${this.place} did not answer within ${expiredMs / 1_000} s`,
        hint: "Another node of the cluster may answer: any will do.",
      };
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const message = error instanceof Error ? error.message : String(error);
    if (/CERT|SIGN|ISSUER|ALTNAME|VERIFY/.test(code))
      return {
        code: "untrusted-node",
        message: `${this.place} is not trusted: ${message}`,
        hint: "Name the authority of the cluster with --ca: it is ca.crt in the keys folder of every node.",
      };
    return {
      code: "unavailable",
      message: `${this.place} cannot be asked: ${message}`,
      hint: 'Does the document have "api", and does tocha run there? Any other node of the cluster will do.',
    };
  }
}

/**
 * Nodes are known by NODE.tocha, and asked by whatever name or address leads to them. With the authority of the cluster
 * named, a name without a dot is that of the node, and behind an address any node of the cluster will do.
 */
export function checkNode(host: string, certificate: PeerCertificate): Error | undefined {
  const usual = checkServerIdentity(host, certificate);
  if (usual === undefined) return undefined;
  const names = (certificate.subjectaltname ?? "").split(", ").map((name) => name.replace(/^DNS:/, ""));
  const isNode = (name: string) => /^[a-z0-9-]+\.tocha$/.test(name) && name.endsWith(NODE_DOMAIN);
  if (isIP(host.replace(/^\[|\]$/g, "")) !== 0) return names.some(isNode) ? undefined : usual;
  return !host.includes(".") && names.includes(`${host}${NODE_DOMAIN}`) ? undefined : usual;
}
