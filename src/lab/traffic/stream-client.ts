/** The client of the TCP streams; runs in the LAN's namespace. */
import { createConnection } from "node:net";
import { EndTable } from "./end-table.ts";
import { ChunkWheel, StreamEnd } from "./stream-end.ts";
import { STREAM_PORT, type StreamRoute, streamRoutes } from "./stream-plan.ts";
import { serveCommands, workerOptions } from "./worker-side.ts";

export interface StreamClientOptions {
  readonly connections: number;
  readonly ipv6: boolean;
  /** Open a connection again that was lost, or has stood still for 20 s. */
  readonly reopen: boolean;
}

// Paced, so that opening does not look like an attack to the gateway or to the server's backlog.
const OPEN_BATCH = 25;
const OPEN_PERIOD_MS = 10;
const REOPEN_DELAY_MS = 1_000;
// Reopened connections leave from other ports: the old ones may still be known to the gateway.
const REOPEN_PORTS = { first: 40_000, count: 20_000 };

const options = workerOptions<StreamClientOptions>();
const routes = streamRoutes(options);
const ends = new EndTable();
const wheel = new ChunkWheel();
let nextId = 0;
let reopened = 0;

function open(route: StreamRoute, fromPort: number): void {
  const id = nextId++;
  const socket = createConnection({
    host: route.to,
    port: STREAM_PORT,
    localAddress: route.from,
    localPort: fromPort,
    noDelay: true,
  });
  let end: StreamEnd | undefined;
  socket.on("connect", () => {
    const hello = Buffer.alloc(6);
    hello.writeUInt32BE(id, 0);
    hello.writeUInt16BE(fromPort, 4);
    socket.write(hello);
    end = new StreamEnd(id, socket, "to-server");
    ends.add(end);
    wheel.add(end);
  });
  socket.on("data", (bytes: Buffer) => end?.receive(bytes));
  socket.on("error", (error: NodeJS.ErrnoException) => end?.lose(error.code ?? error.message));
  socket.on("close", () => {
    end?.lose("closed");
    if (end !== undefined) wheel.remove(end);
    if (options.reopen || end === undefined) setTimeout(() => openAgain(route), REOPEN_DELAY_MS);
  });
}

function openAgain(route: StreamRoute): void {
  open(route, REOPEN_PORTS.first + (reopened++ % REOPEN_PORTS.count));
}

let unopened = 0;
const opening = setInterval(() => {
  for (const route of routes.slice(unopened, unopened + OPEN_BATCH)) open(route, route.fromPort);
  unopened += OPEN_BATCH;
  if (unopened >= routes.length) clearInterval(opening);
}, OPEN_PERIOD_MS);

if (options.reopen) ends.giveUpStandstills();
serveCommands((command) => ends.answer(command.do));
