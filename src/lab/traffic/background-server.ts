/**
 * Answers the handshakes of the background flows, as raw frames; runs in the WAN's namespace. Can later check
 * every flow from its side: only a gateway that still knows a flow brings such a packet to its subscriber.
 */
import { setPriority } from "node:os";
import { PacketSocket } from "../../linux/packet-socket.ts";
import { PollSet } from "../../linux/poll.ts";
import { CLIENT_SEQUENCE, SERVER_SEQUENCE, SERVICE_PORT, SERVICES } from "./background-plan.ts";
import { deviceMac, Gateway } from "./neighbour.ts";
import {
  decodeTcpFrame,
  destinationFilter,
  encodeTcpFrame,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
  type TcpSegment,
} from "./tcp-frame.ts";
import { PolledCommands, workerOptions } from "./worker-side.ts";

export interface BackgroundServerOptions {
  readonly device: string;
  /** The gateway's public address. */
  readonly gateway: string;
  readonly checksPerSecond: number;
}

export interface BackgroundServerReport {
  /** Flows with a complete handshake. */
  readonly established: number;
  /** Of those: answered the check that runs or ran last. */
  readonly checked: number;
  readonly checking: boolean;
}

// As in background-client.ts.
const WINDOW = 192;
const RETRY_MS = 300;
const BUSY_WAIT_MS = 1;
// On a busy machine frames are dropped on the way, so a flow is asked often before it is given up; but when
// nobody has answered for a while, nobody will.
const CHECK_ATTEMPTS_MAX = 12;
const CHECK_SILENCE_MS = 4_000;

interface Flow {
  /** The server's view of it: the remote side is the gateway's public address. */
  readonly service: number;
  readonly remote: number;
  readonly remotePort: number;
  sentMs: number;
  attempts: number;
  checked: boolean;
}

const options = workerOptions<BackgroundServerOptions>();
setPriority(10);
const mac = deviceMac(options.device);
const socket = new PacketSocket({
  device: options.device,
  etherType: 0x0800,
  filter: destinationFilter(SERVICES, { destinationPort: SERVICE_PORT }),
});
const frame = new DataView(new ArrayBuffer(2_048));
const frameBytes = new Uint8Array(frame.buffer);
const halfOpen = new Map<number, Flow>();
const flows = new Map<number, Flow>();
const gateway = new Gateway(options.gateway);
/** Frames that the pace allows now, and when that was worked out. */
let budget = 0;
let budgetMs = 0;
let checkedMs = 0;
let checked = 0;
/** Flows that the check has not asked yet, and those that it waits for. */
let unasked: Flow[] = [];
let asked = new Set<Flow>();

const commands = new PolledCommands((command): BackgroundServerReport => {
  if (command.do === "check") beginCheck();
  return { established: flows.size, checked, checking: unasked.length + asked.size > 0 };
});
const poll = new PollSet([commands.fd, socket.fd]);

for (;;) {
  const idle = halfOpen.size + unasked.length + asked.size === 0;
  poll.wait(idle ? Number.POSITIVE_INFINITY : BUSY_WAIT_MS);
  if (poll.readable(0)) commands.read();
  receive();
  repeatHandshakes(performance.now());
  check(performance.now());
}

function receive(): void {
  const answers: Uint8Array[] = [];
  for (let length = socket.receive(frameBytes); length > 0; length = socket.receive(frameBytes)) {
    const segment = decodeTcpFrame(frame, length);
    if (segment === undefined || (segment.flags & TCP_RST) !== 0) continue;
    const key = (segment.destination & 0xffff) * 65_536 + segment.sourcePort;
    if ((segment.flags & TCP_SYN) !== 0) {
      const flow = flows.get(key) ?? halfOpen.get(key) ?? flowOf(segment);
      if (!flows.has(key)) halfOpen.set(key, flow);
      flow.sentMs = performance.now();
      answers.push(segmentTo(flow, TCP_SYN | TCP_ACK));
    } else {
      acknowledge(key);
    }
  }
  socket.sendMany(answers);
}

function acknowledge(key: number): void {
  const opened = halfOpen.get(key);
  if (opened !== undefined) {
    halfOpen.delete(key);
    flows.set(key, opened);
    return;
  }
  const flow = flows.get(key);
  if (flow === undefined || !asked.delete(flow) || flow.checked) return;
  flow.checked = true;
  checked += 1;
  checkedMs = performance.now();
}

/** A client whose last step was lost is asked again, so that the gateway sees every handshake complete. */
function repeatHandshakes(nowMs: number): void {
  const frames: Uint8Array[] = [];
  for (const flow of halfOpen.values()) {
    if (nowMs - flow.sentMs < RETRY_MS || frames.length >= WINDOW) continue;
    flow.sentMs = nowMs;
    frames.push(segmentTo(flow, TCP_SYN | TCP_ACK));
  }
  if (frames.length > 0) socket.sendMany(frames);
}

function beginCheck(): void {
  budget = 0;
  budgetMs = checkedMs = performance.now();
  checked = 0;
  unasked = [...flows.values()];
  asked = new Set();
  for (const flow of unasked) {
    flow.checked = false;
    flow.attempts = 0;
  }
}

/** Asks flow after flow whether it still goes through; who does not answer is asked again a few times. */
function check(nowMs: number): void {
  if (unasked.length + asked.size === 0) return;
  if (nowMs - checkedMs > CHECK_SILENCE_MS) {
    unasked = [];
    asked.clear();
    return;
  }
  const frames: Uint8Array[] = [];
  budget = Math.min(WINDOW, budget + ((nowMs - budgetMs) / 1_000) * options.checksPerSecond);
  budgetMs = nowMs;
  // In the order of asking, so the first that is not due ends the round.
  for (const flow of asked) {
    if (nowMs - flow.sentMs < RETRY_MS || frames.length >= budget) break;
    asked.delete(flow);
    if (flow.attempts < CHECK_ATTEMPTS_MAX) frames.push(ask(flow, nowMs));
  }
  while (frames.length < budget) {
    const flow = unasked.pop();
    if (flow === undefined) break;
    frames.push(ask(flow, nowMs));
  }
  budget -= frames.length;
  if (frames.length > 0) socket.sendMany(frames);
}

function ask(flow: Flow, nowMs: number): Uint8Array {
  flow.sentMs = nowMs;
  flow.attempts += 1;
  asked.add(flow);
  return segmentTo(flow, TCP_ACK);
}

function flowOf(segment: TcpSegment): Flow {
  return {
    service: segment.destination,
    remote: segment.source,
    remotePort: segment.sourcePort,
    sentMs: 0,
    attempts: 0,
    checked: false,
  };
}

function segmentTo(flow: Flow, flags: number): Uint8Array {
  const isSyn = (flags & TCP_SYN) !== 0;
  return encodeTcpFrame(gateway.mac(performance.now()), mac, {
    source: flow.service,
    sourcePort: SERVICE_PORT,
    destination: flow.remote,
    destinationPort: flow.remotePort,
    sequence: isSyn ? SERVER_SEQUENCE : SERVER_SEQUENCE + 1,
    acknowledgment: CLIENT_SEQUENCE + 1,
    flags,
  });
}
