// One end of a conversation in which one side tells the other where to send something, in a protocol that the kernel has a
// helper for:
//
//   expect-end.ts serve tftp|irc|sip
//   expect-end.ts call  tftp|irc|sip SERVER OWN_ADDRESS
//
// The server prints "told ADDRESS PORT" when it knows where to, and sends what comes on its standard input there. The caller
// prints what arrives.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const [mode = "", protocol = "", server = "", own = ""] = process.argv.slice(2);
const ports = { tftp: 69, irc: 6_667, sip: 5_060 } as const;
/** Where the caller wants to be spoken to. */
const DATA_PORT = 40_000;
const say = (text: string) => process.stdout.write(`${text}\n`);
const lines = createInterface(process.stdin);

function sendDatagrams(address: string, port: number): void {
  say(`told ${address} ${port}`);
  const socket = createSocket("udp4");
  lines.on("line", (line) => socket.send(line, port, address));
}

/** RFC 1350: the request goes to port 69, the answer comes from another one. */
const tftp = {
  serve: () => {
    const socket = createSocket("udp4").bind(ports.tftp, () => say("ready"));
    socket.on("message", (_, from) => sendDatagrams(from.address, from.port));
  },
  call: () => {
    const socket = createSocket("udp4");
    socket.on("message", (bytes) => say(bytes.toString()));
    socket.send("\0\x01file\0octet\0", ports.tftp, server);
  },
};

/** A client offers a direct chat (DCC): its address as a number, and a port. */
const irc = {
  serve: () => {
    createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        const [, number, port] = bytes.toString().match(/DCC CHAT chat (\d+) (\d+)/) ?? [];
        if (port === undefined) return;
        const parts = [24, 16, 8, 0].map((shift) => (Number(number) >>> shift) & 0xff);
        say(`told ${parts.join(".")} ${port}`);
        lines.on("line", (line) => connect(Number(port), parts.join(".")).write(line));
      });
    }).listen(ports.irc, () => say("ready"));
  },
  call: () => {
    const number = own.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    createServer((socket) => socket.on("data", (bytes) => say(bytes.toString()))).listen(DATA_PORT, own);
    const socket = connect(ports.irc, server);
    socket.write(`PRIVMSG bob :\x01DCC CHAT chat ${number} ${DATA_PORT}\x01\r\n`);
  },
};

/** RFC 3261 and 4566: an invitation says where the caller's ear is. */
const sip = {
  serve: () => {
    const socket = createSocket("udp4").bind(ports.sip, () => say("ready"));
    socket.on("message", (bytes) => {
      const text = bytes.toString();
      sendDatagrams(text.match(/^c=IN IP4 (\S+)/m)?.[1] ?? "", Number(text.match(/^m=audio (\d+)/m)?.[1]));
    });
  },
  call: () => {
    createSocket("udp4")
      .on("message", (bytes) => say(bytes.toString()))
      .bind(DATA_PORT);
    const body = [
      ...["v=0", `o=alice 1 1 IN IP4 ${own}`, "s=-", `c=IN IP4 ${own}`, "t=0 0"],
      ...[`m=audio ${DATA_PORT} RTP/AVP 0`, ""],
    ].join("\r\n");
    const head = [
      ...[`INVITE sip:bob@${server} SIP/2.0`, `Via: SIP/2.0/UDP ${own}:5060;branch=z9hG4bK1`],
      ...["Max-Forwards: 70", `From: <sip:alice@${own}>;tag=1`, `To: <sip:bob@${server}>`],
      ...[`Call-ID: 1@${own}`, "CSeq: 1 INVITE", `Contact: <sip:alice@${own}:5060>`],
      ...["Content-Type: application/sdp", `Content-Length: ${body.length}`, "", ""],
    ].join("\r\n");
    const socket = createSocket("udp4");
    socket.bind(ports.sip, () => socket.send(head + body, ports.sip, server));
  },
};

const ends = { tftp, irc, sip }[protocol];
if (mode === "serve") ends?.serve();
else ends?.call();
