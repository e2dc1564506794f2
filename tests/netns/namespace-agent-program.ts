/** Runs in a network namespace and does what namespace-commands.ts says: a line of JSON in, a line of JSON out. */
import { createSocket, type SocketType } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { pingProbe } from "../../src/daemon/drivers/ping-probe.ts";
import { nodeDnsName } from "../../src/keys/read-keys.ts";
import { PacketSocket } from "../../src/linux/packet-socket.ts";
import type { AgentAnswer, AgentAnswers, AgentCommand } from "./namespace-commands.ts";

const ETHERTYPE_ALL = 3; // ETH_P_ALL, uapi linux/if_ether.h
const CAPTURE_PERIOD_MS = 2;
const CAPTURE_BUFFER_BYTES = 4 << 20;
const ANSWER_LIMIT_MS = 2_000;
const SEND_BATCH = 100;
const CONNECTION_LIMIT_MS = 5_000;

type Command<Name extends AgentCommand["do"]> = AgentCommand & { readonly do: Name };

/** What has passed a device, and when each frame was read. */
interface Capture {
  readonly frames: string[];
  readonly atMs: number[];
}

const captures = new Map<string, Capture>();
const kept: Socket[] = [];

function carryOut(command: AgentCommand): Promise<AgentAnswer> {
  switch (command.do) {
    case "serve":
      return serve(command);
    case "ask":
      return command.protocol === "tcp" ? askTcp(command) : askUdp(command);
    case "ping":
      return ping(command);
    case "capture":
      return Promise.resolve(capture(command));
    case "captured":
      return captured(command);
    case "send-frames":
      return sendFrames(command);
    case "send-datagrams":
      return sendDatagrams(command);
    case "send-tcp":
      return sendTcp(command);
    case "send-tls":
      return sendTls(command);
  }
}

async function serve({ port, ports = false }: Command<"serve">): Promise<AgentAnswers["serve"]> {
  const seen = (address: string | undefined, from: number | undefined) =>
    ports ? `${plain(address)} ${from}` : plain(address);
  const server = createServer((socket) => {
    socket.on("data", () => socket.write(seen(socket.remoteAddress, socket.remotePort)));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(port, "::", done));
  // One for each family: an answer then leaves from the address that was asked.
  for (const type of ["udp4", "udp6"] as const) {
    const socket = createSocket({ type, ipv6Only: type === "udp6" });
    socket.on("message", (_, from) => socket.send(seen(from.address, from.port), from.port, from.address));
    await new Promise<void>((done) => socket.bind(port, done));
  }
  return { listening: true };
}

/** Without the prefix of an IPv4 address in an IPv6 socket. */
function plain(address: string | undefined): string {
  return (address ?? "nobody").replace(/^::ffff:/, "");
}

function askTcp(command: Command<"ask">): Promise<AgentAnswers["ask"]> {
  const { host, port, localAddress, localPort } = command;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(localPort === undefined ? {} : { localPort }),
    });
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error("no answer")));
    socket.on("connect", () => socket.write("word"));
    socket.on("error", (error) => resolve({ failed: error.message }));
    socket.once("data", (bytes) => {
      resolve({ seen: bytes.toString() });
      socket.setTimeout(0);
      if (command.keep === true) kept.push(socket);
      else socket.end();
    });
  });
}

function askUdp(command: Command<"ask">): Promise<AgentAnswers["ask"]> {
  const { host, port, localAddress, localPort, connected = false } = command;
  const type: SocketType = host.includes(":") ? "udp6" : "udp4";
  return new Promise((resolve) => {
    const socket = createSocket(type);
    const finish = (answer: AgentAnswers["ask"]) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ failed: "no answer" }), ANSWER_LIMIT_MS);
    socket.on("error", (error) => finish({ failed: error.message }));
    socket.on("message", (bytes) => finish({ seen: bytes.toString() }));
    socket.bind(localPort ?? 0, localAddress, () => {
      if (connected) socket.connect(port, host, () => socket.send("word"));
      else socket.send("word", port, host);
    });
  });
}

async function ping({ device, host }: Command<"ping">): Promise<AgentAnswers["ping"]> {
  const probe = pingProbe({ device, source: undefined, target: host, timeoutMs: ANSWER_LIMIT_MS });
  return { answered: (await probe()).good };
}

function capture({ device }: Command<"capture">): AgentAnswers["capture"] {
  const socket = new PacketSocket({
    device,
    etherType: ETHERTYPE_ALL,
    receiveBufferBytes: CAPTURE_BUFFER_BYTES,
  });
  const passed: Capture = { frames: [], atMs: [] };
  const bytes = new Uint8Array(4_096);
  setInterval(() => {
    for (let length = socket.receive(bytes); length > 0; length = socket.receive(bytes)) {
      passed.frames.push(Buffer.from(bytes.subarray(0, length)).toString("hex"));
      passed.atMs.push(performance.now());
    }
  }, CAPTURE_PERIOD_MS);
  captures.set(device, passed);
  return { capturing: true };
}

async function captured({ device }: Command<"captured">): Promise<AgentAnswers["captured"]> {
  // What has arrived already is read first.
  await sleep(2 * CAPTURE_PERIOD_MS);
  const passed = captures.get(device);
  return { frames: passed?.frames.splice(0) ?? [], atMs: passed?.atMs.splice(0) ?? [] };
}

async function sendFrames({ device, frames }: Command<"send-frames">): Promise<AgentAnswers["send-frames"]> {
  const socket = new PacketSocket({ device, etherType: 0 });
  let sent = 0;
  for (const [index, frame] of frames.entries()) {
    if (socket.send(Buffer.from(frame, "hex"))) sent++;
    if (index % SEND_BATCH === SEND_BATCH - 1) await sleep(1);
  }
  socket.close();
  return { sent };
}

async function sendDatagrams(command: Command<"send-datagrams">): Promise<AgentAnswers["send-datagrams"]> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(0, command.localAddress, done));
  for (const [index, datagram] of command.datagrams.entries()) {
    await new Promise<void>((done) =>
      socket.send(Buffer.from(datagram, "hex"), command.port, command.host, () => done()),
    );
    if (index % SEND_BATCH === SEND_BATCH - 1) await sleep(1);
  }
  socket.close();
  return { sent: command.datagrams.length };
}

async function sendTcp(command: Command<"send-tcp">): Promise<AgentAnswers["send-tcp"]> {
  const { host, port, localAddress, contents } = command;
  for (const content of contents) {
    await untilClosed(connect({ host, port, localAddress }), "connect", content);
  }
  return { closed: contents.length };
}

async function sendTls(command: Command<"send-tls">): Promise<AgentAnswers["send-tls"]> {
  const { host, port, localAddress, keysDirectory, node, peer, contents } = command;
  const read = (name: string) => readFileSync(join(keysDirectory, name));
  for (const content of contents) {
    const socket = connectTls({
      socket: connect({ host, port, localAddress }),
      servername: nodeDnsName(peer),
      ca: read("ca.crt"),
      cert: read(`${node}.crt`),
      key: read(`${node}.key`),
    });
    await untilClosed(socket, "secureConnect", content);
  }
  return { closed: contents.length };
}

/** Sends once the connection stands, and waits until the other side has had enough of it. */
function untilClosed(socket: Socket, opened: "connect" | "secureConnect", content: string): Promise<void> {
  return new Promise((resolve) => {
    socket.setTimeout(CONNECTION_LIMIT_MS, () => socket.destroy());
    socket.on(opened, () => socket.end(Buffer.from(content, "hex")));
    socket.on("data", () => undefined);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve());
  });
}

let work: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin })
  .on("line", (line) => {
    work = work
      .then(() => carryOut(JSON.parse(line) as AgentCommand))
      .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }))
      .then((answer) => void process.stdout.write(`${JSON.stringify(answer)}\n`));
  })
  .on("close", () => process.exit(0));
