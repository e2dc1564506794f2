// One end of a conversation in a transport that Node.js does not speak, over IPv4 and sockets of the kernel's:
//
//   raw-end.ts serve udplite|gre|sctp
//   raw-end.ts call  udplite|gre|sctp ADDRESS
//
// As echo-end.ts: `call` prints "connected", sends the lines of its standard input, and prints what comes back. SCTP
// (RFC 9260) is spoken as far as a tracker looks: the four packets of the handshake, then DATA.
import { createInterface } from "node:readline";
import { validIp } from "../../src/base/ip.ts";
import { bindSocket, openSocket, receiveFrom, sendTo } from "../../src/linux/libc.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const protocols: Readonly<Record<string, number>> = { gre: 47, sctp: 132, udplite: 136 };
const PORT = 5_005;
const CALLER_PORT = 41_005;
const POLL_MS = 5;

const [mode = "", name = "", address = "0.0.0.0"] = process.argv.slice(2);
const say = (text: string) => process.stdout.write(`${text}\n`);
const isServer = mode === "serve";
const isRaw = name !== "udplite";
const fd = openSocket(AF_INET, isRaw ? SOCK_RAW : SOCK_DGRAM, protocols[name] ?? 0);
let peer = socketAddress(validIp(address), PORT);
if (!isRaw) bindSocket(fd, socketAddress(validIp("0.0.0.0"), isServer ? PORT : CALLER_PORT));

function socketAddress(ip: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(16); // struct sockaddr_in
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(ip, 4);
  return bytes;
}

function send(bytes: Uint8Array): void {
  sendTo(fd, bytes, bytes.length, 0, peer);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const plain = (bytes: Uint8Array) => new TextEncoder().encode(new TextDecoder().decode(bytes));

// GRE without key and checksum (RFC 2784): flags, then the payload's type, here IPv4's.
const GRE_HEADER = Uint8Array.of(0, 0, 0x08, 0x00);

// SCTP chunks.
const [DATA, INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK] = [0, 1, 2, 10, 11] as const;
const ownTag = isServer ? 0xb0b0_b0b0 : 0xa0a0_a0a0;
let peerTag = 0;

function sctp(type: number, body: Uint8Array, tag = peerTag): Uint8Array {
  const length = 4 + body.length;
  const bytes = new Uint8Array(12 + ((length + 3) & ~3));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isServer ? PORT : CALLER_PORT);
  view.setUint16(2, isServer ? callerPort : PORT);
  view.setUint32(4, tag);
  view.setUint8(12, type);
  view.setUint8(13, type === DATA ? 3 : 0); // DATA: the first and the last fragment.
  view.setUint16(14, length);
  bytes.set(body, 16);
  view.setUint32(8, crc32c(bytes), true);
  return bytes;
}

let callerPort = CALLER_PORT;

/** Tag, window, streams out and in, first number. */
function initBody(): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, ownTag);
  view.setUint32(4, 0xffff);
  view.setUint16(8, 1);
  view.setUint16(10, 1);
  view.setUint32(12, 1);
  return body;
}

const DATA_HEADER_BYTES = 12; // Number, stream, number in the stream, payload's protocol.

function data(payload: Uint8Array): Uint8Array {
  const body = new Uint8Array(DATA_HEADER_BYTES + payload.length);
  body.set(payload, DATA_HEADER_BYTES);
  return sctp(DATA, body);
}

function receiveSctp(packet: Uint8Array): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet.length < 16 || view.getUint16(2) !== (isServer ? PORT : CALLER_PORT)) return;
  const type = view.getUint8(12);
  if (isServer) callerPort = view.getUint16(0);
  if (type === INIT || type === INIT_ACK) peerTag = view.getUint32(16);
  if (type === INIT) send(sctp(INIT_ACK, initBody()));
  else if (type === INIT_ACK) send(sctp(COOKIE_ECHO, Uint8Array.of(1, 2, 3, 4)));
  else if (type === COOKIE_ECHO) send(sctp(COOKIE_ACK, new Uint8Array(0)));
  else if (type === COOKIE_ACK) say("connected");
  else if (type === DATA) receivePayload(packet.subarray(16 + DATA_HEADER_BYTES, 12 + view.getUint16(14)));
}

function receivePayload(payload: Uint8Array): void {
  if (!isServer) say(text(payload));
  else sendPayload(plain(payload));
}

function sendPayload(payload: Uint8Array): void {
  if (name === "gre") send(Uint8Array.from([...GRE_HEADER, ...payload]));
  else if (name === "sctp") send(data(payload));
  else send(payload);
}

function receive(datagram: Uint8Array): void {
  // Raw sockets show the IPv4 header.
  const packet = isRaw ? datagram.subarray(((datagram[0] ?? 0) & 0x0f) * 4) : datagram;
  if (name === "sctp") receiveSctp(packet);
  else receivePayload(name === "gre" ? packet.subarray(GRE_HEADER.length) : packet);
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

const into = new Uint8Array(2_048);
const from = new Uint8Array(16);
setInterval(() => {
  for (;;) {
    const length = receiveFrom(fd, into, MSG_DONTWAIT, from);
    if (length <= 0) return;
    if (isServer) peer = from.slice();
    receive(into.slice(0, length));
  }
}, POLL_MS);
if (isServer) say("ready");
else if (name === "sctp") send(sctp(INIT, initBody(), 0));
else say("connected");
createInterface(process.stdin).on("line", (line) => sendPayload(new TextEncoder().encode(line)));
