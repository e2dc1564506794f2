// One end of a PPTP call (RFC 2637), over IPv4: a control connection on port 1723, and GRE packets with the other end's call id.
//
//   pptp-end.ts serve
//   pptp-end.ts call SERVER
//
// Both print "connected CALL" when the call is up, with the other end's call id; lines of the standard input go through
// the call, and what comes out of it is printed, if it was meant for this end's call id.
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { validIp } from "../../src/base/ip.ts";
import { openSocket, receiveFrom, sendTo } from "../../src/linux/libc.ts";

const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_GRE = 47;
const MSG_DONTWAIT = 0x40;
const CONTROL_PORT = 1_723;
const MAGIC = 0x1a2b3c4d;
const POLL_MS = 5;
// Control messages: their numbers and lengths.
const START_REQUEST = 1;
const START_REPLY = 2;
const OUTGOING_CALL_REQUEST = 7;
const OUTGOING_CALL_REPLY = 8;
const lengths: Readonly<Record<number, number>> = { 1: 156, 2: 156, 7: 168, 8: 32 };
const RESULT_OK = 1;

const [mode = "", server = ""] = process.argv.slice(2);
const isServer = mode === "serve";
const ownCall = isServer ? 777 : 555;
const say = (text: string) => process.stdout.write(`${text}\n`);
const fd = openSocket(AF_INET, SOCK_RAW, IPPROTO_GRE);
let peer = server;
let peerCall = 0;

function message(type: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(lengths[type] ?? 0);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length);
  view.setUint16(2, 1); // A control message.
  view.setUint32(4, MAGIC);
  view.setUint16(8, type);
  fill(view);
  return bytes;
}

function answer(control: Socket, type: number, view: DataView): void {
  if (type === START_REQUEST) control.write(message(START_REPLY, (reply) => reply.setUint8(14, RESULT_OK)));
  if (type === START_REPLY) {
    control.write(message(OUTGOING_CALL_REQUEST, (request) => request.setUint16(12, ownCall)));
  }
  if (type !== OUTGOING_CALL_REQUEST && type !== OUTGOING_CALL_REPLY) return;
  peerCall = view.getUint16(12);
  if (type === OUTGOING_CALL_REQUEST) {
    const reply = message(OUTGOING_CALL_REPLY, (fields) => {
      fields.setUint16(12, ownCall);
      fields.setUint16(14, peerCall);
      fields.setUint8(16, RESULT_OK);
    });
    control.write(reply);
  }
  say(`connected ${peerCall}`);
}

function listen(control: Socket): void {
  control.on("error", () => undefined);
  control.on("data", (bytes: Buffer) => {
    for (let start = 0; start + 12 <= bytes.length; start += Math.max(12, bytes.readUInt16BE(start))) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
      answer(control, view.getUint16(8), view);
    }
  });
}

/** Enhanced GRE (RFC 2637 4.1): key and sequence present, version 1; PPP; length, call id, sequence. */
function send(text: string): void {
  const payload = new TextEncoder().encode(text);
  const bytes = new Uint8Array(12 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x3001);
  view.setUint16(2, 0x880b);
  view.setUint16(4, payload.length);
  view.setUint16(6, peerCall);
  bytes.set(payload, 12);
  const to = new Uint8Array(16); // struct sockaddr_in
  to[0] = AF_INET;
  to.set(validIp(peer), 4);
  sendTo(fd, bytes, bytes.length, 0, to);
}

const into = new Uint8Array(2_048);
setInterval(() => {
  for (;;) {
    const length = receiveFrom(fd, into, MSG_DONTWAIT, null);
    if (length <= 0) return;
    const packet = into.subarray(((into[0] ?? 0) & 0x0f) * 4, length);
    const call = new DataView(packet.buffer, packet.byteOffset).getUint16(6);
    if (call === ownCall) say(new TextDecoder().decode(packet.subarray(12)));
  }
}, POLL_MS);
createInterface(process.stdin).on("line", send);

if (isServer) {
  createServer((control) => {
    peer = (control.remoteAddress ?? "").replace("::ffff:", "");
    listen(control);
  }).listen(CONTROL_PORT, () => say("ready"));
} else {
  const control = connect(CONTROL_PORT, server);
  control.write(message(START_REQUEST, () => undefined));
  listen(control);
}
