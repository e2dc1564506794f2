import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { ApiSettings } from "../api-settings.ts";
import { DeviceListeners } from "./device-listeners.ts";

const CONNECTIONS_MAX = 256;
/** From the first byte of a request to its last. */
const REQUEST_LIMIT_MS = 10_000;
const HEADER_BYTES_MAX = 16 << 10;
const IDLE_LIMIT_MS = 30_000;

/**
 * HTTPS on this node's own addresses of one interface, and only for who comes in by its device.
 *
 * @returns what lets another certificate and key count for new connections; those that are there go on
 */
export function listenForUsers(
  settings: ApiSettings,
  handle: RequestListener,
  onError: (text: string) => void,
): (keys: Pick<ApiSettings, "certificate" | "privateKey">) => void {
  let shown = tlsOf(settings);
  const { device, addresses, port } = settings;
  const listeners = new DeviceListeners({
    ...{ what: "the API", device, addresses, port, onError },
    create: () => {
      const server = createServer(
        {
          ...shown,
          ...{ requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS },
          ...{ connectionsCheckingInterval: 1_000, maxHeaderSize: HEADER_BYTES_MAX },
          handshakeTimeout: REQUEST_LIMIT_MS,
        },
        handle,
      );
      server.maxConnections = CONNECTIONS_MAX;
      server.keepAliveTimeout = IDLE_LIMIT_MS;
      return server;
    },
  });
  return (keys) => {
    shown = tlsOf(keys);
    for (const server of listeners.servers) server.setSecureContext(shown);
  };
}

function tlsOf({ certificate, privateKey }: Pick<ApiSettings, "certificate" | "privateKey">) {
  return { key: privateKey, cert: certificate, minVersion: "TLSv1.3" } as const;
}
