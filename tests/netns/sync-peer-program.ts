// A node of another release, or one that is none, at one end of a flow-sync stream.
//
//   sync-peer-program.ts serve ADDRESS KEYS NODE VERSION          a sink: answers each hello with one of its version
//   sync-peer-program.ts greet FROM ADDRESS KEYS NODE VERSION     a source: says hello, and prints what it is answered
import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { groupNamesHash } from "../../src/core/replication/hello.ts";
import { nodeKeyFileNames } from "../../src/keys/read-keys.ts";
import { encodeSyncFrame, type SyncFrame, SyncFrameSplitter } from "../../src/wire/flow-sync.ts";

const PORT = 7_844;
const LAB_GROUP = "gateway";
const [what, ...args] = process.argv.slice(2);
const [directory = "", node = "", versionText = "", cluster = ""] = args.slice(what === "serve" ? 1 : 2);
const version = Number(versionText);
const files = nodeKeyFileNames(node);
const keys = {
  cert: readFileSync(join(directory, files.certificate)),
  key: readFileSync(join(directory, files.privateKey)),
};
const hello = encodeSyncFrame({
  ...({ type: "hello", version, oldestVersion: version, cluster, node, flows: 0 } as const),
  groupNames: groupNamesHash([LAB_GROUP]),
});

/** Hands over every frame that arrives. */
function read(socket: TLSSocket, receive: (frame: SyncFrame) => void): void {
  const splitter = new SyncFrameSplitter();
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    if (splitter.push(chunk, receive) !== undefined) socket.destroy();
  });
}

if (what === "serve") {
  const server = createServer(keys, (socket) =>
    read(socket, (frame) => {
      if (frame.type === "hello") socket.write(hello);
    }),
  );
  server.on("tlsClientError", () => undefined);
  server.listen({ host: args[0], port: PORT }, () => process.stdout.write("listening\n"));
} else {
  const frames: SyncFrame[] = [];
  const socket = connect({
    socket: connectTcp({ host: args[1] ?? "", port: PORT, localAddress: args[0] ?? "" }),
    rejectUnauthorized: false,
    ...keys,
  });
  read(socket, (frame) => frames.push(frame));
  socket.on("secureConnect", () => socket.write(hello));
  socket.on("close", () => process.stdout.write(JSON.stringify(frames)));
}
