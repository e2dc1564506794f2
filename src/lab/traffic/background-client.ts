/**
 * Opens background flows: real TCP handshakes of many subscribers, made as raw frames; runs in the LAN's
 * namespace. Answers the server's checks of single flows later on.
 */
import { setPriority } from "node:os";
import { PacketSocket } from "../../linux/packet-socket.ts";
import { PollSet } from "../../linux/poll.ts";
import {
  backgroundFlow,
  backgroundFlowIndex,
  CLIENT_SEQUENCE,
  SERVER_SEQUENCE,
  SERVICE_PORT,
  SUBSCRIBERS,
} from "./background-plan.ts";
import { deviceMac, Gateway } from "./neighbour.ts";
import { decodeTcpFrame, destinationFilter, encodeTcpFrame, TCP_ACK, TCP_SYN } from "./tcp-frame.ts";
import { PolledCommands, workerOptions } from "./worker-side.ts";

export interface BackgroundClientOptions {
  readonly flows: number;
  readonly perSecond: number;
  readonly device: string;
  readonly gateway: string;
}

export interface BackgroundClientReport {
  /** Flows whose handshake was answered. */
  readonly answered: number;
  readonly retries: number;
}

// The kernel's receive buffer holds about 250 small frames: never more answers than that on their way.
const WINDOW = 192;
const RETRY_MS = 300;
const BUSY_WAIT_MS = 1;

const options = workerOptions<BackgroundClientOptions>();
// The gateways must not be late because of this load's generator, which shares their processors.
setPriority(10);
const mac = deviceMac(options.device);
const gateway = new Gateway(options.gateway);
const socket = new PacketSocket({
  device: options.device,
  etherType: 0x0800,
  filter: destinationFilter(SUBSCRIBERS, { sourcePort: SERVICE_PORT }),
});
const frame = new DataView(new ArrayBuffer(2_048));
const frameBytes = new Uint8Array(frame.buffer);
const sentMs = new Float64Array(options.flows);
const done = new Uint8Array(options.flows);
let answered = 0;
let retries = 0;
let next = 0;
let firstOpen = 0;
let retriedMs = 0;

const commands = new PolledCommands((): BackgroundClientReport => ({ answered, retries }));
const poll = new PollSet([commands.fd, socket.fd]);
const startMs = performance.now();

for (;;) {
  poll.wait(answered === options.flows ? Number.POSITIVE_INFINITY : BUSY_WAIT_MS);
  if (poll.readable(0)) commands.read();
  receive();
  if (answered < options.flows) open(performance.now());
}

/** Answers what has arrived: the second step of a handshake, or a check. */
function receive(): void {
  const answers: Uint8Array[] = [];
  for (let length = socket.receive(frameBytes); length > 0; length = socket.receive(frameBytes)) {
    const segment = decodeTcpFrame(frame, length);
    if (segment === undefined || (segment.flags & TCP_ACK) === 0) continue;
    const index = backgroundFlowIndex(segment.source, segment.destinationPort);
    if (index < 0 || index >= options.flows) continue;
    if ((segment.flags & TCP_SYN) !== 0 && done[index] === 0) {
      done[index] = 1;
      answered += 1;
    }
    answers.push(segmentOf(index, TCP_ACK));
  }
  socket.sendMany(answers);
}

/** Opens as many flows as pace and window allow, and tries again what has found no answer. */
function open(nowMs: number): void {
  const frames: Uint8Array[] = [];
  const paced = Math.min(options.flows, Math.ceil(((nowMs - startMs) / 1_000) * options.perSecond));
  while (next < paced && next - answered < WINDOW) frames.push(begin(next++, nowMs));
  if (nowMs - retriedMs >= RETRY_MS / 3) {
    retriedMs = nowMs;
    while (firstOpen < next && done[firstOpen] === 1) firstOpen += 1;
    for (let index = firstOpen; index < next && frames.length < WINDOW; index++) {
      if (done[index] === 1 || nowMs - (sentMs[index] ?? 0) < RETRY_MS) continue;
      frames.push(begin(index, nowMs));
      retries += 1;
    }
  }
  socket.sendMany(frames);
}

function begin(index: number, nowMs: number): Uint8Array {
  sentMs[index] = nowMs;
  return segmentOf(index, TCP_SYN);
}

function segmentOf(index: number, flags: number): Uint8Array {
  const flow = backgroundFlow(index);
  const isSyn = flags === TCP_SYN;
  return encodeTcpFrame(gateway.mac(performance.now()), mac, {
    source: flow.subscriber,
    sourcePort: flow.subscriberPort,
    destination: flow.service,
    destinationPort: SERVICE_PORT,
    sequence: isSyn ? CLIENT_SEQUENCE : CLIENT_SEQUENCE + 1,
    acknowledgment: isSyn ? 0 : SERVER_SEQUENCE + 1,
    flags,
  });
}
