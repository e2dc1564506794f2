// A small FTP client (RFC 959) that does one step at a time, for tests that take a gateway away between two of them.
// It reads commands from its standard input and prints what happens, a line each:
//
//   open ADDRESS          connects to port 21            reply CODE TEXT (each line that the server says)
//   say COMMAND           sends a command
//   listen                waits for a data connection    listening PORT
//   connect ADDRESS PORT  opens a data connection
//   progress              how many bytes of data came    progress BYTES
//                         when the data end              data BYTES SHA256
//
// Its argument is its own address.
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

const [localAddress = ""] = process.argv.slice(2);
let control: Socket | undefined;
let received = 0;
const print = (text: string) => process.stdout.write(`${text}\n`);

function open(address: string): void {
  control = connect({ host: address, port: 21, localAddress });
  control.on("error", (error) => print(`failed control ${error.message}`));
  control.on("close", () => print("closed"));
  createInterface(control).on("line", (line) => print(`reply ${line}`));
}

function receive(data: Socket): void {
  const hash = createHash("sha256");
  received = 0;
  data.on("data", (bytes) => {
    received += bytes.length;
    hash.update(bytes);
  });
  data.on("error", (error) => print(`failed data ${error.message}`));
  data.on("end", () => print(`data ${received} ${hash.digest("hex")}`));
}

function listen(): void {
  const server = createServer((data) => {
    server.close();
    receive(data);
  });
  server.listen(0, localAddress, () => {
    const bound = server.address();
    print(`listening ${bound !== null && typeof bound === "object" ? bound.port : 0}`);
  });
}

createInterface(process.stdin).on("line", (line) => {
  const [command, ...words] = line.split(" ");
  const [address = "", port] = words;
  if (command === "open") open(address);
  else if (command === "say") control?.write(`${words.join(" ")}\r\n`);
  else if (command === "listen") listen();
  else if (command === "connect") receive(connect({ host: address, port: Number(port), localAddress }));
  else if (command === "progress") print(`progress ${received}`);
});
