// One end of a conversation for tests: what arrives at `serve` goes back; `call` sends the lines of its standard input
// and prints the lines that come back, "closed" when the other end ends the conversation, and "failed: CODE" on errors.
//
//   echo-end.ts serve tcp|udp ADDRESS PORT
//   echo-end.ts call tcp|udp ADDRESS PORT LOCAL_PORT [LOCAL_ADDRESS]
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const [mode = "", protocol = "", address = "", portText = "", localPortText = "", localAddress] =
  process.argv.slice(2);
const port = Number(portText);
const say = (text: string) => process.stdout.write(`${text}\n`);
const failed = (error: NodeJS.ErrnoException) => say(`failed: ${error.code ?? error.message}`);

if (mode === "serve") serve();
else call();

function serve(): void {
  if (protocol === "tcp") {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    server.listen(port, address, () => say("ready"));
    return;
  }
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(port, address, () => say("ready"));
}

function call(): void {
  const localPort = Number(localPortText);
  const lines = createInterface(process.stdin);
  if (protocol === "tcp") {
    const socket = connect({
      ...{ host: address, port, localPort, noDelay: true },
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    socket.on("connect", () => say("connected"));
    socket.on("error", failed);
    socket.on("close", () => say("closed"));
    socket.setEncoding("utf8").on("data", (text) => process.stdout.write(text));
    lines.on("line", (line) => socket.write(`${line}\n`));
    lines.on("close", () => socket.end());
    return;
  }
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes) => say(bytes.toString()));
  socket.on("error", failed);
  socket.bind(localPort, localAddress, () => say("connected"));
  lines.on("line", (line) => socket.send(line, port, address));
  lines.on("close", () => socket.close());
}
