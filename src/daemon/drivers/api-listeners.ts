import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import { isLinkLocal, validIp } from "../../base/ip.ts";
import { openTcpListener } from "../../linux/tcp-listener.ts";
import type { ApiSettings } from "../api-settings.ts";

const CONNECTIONS_MAX = 256;
/** From the first byte of a request to its last. */
const REQUEST_LIMIT_MS = 10_000;
const HEADER_BYTES_MAX = 16 << 10;
const IDLE_LIMIT_MS = 30_000;
const LISTEN_RETRY_MS = 1_000;

/**
 * HTTPS on this node's own addresses of one interface, and only for who comes in by its device. IPv6 link-local addresses
 * are left out: they mean nothing elsewhere.
 *
 * @returns what lets another certificate and key count for new connections; those that are there go on
 */
export function listenForUsers(
  settings: ApiSettings,
  handle: RequestListener,
  onError: (text: string) => void,
): (keys: Pick<ApiSettings, "certificate" | "privateKey">) => void {
  let shown = tlsOf(settings);
  const servers = new Set<Server>();
  const addresses = settings.addresses.filter((address) => !isLinkLocal(validIp(address)));
  if (addresses.length === 0)
    onError(`the API: ${settings.device} has only link-local addresses: nothing listens`);
  for (const address of addresses) listen(address);
  return (keys) => {
    shown = tlsOf(keys);
    for (const server of servers) server.setSecureContext(shown);
  };

  function listen(address: string): void {
    const { device, port } = settings;
    const server = createServer(
      {
        ...shown,
        ...{ requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS },
        ...{ connectionsCheckingInterval: 1_000, maxHeaderSize: HEADER_BYTES_MAX },
        handshakeTimeout: REQUEST_LIMIT_MS,
      },
      handle,
    );
    servers.add(server);
    server.maxConnections = CONNECTIONS_MAX;
    server.keepAliveTimeout = IDLE_LIMIT_MS;
    const retry = (error: unknown) => {
      servers.delete(server);
      const reason = error instanceof Error ? error.message : String(error);
      onError(`the API cannot listen on ${address} port ${port}: ${reason}`);
      setTimeout(() => listen(address), LISTEN_RETRY_MS);
    };
    server.on("error", retry);
    try {
      server.listen({ fd: openTcpListener({ address: validIp(address), port, device }) });
    } catch (error) {
      retry(error);
    }
  }
}

function tlsOf({ certificate, privateKey }: Pick<ApiSettings, "certificate" | "privateKey">) {
  return { key: privateKey, cert: certificate, minVersion: "TLSv1.3" } as const;
}
