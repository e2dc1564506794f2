/**
 * The subscribers of the generator: opens and closes connections through the gateway as raw frames, at a pace or as
 * fast as the answers come; runs in the LAN's namespace, one process a part.
 */
import { SUBSCRIBERS } from "../../../src/lab/traffic/background-plan.ts";
import { deviceMac, neighbourMac } from "../../../src/lab/traffic/neighbour.ts";
import { destinationFilter } from "../../../src/lab/traffic/tcp-frame.ts";
import { PolledCommands, type WorkerCommand, workerOptions } from "../../../src/lab/traffic/worker-side.ts";
import { PacketSocket } from "../../../src/linux/packet-socket.ts";
import { PollSet } from "../../../src/linux/poll.ts";
import {
  indexOf,
  PART_MASK,
  partNetwork,
  portOf,
  SHORT_PORT,
  STREAM_PORT,
  serviceOf,
  subscriberOf,
  TCP_PORT,
} from "./flow-plan.ts";
import { ReceiveBatch, SendBatch } from "./frame-batch.ts";
import {
  AnswerStep,
  destinationAt,
  destinationPortAt,
  type FrameFlow,
  FrameTemplate,
  PROTOCOL_UDP,
  protocolAt,
  SLOT_BYTES,
  segmentAt,
  segments,
  sourcePortAt,
} from "./generator-frame.ts";

export interface GeneratorClientOptions {
  readonly device: string;
  readonly gateway: string;
  readonly part: number;
  readonly receiveBufferBytes: number;
}

/** What one part is to do from now on, until it is stopped. */
export interface GeneratorLoad {
  /** New TCP connections a second; null: as many as the window lets through. */
  readonly tcpPerSecond: number | null;
  /** No more than this many; null: no limit. */
  readonly tcpTotal: number | null;
  /** Handshakes under way at one time. */
  readonly window: number;
  /** From a connection's beginning to its close; null: it stays open. */
  readonly holdMs: number | null;
  /** One connection in this many is closed by RST, the others by FIN. */
  readonly resetEvery: number;
  /** UDP exchanges of one question and one answer, a second. */
  readonly shortPerSecond: number;
  /** UDP exchanges that go on for three seconds, a second. */
  readonly streamsPerSecond: number;
}

/** Everything since the start. */
export interface GeneratorClientReport {
  readonly opened: number;
  /** Connections whose SYN was answered. */
  readonly answered: number;
  readonly closing: number;
  /** Closed by RST, or by FIN with an answer. */
  readonly closed: number;
  readonly retries: number;
  /** Connections that the pace asked for and the window held back. */
  readonly behind: number;
  readonly shortSent: number;
  readonly shortAnswered: number;
  readonly streamsBegun: number;
  readonly streamPacketsSent: number;
  readonly streamPacketsAnswered: number;
  readonly refused: number;
  /** True while connections wait to be opened, answered or closed. */
  readonly busy: boolean;
}

type Command = WorkerCommand & Partial<GeneratorLoad>;

/** Connections that are remembered: more than live at one time. */
const RING = 1 << 20;
const STREAM_RING = 1 << 17;
const RETRY_MS = 400;
/** Past two seconds a UDP flow with traffic both ways counts as a stream (nf_conntrack_proto_udp.c). */
const STREAM_STEPS_MS = [0, 2_500, 3_000] as const;
/** Connections opened between two looks at the answers: so many answers must find room. */
const BURST = 512;
const PACE_MS = 1;
const SYN_SENT = 1;
const OPEN = 2;
const CLOSING = 3;
const CLOSED = 4;

const options = workerOptions<GeneratorClientOptions>();
const { part } = options;
const mac = deviceMac(options.device);
const gatewayMac = neighbourMac(options.gateway);
const socket = new PacketSocket({
  device: options.device,
  etherType: 0x0800,
  filter: destinationFilter(partNetwork(SUBSCRIBERS, part), { mask: PART_MASK }),
  receiveBufferBytes: options.receiveBufferBytes,
});
const received = new ReceiveBatch(socket.fd);
const frames = new SendBatch(socket.fd);
const synTemplate = new FrameTemplate(gatewayMac, mac, segments.syn);
const finTemplate = new FrameTemplate(gatewayMac, mac, segments.fin);
const resetTemplate = new FrameTemplate(gatewayMac, mac, segments.reset);
const datagramTemplate = new FrameTemplate(gatewayMac, mac);
const acknowledge = new AnswerStep(segments.synAck, segments.established);
const finish = new AnswerStep(segments.finAnswer, segments.closed);
const flow: FrameFlow = { source: 0, destination: 0, sourcePort: 0, destinationPort: 0 };

const idle: GeneratorLoad = {
  tcpPerSecond: 0,
  tcpTotal: null,
  window: BURST,
  holdMs: null,
  resetEvery: 1,
  shortPerSecond: 0,
  streamsPerSecond: 0,
};
let load = idle;
let loadMs = 0;
let stopping = true;
/** Numbers at the load's beginning. */
let tcpFirst = 0;
let shortFirst = 0;
let streamFirst = 0;

const state = new Uint8Array(RING);
const sentMs = new Float64Array(RING);
/** Connections by number: the next to open, the first that may be unanswered, the next to close. */
let next = 0;
let oldest = 0;
let nextClose = 0;
let answered = 0;
let closing = 0;
let closed = 0;
let retries = 0;
let retriedMs = 0;
let shortNext = 0;
let shortAnswered = 0;
const streamMs = new Float64Array(STREAM_RING);
/** By step: the next stream to send its packet. */
const streamNext = STREAM_STEPS_MS.map(() => 0);
let streamPacketsSent = 0;
let streamPacketsAnswered = 0;

const commands = new PolledCommands((command) => obey(command as Command));
const poll = new PollSet([commands.fd, socket.fd]);

for (;;) {
  poll.wait(busy() ? PACE_MS : Number.POSITIVE_INFINITY);
  if (poll.readable(0)) commands.read();
  receive();
  const nowMs = performance.now();
  if (!stopping) open(nowMs);
  closeDue(nowMs);
  retry(nowMs);
  sendStreams(nowMs);
  frames.flush();
}

function obey(command: Command): GeneratorClientReport {
  if (command.do === "start") {
    load = { ...idle, ...command };
    loadMs = performance.now();
    stopping = false;
    tcpFirst = next;
    shortFirst = shortNext;
    streamFirst = streamNext[0] ?? 0;
    // What stays open is left alone from here on.
    nextClose = next;
  } else if (command.do === "stop") {
    stopping = true;
  }
  return {
    opened: next,
    answered,
    closing,
    closed,
    retries,
    behind: behind(),
    shortSent: shortNext,
    shortAnswered,
    streamsBegun: streamNext[0] ?? 0,
    streamPacketsSent,
    streamPacketsAnswered,
    refused: frames.refused,
    busy: busy(),
  };
}

function busy(): boolean {
  const opening = !stopping && (load.tcpTotal === null || next - tcpFirst < load.tcpTotal);
  const streaming = (streamNext.at(-1) ?? 0) < (streamNext[0] ?? 0);
  return opening || answered < next || (load.holdMs !== null && nextClose < next) || streaming;
}

function behind(): number {
  if (stopping || load.tcpPerSecond === null) return 0;
  return Math.max(0, paced(load.tcpPerSecond, performance.now(), load.tcpTotal) - (next - tcpFirst));
}

function paced(perSecond: number, nowMs: number, total: number | null): number {
  const due = Math.floor(((nowMs - loadMs) / 1_000) * perSecond);
  return total === null ? due : Math.min(due, total);
}

function receive(): void {
  let count = received.read();
  for (let slot = 0; slot < count; slot++) takeIn(slot * SLOT_BYTES);
  // Bounded, so that what is due is sent meanwhile.
  for (let more = 0; more < 4 && ReceiveBatch.full(count); more++) {
    count = received.read();
    for (let slot = 0; slot < count; slot++) takeIn(slot * SLOT_BYTES);
  }
}

function takeIn(frame: number): void {
  const { view } = received;
  if (protocolAt(view, frame) === PROTOCOL_UDP) {
    if (sourcePortAt(view, frame) === SHORT_PORT) shortAnswered++;
    else streamPacketsAnswered++;
    return;
  }
  const index = indexOf(destinationAt(view, frame), destinationPortAt(view, frame));
  if (index < 0 || index >= next) return;
  const place = index & (RING - 1);
  const segment = segmentAt(view, frame);
  if (segment === "synAck") {
    if (state[place] === SYN_SENT) {
      state[place] = OPEN;
      answered++;
    }
    acknowledge.apply(frames.area, frames.view, frames.copyOf(received, frame));
  } else if (segment === "finAnswer") {
    if (state[place] === CLOSING) {
      state[place] = CLOSED;
      closed++;
    }
    finish.apply(frames.area, frames.view, frames.copyOf(received, frame));
  }
}

function open(nowMs: number): void {
  const room = Math.min(BURST, load.window - (next - answered));
  const wanted =
    load.tcpPerSecond === null
      ? (load.tcpTotal ?? Number.POSITIVE_INFINITY)
      : paced(load.tcpPerSecond, nowMs, load.tcpTotal);
  const count = Math.min(room, wanted - (next - tcpFirst));
  for (let i = 0; i < count; i++) {
    const place = next & (RING - 1);
    state[place] = SYN_SENT;
    sentMs[place] = nowMs;
    send(synTemplate, next++, TCP_PORT);
  }
  const shortWanted = paced(load.shortPerSecond, nowMs, null) + shortFirst;
  for (let i = 0; i < BURST && shortNext < shortWanted; i++) send(datagramTemplate, shortNext++, SHORT_PORT);
  const begun = streamNext[0] ?? 0;
  const streamsWanted = Math.min(begun + BURST, paced(load.streamsPerSecond, nowMs, null) + streamFirst);
  for (let index = begun; index < streamsWanted; index++) {
    streamMs[index & (STREAM_RING - 1)] = nowMs;
    sendStream(0);
  }
}

function closeDue(nowMs: number): void {
  if (load.holdMs === null) return;
  const dueMs = nowMs - load.holdMs;
  for (let i = 0; i < BURST && nextClose < next; i++, nextClose++) {
    const place = nextClose & (RING - 1);
    if ((sentMs[place] ?? 0) > dueMs || state[place] === SYN_SENT) return;
    closing++;
    if (nextClose % load.resetEvery === 0) {
      state[place] = CLOSED;
      closed++;
      send(resetTemplate, nextClose, TCP_PORT);
    } else {
      state[place] = CLOSING;
      send(finTemplate, nextClose, TCP_PORT);
    }
  }
}

/** A SYN that has found no answer is sent again, as a host does. */
function retry(nowMs: number): void {
  while (oldest < next && state[oldest & (RING - 1)] !== SYN_SENT) oldest++;
  if (nowMs - retriedMs < RETRY_MS / 4) return;
  retriedMs = nowMs;
  for (let index = oldest, sent = 0; index < next && sent < BURST; index++) {
    const place = index & (RING - 1);
    if (nowMs - (sentMs[place] ?? 0) < RETRY_MS) return;
    if (state[place] !== SYN_SENT) continue;
    send(synTemplate, index, TCP_PORT);
    retries++;
    sent++;
  }
}

function sendStreams(nowMs: number): void {
  for (let step = 1; step < STREAM_STEPS_MS.length; step++) {
    const dueMs = nowMs - (STREAM_STEPS_MS[step] ?? 0);
    for (let i = 0; i < BURST; i++) {
      const index = streamNext[step] ?? 0;
      if (index >= (streamNext[step - 1] ?? 0) || (streamMs[index & (STREAM_RING - 1)] ?? 0) > dueMs) break;
      sendStream(step);
    }
  }
}

function sendStream(step: number): void {
  const index = streamNext[step] ?? 0;
  streamNext[step] = index + 1;
  streamPacketsSent++;
  send(datagramTemplate, index, STREAM_PORT);
}

function send(template: FrameTemplate, index: number, destinationPort: number): void {
  flow.source = subscriberOf(part, index);
  flow.destination = serviceOf(part, index);
  flow.sourcePort = portOf(index);
  flow.destinationPort = destinationPort;
  template.write(frames.area, frames.view, frames.next(), flow);
}
