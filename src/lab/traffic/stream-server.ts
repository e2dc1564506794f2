/**
 * The server of the TCP streams; runs in the WAN's namespace.
 *
 * A client begins with 6 bytes, the number of the connection and the port that it believes to come from; from
 * then on both sides send their byte sequences.
 */
import { createServer, type Socket } from "node:net";
import { EndTable } from "./end-table.ts";
import { ChunkWheel, StreamEnd } from "./stream-end.ts";
import { serveCommands, workerOptions } from "./worker-side.ts";

export interface StreamServerOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  /** The client opens connections again: the old ones are given up here too. */
  readonly reopen: boolean;
}

const HELLO_BYTES = 6;

const options = workerOptions<StreamServerOptions>();
const ends = new EndTable();
const wheel = new ChunkWheel();
let listening = 0;

for (const address of options.addresses) {
  createServer({ noDelay: true }, greet).listen({ host: address, port: options.port, backlog: 1_024 }, () => {
    listening += 1;
  });
}

/** Reads the client's first bytes, however they are cut, and then the stream. */
function greet(socket: Socket): void {
  let hello = Buffer.alloc(0);
  let end: StreamEnd | undefined;
  socket.on("data", (bytes: Buffer) => {
    if (end !== undefined) return end.receive(bytes);
    hello = Buffer.concat([hello, bytes]);
    if (hello.length < HELLO_BYTES) return;
    end = begin(socket, hello.readUInt32BE(0), hello.readUInt16BE(4));
    end.receive(hello.subarray(HELLO_BYTES));
  });
  socket.on("error", (error: NodeJS.ErrnoException) => lose(end, error.code ?? error.message));
  socket.on("close", () => lose(end, "closed"));
}

function begin(socket: Socket, id: number, clientPort: number): StreamEnd {
  const end = new StreamEnd(id, socket, "to-client");
  ends.add(end);
  ends.noteSource(socket.remoteAddress ?? "unknown", socket.remotePort !== clientPort);
  wheel.add(end);
  return end;
}

function lose(end: StreamEnd | undefined, reason: string): void {
  if (end === undefined) return;
  end.lose(reason);
  wheel.remove(end);
}

if (options.reopen) ends.giveUpStandstills();

serveCommands((command) => {
  if (command.do === "listening") return { listening: listening === options.addresses.length };
  return ends.answer(command.do);
});
