import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { NodeSettings } from "../node-settings.ts";
import type { TextAnswer } from "./control-answer.ts";
import { DeviceListeners } from "./device-listeners.ts";

/** Some Prometheus servers, and a curious human. */
const CONNECTIONS_MAX = 16;
const REQUEST_LIMIT_MS = 5_000;
/** A connection on which nothing moves. */
const IDLE_LIMIT_MS = 30_000;

/**
 * Metrics for Prometheus over plain HTTP, where the document asks for them: on this node's own addresses of one
 * interface, and only for who comes in by its device. Reads only; whatever else is asked is refused.
 */
export function serveMetrics(
  settings: NonNullable<NodeSettings["metrics"]>,
  scrape: () => Promise<TextAnswer>,
  onError: (text: string) => void,
): DeviceListeners<Server> {
  const { device, addresses, port } = settings;
  return new DeviceListeners({
    ...{ what: "metrics", device, addresses, port, onError },
    create: () => {
      const server = createServer(
        // How often connections are looked at that are too slow.
        { requestTimeout: REQUEST_LIMIT_MS, connectionsCheckingInterval: 1_000 },
        (request, response) => {
          void respond(request, response, scrape);
        },
      );
      server.maxConnections = CONNECTIONS_MAX;
      server.timeout = IDLE_LIMIT_MS;
      server.keepAliveTimeout = IDLE_LIMIT_MS;
      return server;
    },
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  scrape: () => Promise<TextAnswer>,
): Promise<void> {
  const { method = "", url = "" } = request;
  // A body is of no interest, and whoever sends one is not heard to the end.
  request.resume();
  if (url.split("?")[0] !== "/metrics") return refuse(response, 404, "There is only /metrics here.\n");
  if (method !== "GET" && method !== "HEAD") return refuse(response, 405, "Metrics can only be read.\n");
  try {
    const { contentType, text } = await scrape();
    response.writeHead(200, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
    response.end(method === "HEAD" ? undefined : text);
  } catch {
    // What went wrong is nobody's business on the network; the same question on the control socket tells.
    refuse(response, 500, "The metrics could not be gathered.\n");
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(text);
}
